"""Checks of lesson 01: regions, labels that are no integers, orientation, splitting by patient."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array
from fedlab_utils.course.guard import Answer
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA


def regions(answer: Answer) -> None:
    """ET, TC and WT of a random label map, of one with a single label, and of a single voxel."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, (5, 6, 7)).astype(np.uint8)
    for case in (labels, np.where(labels == ENHANCING, 0, labels), labels[0, 0, :1]):
        _one_label_map(answer, case)


def _one_label_map(answer: Answer, labels: np.ndarray) -> None:
    got = as_array(answer(labels), (3, *labels.shape)).astype(bool)
    et = labels == ENHANCING
    tc = et | (labels == NECROSIS)
    wt = tc | (labels == OEDEMA)
    if np.array_equal(got, [et, tc, wt]):
        return
    slips = {
        "You return one label each. A region holds the smaller one too: TC is ET and necrosis.": [
            et,
            labels == NECROSIS,
            labels == OEDEMA,
        ],
        "The regions are right but their order is not: ET first, then TC, then WT.": [wt, tc, et],
        "Your core holds oedema. TC is enhancing and necrosis; oedema is added for WT only.": [
            et,
            et | (labels == OEDEMA),
            wt,
        ],
    }
    for diagnosis, slip in slips.items():
        if np.array_equal(got, slip):
            raise Wrong(diagnosis)
    parts = zip(("ET", "TC", "WT"), got, (et, tc, wt), strict=True)
    wrong = [name for name, mine, due in parts if (mine != due).any()]
    raise Wrong(f"{' and '.join(wrong)} differ from what they should be, on a random label map.")


def clean_labels(answer: Answer) -> None:
    """Near integers are rounded; halves, unknown values and NaN are refused."""
    scheme = (0, 1, 2, 4)
    near = np.array([[0.0, 0.9961, 1.9922], [3.9844, 4.0312, -0.0078]])
    want = np.array([[0, 1, 2], [4, 4, 0]])
    try:
        got = as_array(answer(near, scheme), want.shape)
    except ValueError:
        raise Wrong(
            "A file with 1.9922, 3.9844 and the like is refused, though rounding repairs it. Do "
            "you round (`np.rint`) before you compare? `astype` cuts off: 3.9844 becomes 3."
        ) from None
    if not np.array_equal(got, want):
        raise Wrong(f"{near.tolist()} should become {want.tolist()}, not {got.tolist()}.")
    if got.dtype != np.uint8:
        raise Wrong(f"The values are right, but their type is {got.dtype}; uint8 is due.")
    for value in (1.5, 2.06, 0.94, 3.93):
        _must_refuse(answer, value, scheme, "it is interpolated: too far from an integer")
    for value in (3.0, 5.0, -1.0):
        _must_refuse(answer, value, scheme, "it is not in the scheme")
    _must_refuse(answer, np.nan, scheme, "it is no number at all")
    _must_accept_a_part_of_the_scheme(answer)


def _must_accept_a_part_of_the_scheme(answer: Answer) -> None:
    try:
        got = as_array(answer(np.array([3.0, 0.05]), (0, 1, 3))).tolist()
    except ValueError:
        got = "ValueError"
    if got != [3, 0]:
        raise Wrong(
            f"[3.0, 0.05] in the scheme (0, 1, 3) should give [3, 0], not {got}: 0.05 is not *more* "
            "than 0.05 away, a patient need not have every label, and each value must be in the "
            "scheme, not the other way round."
        )


def _must_refuse(answer: Answer, value: float, scheme: tuple[int, ...], why: str) -> None:
    raw = np.zeros((3, 3))
    raw[1, 2] = value
    try:
        answer(raw, scheme)
    except ValueError:
        return
    raise Wrong(f"A file that holds {value:g} should raise `ValueError`: {why}.")


def to_ras(answer: Answer) -> None:
    """Every one of the 48 ways in which an array can lie along the patient's axes."""
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    failed = []
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            stored, affine = _store(volume, order, signs)
            got = as_array(answer(stored, affine))
            if not (got.shape == volume.shape and np.array_equal(got, volume)):
                failed.append((order, signs, got))
    if failed:
        raise Wrong(_what_failed(volume, failed))


def _store(
    volume: np.ndarray, order: tuple[int, ...], signs: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Store a RAS volume with array axis ``j`` along patient axis ``order[j]``."""
    spacing = (0.5, 2.0, 1.0)
    affine = np.eye(4)
    affine[:3, :3] = 0
    for j, axis in enumerate(order):
        affine[axis, j] = signs[axis] * spacing[axis]
        affine[axis, 3] = 0 if signs[axis] > 0 else spacing[axis] * (volume.shape[axis] - 1)
    backwards = [axis for axis in range(3) if signs[axis] < 0]
    return np.flip(volume, backwards).transpose(order), affine


def _what_failed(volume: np.ndarray, failed: list) -> str:
    order, signs, got = failed[0]
    example = f"{len(failed)} of 48 ways to lie fail, first axes {order} with signs {signs}"
    if all(tuple(order) == (0, 1, 2) for order, _, _ in failed):
        return f"A flip is missing or one too many: look at the direction, the sign ({example})."
    if all(any(s < 0 for s in signs) for _, signs, _ in failed) and got.shape == volume.shape:
        return f"The axes are in order but not their direction: flip what is negative ({example})."
    if all(tuple(np.argsort(order)) != order for order, _, _ in failed):
        return (
            "Swaps of two axes come out right, turns of all three do not: you transpose with the "
            f"inverse permutation of the one that is due ({example})."
        )
    return f"The order of the axes is wrong: shape {got.shape}, {volume.shape} is due ({example})."


def split_by_patient(answer: Answer) -> None:
    """Whole patients, the right number of them, at random, repeatable."""
    patients = np.array([f"p{i:02d}" for i in [*range(20), 3, 3, 7, 11, 15, 19]])
    for fraction, count in ((0.25, 5), (0.4, 8), (0.13, 3)):
        for seed in range(4):
            _one_split(answer, patients, fraction, count, seed)
    masks = [as_array(answer(patients, 0.25, np.random.default_rng(s))) for s in range(12)]
    if len({mask.tobytes() for mask in masks}) < 6:
        raise Wrong("Other generators give the same split: draw the patients at random with `rng`.")
    again = as_array(answer(patients, 0.25, np.random.default_rng(0)))
    if not np.array_equal(again, masks[0]):
        raise Wrong("The same seed gives another split: use only `rng` for chance.")


def _one_split(
    answer: Answer, patients: np.ndarray, fraction: float, count: int, seed: int
) -> None:
    mask = as_array(answer(patients, fraction, np.random.default_rng(seed)), patients.shape)
    if mask.dtype != bool:
        raise Wrong(f"Return a boolean array, True for test scans; yours is {mask.dtype}.")
    test, train = set(patients[mask]), set(patients[~mask])
    if both := sorted(test & train):
        raise Wrong(f"Patient {both[0]} is on both sides: deal out patients, not scans.")
    if len(test) < count:
        raise Wrong(
            f"{len(test)} patients in the test set instead of {count}: are you drawing with "
            "putting back (`replace=True` is the default of `rng.choice`)?"
        )
    if len(test) != count:
        raise Wrong(f"{len(test)} of 20 patients in the test set; {count} are due.")
