"""What students call: ``check.NAME(answer)``, ``hint("NAME")`` and ``solution("NAME")``.

None of these raises out of the cell: each returns a message that Jupyter shows.
"""

from __future__ import annotations

from collections.abc import Callable

from fedlab_utils.course import progress
from fedlab_utils.course.checks import describe
from fedlab_utils.course.judging import judge_answer
from fedlab_utils.course.messages import Message, Text, code_block
from fedlab_utils.course.registry import check_names, did_you_mean, find_check, find_exercise


class Checks:
    """``check.dice(my_dice)`` tries your function and says how it went."""

    def __getattr__(self, name: str) -> Callable[..., Message]:
        if name.startswith("_"):
            raise AttributeError(name)

        def check(answer: object = ..., *, record: bool = True) -> Message:
            """Try an answer; ``record=False`` keeps it out of your progress."""
            return _check(name, answer, record)

        check.__name__ = name
        return check

    def __dir__(self) -> list[str]:
        return sorted(check_names())


check = Checks()


def _check(name: str, answer: object, record: bool) -> Message:
    exercise = find_exercise(name) if name in check_names() else None
    if exercise is None:
        return _unknown(name)
    verdict = judge_answer(answer, find_check(name), exercise)
    saved = True
    if record and verdict.status != "stub":
        saved = progress.record_attempt(name, passed=verdict.status == "passed")
    advice = {
        "passed": "",
        "stub": f'Stuck? `hint("{name}")` helps.',
    }.get(verdict.status, f'`hint("{name}")` helps; `solution("{name}")` shows an answer.')
    return Message(verdict.status, verdict.message, advice + ("" if saved else progress.NOT_SAVED))


def hint(name: str, tier: int | None = None) -> Message | Text:
    """Show the next hint for an exercise, or the hint of a given tier; after the last, say so.

    Parameters
    ----------
    name
        The exercise, such as ``"dice"``.
    tier
        1 is the gentlest. By default, one further than last time.
    """
    exercise = find_exercise(name)
    if exercise is None or not exercise.hints:
        return _unknown(name)
    last = len(exercise.hints)
    try:
        wanted = progress.hints_seen(name) + 1 if tier is None else int(tier)
    except Exception:  # whatever the student gives for a number
        text = f"The hints of {name} are numbered 1 to {last}; there is no {describe(tier)}."
        return Message("unknown", text, f'Without a number, `hint("{name}")` goes one further.')
    if tier is None and wanted > last:
        return Message(
            "seen",
            f"There are {last} for {name}.",
            f'`hint("{name}", 1)` shows the first again; `solution("{name}")` shows an answer.',
        )
    shown = min(max(wanted, 1), last)
    progress.record_hint(name, shown)
    if shown < last:
        more = f'`hint("{name}")` says more.'
    else:
        more = f'This was the last; `solution("{name}")` shows an answer.'
    return Text(f"**Hint {shown} of {last}.** {exercise.hints[shown - 1]}\n\n{more}")


def solution(name: str) -> Message | Text:
    """Show an answer to an exercise; the progress board will say that you have seen it."""
    exercise = find_exercise(name)
    if exercise is None:
        return _unknown(name)
    progress.record_solution_seen(name)
    return Text(f"**One answer to {name}**\n\n{code_block(exercise.solution)}")


def _unknown(name: object) -> Message:
    shown = f"`{name}`" if isinstance(name, str) else describe(name)
    return Message("unknown", f"There is no exercise {shown}.", did_you_mean(name, check_names()))
