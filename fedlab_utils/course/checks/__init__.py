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

Where an array is due, whatever ``np.asarray`` takes will do: a list, a list of arrays, a tensor
(:func:`as_array`). Its type counts where it has one (:func:`refuse_other_type`). Only where a
gradient must flow is a torch tensor asked for.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence

import numpy as np

_LISTED = 6  # values; a larger array is not written out


class Wrong(Exception):  # noqa: N818 - it is a verdict, not a fault of the program
    """The answer is wrong; the message tells the student what the likely mistake is.

    Backticks mark code in the message.
    """


def as_number(value: object, what: str = "Your function") -> float:
    """Return ``value`` as a float, or tell the student that one number is due."""
    if isinstance(value, np.ndarray | np.generic) or _is_tensor(value):
        value = value.item() if value.ndim == 0 else value  # type: ignore[union-attr]
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise Wrong(f"{what} should return one number, but returns {describe(value)}.")
    return float(value)


def as_array(
    value: object, shape: tuple[int, ...] | None = None, *, of: str = "numbers"
) -> np.ndarray:
    """Return ``value`` as an array of numbers of the given shape, or tell what it is instead."""
    try:
        array = np.asarray(value.detach().cpu() if _is_tensor(value) else value)
        numeric = array.dtype.kind in "biufc"
    except Exception:  # an odd object may raise anything when numpy looks at it
        numeric = False
    if not numeric:
        raise Wrong(f"Your function should return an array of {of}, not {describe(value)}.")
    if shape is not None and array.shape != shape:
        raise Wrong(
            f"Your function returns an array of shape {array.shape}, but shape {shape} is due."
        )
    return array


def as_mask(value: object, shape: tuple[int, ...]) -> np.ndarray:
    """Return ``value`` as a boolean array of the given shape, or tell what it is instead."""
    array = as_array(value, shape, of="True and False")
    if array.dtype != bool:
        raise Wrong(f"Return a boolean array, of True and False; yours is of type {array.dtype}.")
    return array


def refuse_other_type(value: object, due: type[np.generic]) -> None:
    """Tell the student when right values come in an array of another type; lists have none."""
    if hasattr(value, "dtype") and (found := as_array(value).dtype) != due:
        raise Wrong(f"The values are right, but their type is {found}; {due.__name__} is due.")


def _is_tensor(value: object) -> bool:
    return type(value).__module__ == "torch" and hasattr(value, "detach")


def judge(
    got: object,
    want: object,
    mistakes: Mapping[str, object] | None = None,
    *,
    case: str,
    rtol: float = 1e-6,
    atol: float = 1e-9,
    places: Sequence[str] = (),
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
    places
        Words for each value's place, for arrays that are strung together (:func:`places_in`).

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
    large = expected.size > _LISTED
    # What the check made of a list or a tensor is no news: the values are.
    mine, due = (describe(x).removesuffix(" (ndarray)") for x in (got, want))
    for diagnosis, slip in (mistakes or {}).items():
        if np.allclose(value, np.asarray(slip), rtol=rtol, atol=atol, equal_nan=True):
            seen = f"{mine} instead of {due}"
            found = differing(value, expected, rtol, atol, places) if large else seen
            raise Wrong(f"{diagnosis} (for {case}: {found}).")
    if large:
        raise Wrong(f"For {case}: {differing(value, expected, rtol, atol, places)}.")
    raise Wrong(f"For {case} your function gives {mine}; {due} is due.")


def judge_together(
    got: Sequence[object],
    want: Sequence[float],
    mistakes: Mapping[str, Sequence[float]],
    *,
    cases: Sequence[str],
    rtol: float = 1e-6,
    atol: float = 1e-9,
) -> None:
    """Compare one number per case as :func:`judge` does; a mistake must explain all of them.

    For mistakes that give the same number in some cases, as precision and recall may.
    """
    values = [as_number(value) for value in got]
    explaining = [
        diagnosis
        for diagnosis, slips in mistakes.items()
        if np.allclose(values, slips, rtol=rtol, atol=atol, equal_nan=True)
    ]
    for i, (value, due, case) in enumerate(zip(got, want, cases, strict=True)):
        likely = {diagnosis: mistakes[diagnosis][i] for diagnosis in explaining}
        judge(value, due, likely, case=case, rtol=rtol, atol=atol)


def places_in(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Words for the place of each value of arrays or tensors that are strung together by name."""
    found = []
    for name in sorted(arrays):
        for index in np.ndindex(*arrays[name].shape):
            at = f" at {index if len(index) > 1 else index[0]}" if index else ""
            found.append(f"in `{name}`{at}")
    return found


def differing(
    got: np.ndarray,
    want: np.ndarray,
    rtol: float = 0.0,
    atol: float = 0.0,
    places: Sequence[str] = (),
) -> str:
    """Say how many values of two arrays differ, where most, and both values there.

    ``places``, one per value of flat arrays, are the words for where; see :func:`places_in`.
    """
    apart = ~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    with np.errstate(invalid="ignore"):  # inf - inf
        far = np.abs(np.subtract(got, want, dtype=complex))
    far = np.where(apart, np.nan_to_num(far, nan=np.inf, posinf=np.inf), -1)
    worst = tuple(int(i) for i in np.unravel_index(far.argmax(), far.shape))
    what = "voxels" if want.ndim >= 3 else "values"
    place = places[worst[0]] if places else f"at {worst if want.ndim > 1 else worst[0]}"
    mine, due = _apart_in_digits(got[worst], want[worst])
    return f"{apart.sum()} of {apart.size} {what} differ; {place} yours is {mine}, {due} is due"


def _apart_in_digits(mine: np.generic, due: np.generic) -> tuple[str, str]:
    """Two different values in as few digits as tell them apart."""
    texts = [
        tuple(f"{v:.{digits}g}" if v.dtype.kind in "fc" else str(v) for v in (mine, due))
        for digits in (4, 9, 17)
    ]
    return next((pair for pair in texts if pair[0] != pair[1]), texts[-1])


def describe(value: object, limit: int = 60) -> str:
    """Say in a few words what a value is, whatever it is."""
    if isinstance(value, np.ndarray) and value.size > _LISTED:
        return f"an array of shape {value.shape} and type {value.dtype}"
    if isinstance(value, float | np.floating):
        return f"`{float(value):.6g}`"
    try:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            shown = [float(f"{number:.6g}") for number in value.flat]
            return f"`{np.reshape(shown, value.shape).tolist()}` (ndarray)"
        text = repr(value.tolist() if isinstance(value, np.generic | np.ndarray) else value)
    except Exception:  # the student's class may have a broken __repr__
        text = "..."
    text = text.replace("`", "'")  # a backtick would end the code in the message
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return f"`{shown}` ({type(value).__name__})"
