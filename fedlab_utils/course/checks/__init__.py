"""Checks of the exercises: ``lessonNN.py`` holds one public function per exercise of lesson NN.

A check gets the student's function and either returns (passed; a returned string is shown as a
remark) or raises :class:`Wrong` with a message that names the likely mistake::

    def dice(answer):
        for name, prediction, truth in _mask_pairs():
            shared = np.logical_and(prediction, truth).sum()
            judge(
                answer(prediction, truth),
                2 * shared / (prediction.sum() + truth.sum()),
                {"you divide by the union": shared / np.logical_or(prediction, truth).sum()},
                case=name,
            )

``answer`` is guarded (:class:`fedlab_utils.course.guard.Answer`): each call gets copies of its
arguments, a changed argument and a returned ``None`` are already rejected with a friendly message,
an exception is shown with the student's own line, and endless loops are stopped. So a check only
says what right is. Make it fast (tens of milliseconds): the tests run it on every mutant of the
solution. Draw cases from a seeded generator; let shapes differ along each axis, and let no two
quantities of a case be equal by accident, or mutants survive. Helpers start with an underscore.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping

import numpy as np


class Wrong(Exception):  # noqa: N818 - it is a verdict, not a fault of the program
    """The answer is wrong; the message tells the student what the likely mistake is.

    Backticks mark code in the message.
    """


def as_number(value: object, what: str = "Your function") -> float:
    """Return ``value`` as a float, or tell the student that one number is due."""
    if isinstance(value, np.ndarray | np.generic) or type(value).__module__ == "torch":
        value = value.item() if value.ndim == 0 else value  # type: ignore[union-attr]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise Wrong(f"{what} should return one number, but returns {describe(value)}.")
    return float(value)


def as_array(value: object, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return ``value`` as an array of numbers of the given shape, or tell what it is instead."""
    try:
        array = np.asarray(value)
        numeric = array.dtype.kind in "biufc"
    except Exception:  # an odd object may raise anything when numpy looks at it
        numeric = False
    if not numeric:
        raise Wrong(f"Your function should return an array of numbers, not {describe(value)}.")
    if shape is not None and array.shape != shape:
        raise Wrong(
            f"Your function returns an array of shape {array.shape}, but shape {shape} is due."
        )
    return array


def as_mask(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return ``value`` if it is a boolean array of the given shape, or tell what it is instead."""
    array = as_array(value, shape)
    if not isinstance(value, np.ndarray):
        raise Wrong(f"Return a boolean numpy array; yours is a {type(value).__name__}.")
    if array.dtype != bool:
        raise Wrong(f"Return a boolean array, of True and False; yours is of type {array.dtype}.")
    return array


def judge(
    got: object,
    want: object,
    mistakes: Mapping[str, object] | None = None,
    *,
    case: str,
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> None:
    """Compare a number or an array with what is due, and name the mistake that explains it.

    Parameters
    ----------
    got, want
        What the student's function returned, and what is due: both numbers, or both arrays.
    mistakes
        Diagnosis -> the value which that mistake gives in this case.
    case
        What was tried, in words: completes "For ...".
    rtol, atol
        Relative and absolute tolerance.

    Raises
    ------
    Wrong
        When ``got`` is not ``want``.
    """
    expected = np.asarray(want)
    read = as_number if expected.ndim == 0 else lambda value: as_array(value, expected.shape)
    value = read(got)
    if np.allclose(value, expected, rtol=rtol, atol=atol, equal_nan=True):
        return
    for diagnosis, slip in (mistakes or {}).items():
        if np.allclose(value, np.asarray(slip), rtol=rtol, atol=atol, equal_nan=True):
            raise Wrong(f"{diagnosis} (for {case}: {describe(got)} instead of {describe(want)}).")
    raise Wrong(f"For {case} your function gives {describe(got)}; {describe(want)} is due.")


def describe(value: object, limit: int = 60) -> str:
    """Say in a few words what a value is, whatever it is."""
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, float | np.floating):
        return f"`{float(value):.6g}`"
    try:
        text = repr(value.tolist() if isinstance(value, np.generic | np.ndarray) else value)
    except Exception:  # the student's class may have a broken __repr__
        text = "..."
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"`{shown}` ({type(value).__name__})"
