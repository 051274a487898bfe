"""Each notebook with its solutions put in runs from top to bottom, and every check passes."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from fedlab_utils.course.execute import execute, tidy
from fedlab_utils.course.notebook import solved_notebook, student_notebook
from fedlab_utils.course.source import Lesson, lessons, parse_lesson
from fedlab_utils.errors import CourseError
from tests.course.toy import TOY

pytestmark = pytest.mark.notebooks
every_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.stem)


@every_lesson
def test_the_solved_notebook_passes_every_check(lesson: Lesson, tmp_path: Path) -> None:
    measured = execute(solved_notebook(lesson), lesson.stem, home=tmp_path)
    exercises = json.loads((tmp_path / "progress.json").read_text())["exercises"]
    assert {name for name, e in exercises.items() if e.get("passed")} == set(lesson.exercises)
    assert not any(e.get("solution_seen") or e.get("hints") for e in exercises.values())
    print(f"{lesson.stem} solved: {measured.seconds:.0f} s, {measured.megabytes:.0f} MB")
    assert 50 < measured.megabytes <= 2000


def test_two_builds_give_the_same_file() -> None:
    lesson = lessons()[0]
    built = []
    for _ in range(2):
        notebook = student_notebook(lesson)
        execute(notebook, lesson.stem)
        tidy(notebook, lesson.stem)
        built.append(nbformat.writes(notebook))
    assert built[0] == built[1]


def test_a_cell_that_fails_stops_the_build_and_is_named() -> None:
    lesson = parse_lesson(TOY.replace("print(FACTOR)", "1 / 0"), "90_toy")
    with pytest.raises(CourseError, match="ZeroDivisionError") as raised:
        execute(student_notebook(lesson), lesson.stem)
    assert isinstance(raised.value.__cause__, CellExecutionError)
