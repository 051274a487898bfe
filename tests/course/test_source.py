from __future__ import annotations

import pytest

from fedlab_utils.course import source
from fedlab_utils.course.exercise import Equivalent, WrongAnswer
from fedlab_utils.course.question import Choice
from fedlab_utils.course.source import parse_lesson
from fedlab_utils.errors import CourseError
from tests.course.toy import TOY, toy_lesson


def test_header_and_question_are_read() -> None:
    lesson = toy_lesson()
    assert (lesson.number, lesson.slug, lesson.stem) == (90, "toy", "90_toy")
    assert (lesson.title, lesson.data, lesson.minutes) == ("A toy", "none", 5)
    assert lesson.question == "How does one scale a list?"


def test_an_exercise_gathers_what_belongs_to_it() -> None:
    exercise = toy_lesson().exercises["scale"]
    assert exercise.hints == ("A list comprehension.", "`[FACTOR * v for v in values]`")
    assert exercise.wrong == (
        WrongAnswer(
            "def my_scale(values):\n    return [FACTOR + value for value in values]", "you add"
        ),
    )
    assert exercise.equivalents == (
        Equivalent("a = 1", "a = 2", "nobody reads it"),
        Equivalent("if x:", "pass", "it is `True`"),
    )


def test_set_up_holds_imports_and_set_up_cells_only() -> None:
    assert toy_lesson().exercises["scale"].setup.split("\n") == ["import math", "FACTOR = 3", ""]


def test_a_quiz_is_read_with_every_explanation() -> None:
    quiz = toy_lesson().quizzes["why"]
    assert quiz.question == "Why `pi`?"
    assert quiz.choices == (
        Choice("Because", True, "Yes, so it is."),
        Choice("Why not, that is", False, "No."),
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# title: A toy\n", "", "opening block"),
        ("# minutes: 5", "# minutes: soon", "opening block"),
        ("a list?", "a list.", "opens with"),
        ('wrong="scale"', 'wrong="scole"', "names no exercise"),
        ('hint="scale"', 'hint="scole"', "names no exercise"),
        ('wrong="scale"', 'worng="scale"', "cannot read the marks"),
        ("# %% [markdown] quiz", "# %% [markdown] loose quiz", "cannot read the marks"),
        ('def my_scale(values):\n    """', 'def your_scale(values):\n    """', "your_scale"),
        ("# BEGIN SOLUTION: multiply each value", "# BEGIN SOLUTION", "solution region"),
        ("- `if x:` -> `pass`: it", "- `if x:` to pass, it", "equivalent mutant"),
        ("#   > No.\n", "", "lacks choices"),
        ("- [x] Because", "- [ ] Because", "lacks choices"),
    ],
)
def test_a_source_that_breaks_the_syntax_is_refused(old: str, new: str, says: str) -> None:
    assert old in TOY
    with pytest.raises(CourseError, match=says) as raised:
        parse_lesson(TOY.replace(old, new), "90_toy")
    assert "notebooks/src/90_toy.py, line " in str(raised.value)


def test_a_file_name_without_a_number_is_refused() -> None:
    with pytest.raises(CourseError, match="NN_slug"):
        parse_lesson(TOY, "toy")


def test_a_source_read_again_after_a_change_is_read_anew(tmp_path) -> None:
    import os

    path = tmp_path / "90_toy.py"
    path.write_text(TOY)
    assert source.read_lesson(path).title == "A toy"
    path.write_text(TOY.replace("A toy", "Another"))
    os.utime(path, ns=(1, 1))
    assert source.read_lesson(path).title == "Another"
