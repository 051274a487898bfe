from __future__ import annotations

import json

import nbformat

from fedlab_utils.course import measure as module
from fedlab_utils.course import notebook
from fedlab_utils.course.build import write_notebook
from fedlab_utils.course.execute import Measured
from fedlab_utils.course.measure import measure, refresh_opening
from fedlab_utils.course.notebook import student_notebook
from tests.course.toy import toy_lesson


def test_figures_are_recorded_and_reach_the_notebook(tmp_path, monkeypatch) -> None:
    for place in (module, notebook):
        monkeypatch.setattr(place, "notebooks_folder", lambda: tmp_path)
    monkeypatch.setattr(module, "execute", lambda *_: Measured(31.4, 907.2))
    (tmp_path / "measured.json").write_text('{"80_other": {"seconds": 1, "megabytes": 2}}')
    write_notebook(student_notebook(toy_lesson()), tmp_path / "90_toy.ipynb")
    measure(toy_lesson())
    refresh_opening(toy_lesson())
    assert json.loads((tmp_path / "measured.json").read_text()) == {
        "80_other": {"seconds": 1, "megabytes": 2},
        "90_toy": {"seconds": 31, "megabytes": 910.0},
    }
    built = nbformat.read(tmp_path / "90_toy.ipynb", as_version=4)
    assert "runs in 0.6 min with 1.0 GB of memory" in built.cells[0].source
    refreshed = [cell.source for cell in built.cells]
    assert refreshed == [cell.source for cell in student_notebook(toy_lesson()).cells]
