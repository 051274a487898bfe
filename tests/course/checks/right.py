"""Try answers that are written otherwise than those of the lesson, right ones and wrong ones."""

from __future__ import annotations

from collections.abc import Callable

from fedlab_utils.course.judging import judge_answer
from fedlab_utils.course.registry import find_check, find_exercise


def assert_accepted(name: str, answer: Callable) -> None:
    """The check of exercise ``name`` lets ``answer`` pass."""
    verdict = judge_answer(answer, find_check(name), find_exercise(name))
    assert verdict.status == "passed", verdict.message


def message_to(name: str, answer: Callable) -> str:
    """What the check of exercise ``name`` says to a wrong ``answer``."""
    verdict = judge_answer(answer, find_check(name), find_exercise(name))
    assert verdict.status in ("wrong", "error"), verdict
    return verdict.message
