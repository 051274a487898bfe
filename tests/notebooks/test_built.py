"""The notebooks in the repository are those that their sources give."""

from __future__ import annotations

import nbformat
import pytest

from fedlab_utils.course.address import course_root, notebooks_folder
from fedlab_utils.course.execute import LARGEST, WIDGET_VIEW
from fedlab_utils.course.notebook import (
    measurements,
    notebook_path,
    sources,
    student_notebook,
)
from fedlab_utils.course.source import Lesson, lessons

every_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.stem)


@every_lesson
def test_nobody_has_edited_the_notebook_by_hand(lesson: Lesson) -> None:
    built = nbformat.read(notebook_path(lesson), as_version=4)
    assert sources(built) == sources(student_notebook(lesson)), "run `make build`"


@every_lesson
def test_the_notebook_is_executed_and_fit_to_be_shown(lesson: Lesson) -> None:
    text = notebook_path(lesson).read_text("utf-8")
    built = nbformat.reads(text, as_version=4)
    nbformat.validate(built)
    assert len(text.encode()) < LARGEST
    assert "widgets" not in built.metadata
    assert str(course_root()) not in text
    cells = [cell for cell in built.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(WIDGET_VIEW in output.get("data", {}) for output in outputs)
    assert not any(output.output_type == "error" for output in outputs)
    assert not any(output.get("name") == "stderr" for output in outputs), "a warning is stored"


@every_lesson
def test_every_stored_picture_has_words(lesson: Lesson) -> None:
    built = nbformat.read(notebook_path(lesson), as_version=4)
    for cell in built.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                alt = output.metadata.get("image/png", {}).get("alt", "")
                assert len(alt) >= 20, f"cell {cell.id} stores a picture without alt text"


@every_lesson
def test_what_was_measured_keeps_the_promise_on_memory(lesson: Lesson) -> None:
    assert measurements()[lesson.stem]["megabytes"] <= 2000


def test_there_is_no_notebook_without_a_source() -> None:
    expected = {notebook_path(lesson) for lesson in lessons()}
    assert set(notebooks_folder().glob("*.ipynb")) == expected
    assert set(measurements()) == {lesson.stem for lesson in lessons()}
