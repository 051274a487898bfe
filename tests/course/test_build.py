from __future__ import annotations

import copy
import json

import pytest

from fedlab_utils.course.build import chosen_lessons, main, write_notebook
from fedlab_utils.course.notebook import student_notebook
from fedlab_utils.errors import CourseError
from tests.course.toy import toy_lesson


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


def test_an_unknown_lesson_is_told_without_a_traceback(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["99"])
    assert left.value.code == 1
    assert "lesson 99: there is no such source" in capsys.readouterr().err
