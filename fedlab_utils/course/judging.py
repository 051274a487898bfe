"""Try a student's answer with its check, and say how it went; never raises."""

from __future__ import annotations

import dis
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import CodeType

from fedlab_utils.course.checks import Wrong, describe
from fedlab_utils.course.exercise import Exercise
from fedlab_utils.course.guard import (
    RESTART,
    Answer,
    error_as_code,
    explain,
    half_imported,
    in_own_code,
    limited_printing,
    time_limit,
)

SECONDS = 10.0
"""Time limit of one check."""


@dataclass(frozen=True)
class Verdict:
    """How it went: ``status`` is passed, wrong, error (it raised) or stub (not attempted yet)."""

    status: str
    message: str


def judge_answer(
    given: object, check: Callable, exercise: Exercise, seconds: float = SECONDS
) -> Verdict:
    """Try ``given`` with ``check`` and report; whatever the answer does, nothing is raised.

    Parameters
    ----------
    given
        What the student handed over; should be a function or class.
    check
        Function of ``checks/lessonNN.py``.
    exercise
        The exercise as its source tells it.
    seconds
        Time limit for all calls together.
    """
    try:
        _import_what_is_slow(exercise)
        with limited_printing(), time_limit(seconds):
            return _tried(given, check, exercise)
    except Wrong as wrong:
        return Verdict("wrong", str(wrong))
    except BaseException as error:
        try:
            return _failed(error, given, seconds)
        except BaseException:  # an object may refuse even to be looked at
            return Verdict(
                "error", f"`{type(error).__name__}` when the check looked at your answer."
            )


def _import_what_is_slow(exercise: Exercise) -> None:
    """Import, before the clock runs, what torch would import where the first optimiser is made.

    An import of `torch._dynamo` takes seconds. One that is broken off by the time limit leaves a
    half-made module behind, on which every later answer would stumble.
    """
    if re.search(r"\btorch\b", f"{exercise.setup}\n{exercise.source}"):
        import_module("torch._dynamo")


def _tried(given: object, check: Callable, exercise: Exercise) -> Verdict:
    if given is ... or is_stub(given, exercise):
        message = (
            f"`{exercise.answer_name}` does nothing yet: write your code in place of the `...` or "
            "`pass`, then run both cells again."
        )
        return Verdict("stub", message)
    if not callable(given):
        return Verdict(
            "wrong",
            f"The check wants the function itself, but was given {describe(given)}. "
            f"Write `check.{exercise.name}({exercise.answer_name})`, without calling the function.",
        )
    return Verdict("passed", check(Answer(given, exercise.answer_name)) or "")


def _failed(error: BaseException, given: object, seconds: float) -> Verdict:
    if isinstance(error, Exception) and not in_own_code(error, given):
        return Verdict("wrong", _signature_or_result(error))
    return Verdict("error", explain(error, given, seconds))


def _signature_or_result(error: Exception) -> str:
    """An error outside the student's code: the call did not fit, or the result is of no use."""
    if half_imported(error):
        return f"{RESTART} ({error_as_code(error)})"
    return (
        "The check could not work with your answer. Does it take the arguments and return the "
        f"value that its docstring describes? ({error_as_code(error)})"
    )


def is_stub(given: object, exercise: Exercise) -> bool:
    """Whether the student has not changed what the stub does (comments and docstring aside)."""
    module = compile(exercise.stub, "<stub>", "exec")
    stub = next(c for c in _nested(module) if c.co_name == exercise.answer_name)
    if isinstance(given, type):
        written = {n: f.__code__ for n, f in vars(given).items() if hasattr(f, "__code__")}
        return {n: _steps(c) for n, c in written.items()} == {
            c.co_name: _steps(c) for c in _nested(stub)
        }
    return hasattr(given, "__code__") and _steps(given.__code__) == _steps(stub)


def _nested(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _steps(code: CodeType) -> list[tuple]:
    """A code object's instructions, free of names, lines and docstring."""
    return [
        (step.opname, _steps(step.argval) if isinstance(step.argval, CodeType) else step.argval)
        for step in dis.get_instructions(code)
    ]
