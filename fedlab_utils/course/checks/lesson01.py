"""Checks of lesson 01: regions, labels that are no integers, orientation, splitting by patient."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, as_mask, differing, refuse_other_type
from fedlab_utils.course.checks.splits import judge_chance, judge_sizes
from fedlab_utils.course.guard import Answer, error_as_code, raised_on_purpose, text_of
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA

_SPLITS = 300


def regions(answer: Answer) -> str:
    """ET, TC and WT of a random label map, of one with a single label, and of a single voxel."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, (5, 6, 7)).astype(np.uint8)
    for case in (labels, np.where(labels == ENHANCING, 0, labels), labels[0, 0, :1]):
        _one_label_map(answer, case)
    return (
        "One voxel may belong to three regions at once; a network then has three outputs, not four."
    )


def _one_label_map(answer: Answer, labels: np.ndarray) -> None:
    got = as_mask(answer(labels), (3, *labels.shape))
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
        "Your core is necrosis alone. TC holds ET too: a region holds the smaller one.": [
            et,
            labels == NECROSIS,
            wt,
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
    if et.any() and not got[0].any():
        raise Wrong(
            "ET is empty on a map with enhancing tumour. Do you ask for 4? That is its number in "
            f"the files of 2017-2021; inside the course it is `ENHANCING`, {ENHANCING}."
        )
    for name, mine, due in zip(("ET", "TC", "WT"), got, (et, tc, wt), strict=True):
        if (mine != due).any():
            place = tuple(int(i) for i in np.argwhere(mine != due)[0])
            raise Wrong(
                f"{name} is wrong: {differing(mine, due)}. The voxel's label is {labels[place]}."
            )


def clean_labels(answer: Answer) -> str:
    """Near integers are rounded; halves, unknown values and NaN are refused."""
    scheme = (0, 1, 2, 4)
    near = np.array([[0.0, 0.9961, 1.9922], [3.9844, 4.0312, -0.0078]])
    want = np.array([[0, 1, 2], [4, 4, 0]])
    try:
        given = answer(near, scheme)
    except ValueError as error:
        if not raised_on_purpose(error, answer.given):
            raise  # their code stopped: the report names the error and its line
        raise Wrong(
            "A file with 1.9922, 3.9844 and the like is refused, though rounding repairs it. Do "
            "you round (`np.rint`) before you compare? `astype` cuts off: 3.9844 becomes 3. "
            f"(Your error says: {text_of(error)}.)"
        ) from None
    got = as_array(given, want.shape)
    if np.array_equal(got, near.astype(int)):
        raise Wrong(
            "You cut off the fraction: `astype` turns 1.9922 into 1, and oedema into necrosis. "
            "Round with `np.rint` first."
        )
    if not np.array_equal(got, want):
        raise Wrong(f"{near.tolist()} should become {want.tolist()}, not {got.tolist()}.")
    refuse_other_type(given, np.uint8)
    for value in (1.5, 2.055, 0.945, 3.93):
        _must_refuse(answer, value, scheme, "it is interpolated: too far from an integer")
    for value in (3.0, 5.0, -1.0):
        _must_refuse(answer, value, scheme, "it is not in the scheme")
    _must_refuse(answer, np.nan, scheme, "it is no number at all")
    _must_accept_a_part_of_the_scheme(answer)
    return (
        "A mean of 1 and 2 is 1.5, but a mean of 0 and 2 is 1: no check of values finds that one."
    )


def _must_accept_a_part_of_the_scheme(answer: Answer) -> None:
    try:
        got = as_array(answer(np.array([3.0, 0.05]), (0, 1, 3))).tolist()
    except ValueError as error:
        if not raised_on_purpose(error, answer.given):
            raise
        got = error_as_code(error)
    if got != [3, 0]:
        raise Wrong(
            f"[3.0, 0.05] in the scheme (0, 1, 3) should give [3, 0], not {got}: 0.05 is not "
            "*more* than 0.05 away, a patient need not have every label, and each value must be "
            "in the scheme, not the other way round."
        )


def _must_refuse(answer: Answer, value: float, scheme: tuple[int, ...], why: str) -> None:
    raw = np.zeros((3, 3))
    raw[1, 2] = value
    try:
        answer(raw, scheme)
    except ValueError:
        return
    except AssertionError:
        raise Wrong(
            "`assert` raises `AssertionError`, and nothing at all under `python -O`: it is for "
            f"slips of the program. A file that holds {value:g} should raise `ValueError`: {why}."
        ) from None
    raise Wrong(f"A file that holds {value:g} should raise `ValueError`: {why}.")


def to_ras(answer: Answer) -> str:
    """Every one of the 48 ways in which an array can lie, and the first voxel anywhere."""
    volume = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    rng = np.random.default_rng(5)
    failed, by_origin = [], True
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            stored, affine = _store(volume, order, signs, rng.uniform(-90, 90, 3))
            got = as_array(answer(stored, affine))
            if not np.array_equal(got, volume):
                failed.append((order, signs, got))
            flips = [axis for axis in range(3) if (signs[axis] < 0) != (affine[axis, 3] > 0)]
            by_origin = by_origin and np.array_equal(got, np.flip(volume, flips))
    if failed and by_origin:
        raise Wrong(
            "You read the direction from the last column of the affine, which says where the first "
            "voxel lies. Which way an axis runs is the sign of the step, in `affine[:3, :3]`."
        )
    if failed:
        raise Wrong(_what_failed(volume, failed))
    return "24 of the 48 ways are mirror images: no turning brings them right, only a flip."


def _store(
    volume: np.ndarray, order: tuple[int, ...], signs: tuple[int, ...], origin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Store a RAS volume with array axis ``j`` along patient axis ``order[j]``, from ``origin``."""
    spacing = (0.5, 2.0, 1.0)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = 0, origin
    for j, axis in enumerate(order):
        affine[axis, j] = signs[axis] * spacing[axis]
    backwards = [axis for axis in range(3) if signs[axis] < 0]
    return np.flip(volume, backwards).transpose(order), affine


def _what_failed(volume: np.ndarray, failed: list) -> str:
    order, signs, got = failed[0]
    example = f"{len(failed)} of 48 ways to lie fail, first axes {order} with signs {signs}"
    flips = [_flip_between(volume, got) for _, _, got in failed]
    if len(failed) == 48 and None not in flips and len(set(flips)) == 1:
        axes = " and ".join(f"axis {axis}" for axis in flips[0])
        return (
            f"Always backwards in your result: {axes}. An axis is flipped when its step is "
            f"*negative*; positive steps already run right, front and up ({example})."
        )
    if all(tuple(order) == (0, 1, 2) for order, _, _ in failed):
        return f"A flip is missing or one too many: look at the direction, the sign ({example})."
    if None not in flips:
        return f"The axes are in order but not their direction: flip what is negative ({example})."
    if all(tuple(np.argsort(order)) != order for order, _, _ in failed):
        return (
            "Swaps of two axes come out right, turns of all three do not: you transpose with the "
            f"inverse permutation of the one that is due ({example})."
        )
    order, signs, got = failed[flips.index(None)]
    shapes = f" and shape {volume.shape} is due" if got.shape != volume.shape else ""
    return (
        f"The order of the axes is wrong: for axes {order} with signs {signs} you return shape "
        f"{got.shape}{shapes} ({len(failed)} of 48 ways to lie fail)."
    )


def _flip_between(volume: np.ndarray, got: np.ndarray) -> tuple[int, ...] | None:
    """Axes along which ``got`` is the flipped volume; None if it is something else."""
    for flips in product((False, True), repeat=3):
        axes = tuple(axis for axis in range(3) if flips[axis])
        if np.array_equal(got, np.flip(volume, axes)):
            return axes
    return None


def split_by_patient(answer: Answer) -> str:
    """Whole patients, the right number of them, each as likely as any other, repeatable."""
    patients = np.array([f"p{i:02d}" for i in [*range(20), 3, 3, 7, 11, 15, 19]])
    for fraction, count in ((0.25, 5), (0.4, 8), (0.13, 3), (0.11, 2)):
        sizes = [_whole_patients(answer, patients, fraction, seed) for seed in range(12)]
        judge_sizes(sizes, fraction, count, len(patients))
    masks = [_split(answer, patients, 0.4, seed) for seed in range(_SPLITS)]
    if not np.array_equal(_split(answer, patients, 0.4, 0), masks[0]):
        raise Wrong("The same seed gives another split: use only `rng` for chance.")
    judge_chance(np.array(masks)[:, :20].astype(float))
    return (
        "Draw the test set once and keep it: who draws anew for each model can pick the luckiest."
    )


def _split(answer: Answer, patients: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    return as_mask(answer(patients, fraction, np.random.default_rng(seed)), patients.shape)


def _whole_patients(answer: Answer, patients: np.ndarray, fraction: float, seed: int) -> int:
    """How many patients are in the test set, none of them also outside it."""
    mask = _split(answer, patients, fraction, seed)
    test, train = set(patients[mask]), set(patients[~mask])
    if both := sorted(test & train):
        raise Wrong(f"Patient {both[0]} is on both sides: deal out patients, not scans.")
    return len(test)
