from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from fedlab_utils.course.address import course_root
from fedlab_utils.course.execute import LARGEST, WIDGET_VIEW, tidy
from fedlab_utils.errors import CourseError

WIDGET = {"model_id": "abc", "version_major": 2, "version_minor": 0}


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
            "text": f"{course_root()}/data <X at 0x7f0012> /tmp/xyz/progress.json.",
        },
    )
    notebook.cells[0].metadata["execution"] = {"iopub.execute_input": "2026-01-01"}
    tidy(notebook, "toy")
    picture, text = notebook.cells[0].outputs
    assert picture.data == {"image/png": "aGk="}
    assert text.text == "fedlab/data <X at 0x…> fedlab/.fedlab/progress.json."
    assert notebook.metadata == {"language_info": {"name": "python"}}
    assert notebook.cells[0].metadata == {}


def test_a_text_that_came_in_pieces_is_joined() -> None:
    pieces = [("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    outputs = [{"output_type": "stream", "name": name, "text": text} for name, text in pieces]
    notebook = shown(*outputs[:2], {"output_type": "display_data", "data": {}}, *outputs[1:])
    tidy(notebook, "toy")
    texts = [output.get("text") for output in notebook.cells[0].outputs]
    assert texts == ["a\nb\n", None, "b\n", "c\n", "d\n"]


def test_a_widget_without_twin_is_refused() -> None:
    data = {WIDGET_VIEW: WIDGET, "text/plain": "VBox()"}
    with pytest.raises(CourseError, match="cell shows shows a widget without a static twin"):
        tidy(shown({"output_type": "display_data", "data": data}), "toy")


def test_a_notebook_too_large_for_github_is_refused() -> None:
    data = {"image/png": "A" * LARGEST}
    with pytest.raises(CourseError, match="MB, more than 2"):
        tidy(shown({"output_type": "display_data", "data": data}), "toy")
