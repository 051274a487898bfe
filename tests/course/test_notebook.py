from __future__ import annotations

import copy
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from fedlab_utils.course import notebook as module
from fedlab_utils.course.address import course_root
from fedlab_utils.course.build import chosen_lessons, write_notebook
from fedlab_utils.course.execute import LARGEST, WIDGET_VIEW, tidy
from fedlab_utils.course.notebook import solved_notebook, sources, student_notebook
from fedlab_utils.errors import CourseError
from tests.course.toy import toy_lesson

WIDGET = {"model_id": "abc", "version_major": 2, "version_minor": 0}


def test_students_get_no_solution_hint_wrong_answer_or_explanation() -> None:
    text = nbformat.writes(student_notebook(toy_lesson()))
    for secret in (
        "FACTOR * v",
        "FACTOR + value",
        "comprehension",
        "assert",
        "nobody reads",
        "No.",
    ):
        assert secret not in text
    assert "# Your turn: multiply each value" in text


def test_cells_come_in_order_with_their_check_and_quiz() -> None:
    cells = {cell.id: cell for cell in student_notebook(toy_lesson()).cells}
    assert list(cells)[:2] == ["opening", "colab-install"]
    names = list(cells)
    assert names.index("check-scale") == names.index("exercise-scale") + 1
    assert cells["check-scale"].source == "check.scale(my_scale)"
    assert cells["quiz-why"].source == 'quiz("why")'


def test_the_solved_twin_differs_in_the_solution_and_author_cells_alone() -> None:
    student = sources(student_notebook(toy_lesson()))
    solved = sources(solved_notebook(toy_lesson()))
    added = [source for *_, source in solved if source not in [s for *_, s in student]]
    assert added == [toy_lesson().exercises["scale"].solution, "assert my_scale([1]) == [3]"]
    assert len(solved) == len(student) + 1


def test_tags_become_those_that_nbval_knows() -> None:
    tags = [cell.metadata.get("tags") for cell in student_notebook(toy_lesson()).cells]
    assert [t for t in tags if t] == [["nbval-check-output"]]


def test_cells_with_the_same_text_have_ids_of_their_own() -> None:
    ids = [cell.id for cell in student_notebook(toy_lesson()).cells]
    assert len(ids) == len(set(ids))
    assert ids == [cell.id for cell in student_notebook(toy_lesson()).cells]


def test_the_opening_tells_minutes_memory_data_and_how_to_open_it_elsewhere(monkeypatch) -> None:
    measured = {"90_toy": {"seconds": 31, "megabytes": 910}}
    monkeypatch.setattr(module, "measurements", lambda: measured)
    heading, line, badges, text = student_notebook(toy_lesson()).cells[0].source.split("\n\n")
    assert heading == "# How does one scale a list?"
    assert line == (
        "*A toy* · about 5 minutes with 1 exercise · runs in 0.6 min with 1.0 GB of memory "
        "· data: none"
    )
    assert badges.count("notebooks/90_toy.ipynb") == 2
    assert text == "Some text."


def shown(*outputs: dict) -> nbformat.NotebookNode:
    cell = new_code_cell("x", id="shows", outputs=[new_output(**output) for output in outputs])
    return new_notebook(
        cells=[cell],
        metadata={
            "widgets": {"state": {}},
            "language_info": {"name": "python", "version": "3.11.7"},
        },
    )


def test_tidying_keeps_the_twin_and_drops_the_widget() -> None:
    notebook = shown(
        {"output_type": "display_data", "data": {WIDGET_VIEW: WIDGET, "image/png": "aGk="}},
        {
            "output_type": "stream",
            "name": "stdout",
            "text": f"{course_root()}/data <X at 0x7f0012>",
        },
    )
    notebook.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    tidy(notebook, "toy")
    picture, text = notebook.cells[0].outputs
    assert picture.data == {"image/png": "aGk="}
    assert text.text == "fedlab/data <X at 0x…>"
    assert notebook.metadata == {"language_info": {"name": "python"}}
    assert notebook.cells[0].metadata == {}


def test_a_widget_without_twin_is_refused() -> None:
    data = {WIDGET_VIEW: WIDGET, "text/plain": "VBox()"}
    with pytest.raises(CourseError, match="cell shows shows a widget without a static twin"):
        tidy(shown({"output_type": "display_data", "data": data}), "toy")


def test_a_notebook_too_large_for_github_is_refused() -> None:
    data = {"image/png": "A" * LARGEST}
    with pytest.raises(CourseError, match="MB, more than 2"):
        tidy(shown({"output_type": "display_data", "data": data}), "toy")


def test_a_notebook_is_written_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    notebook, path = student_notebook(toy_lesson()), tmp_path / "90_toy.ipynb"
    write_notebook(notebook, path)
    before = path.read_bytes()
    assert json.loads(before)["nbformat"] == 4

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    changed = copy.deepcopy(notebook)
    changed.cells.pop()
    with pytest.raises(OSError, match="No space"):
        write_notebook(changed, path)
    assert path.read_bytes() == before


def test_lessons_are_chosen_by_number() -> None:
    assert [lesson.number for lesson in chosen_lessons([0])] == [0]
    with pytest.raises(CourseError, match="lesson 99"):
        chosen_lessons([0, 99])
