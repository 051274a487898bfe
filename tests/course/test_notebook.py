from __future__ import annotations

import nbformat

from fedlab_utils.course import notebook as module
from fedlab_utils.course.notebook import solved_notebook, sources, student_notebook
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
