"""Try right answers that are written otherwise than the lesson's solution."""

from __future__ import annotations

from collections.abc import Callable

from fedlab_utils.course.judging import judge_answer
from fedlab_utils.course.registry import find_check, find_exercise


def assert_accepted(name: str, answer: Callable) -> None:
    """The check of exercise ``name`` lets ``answer`` pass."""
    verdict = judge_answer(answer, find_check(name), find_exercise(name))
    assert verdict.status == "passed", verdict.message
