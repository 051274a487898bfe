"""The box around a brain: whether it is the one that is due, and the likely mistake if not."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong


def judge_box(got: object, brain: np.ndarray, margin: int) -> None:
    """Raise :class:`Wrong` unless ``got`` is the box around ``brain``, widened by ``margin``."""
    if not (isinstance(got, tuple) and len(got) == 3 and all(isinstance(s, slice) for s in got)):
        raise Wrong("Return a tuple of three slices, so that `volume[box]` works.")
    bounds = [(s.start, s.stop) for s in got]
    if any(s.step not in (None, 1) for s in got) or any(
        not isinstance(b, int | np.integer) for pair in bounds for b in pair
    ):
        raise Wrong("Give each slice an integer start and stop, and no step.")
    bounds = [(int(a), int(b)) for a, b in bounds]
    if bounds != (due := _box(brain, margin)):
        likely = _box_slip(bounds, brain, margin) or f"With margin {margin} the box is {bounds}"
        raise Wrong(f"{likely}; {due} is due.")


def _box(brain: np.ndarray, margin: int) -> list[tuple[int, int]]:
    """Start and stop along each axis, kept inside the array."""
    where = np.argwhere(brain)
    ends = zip(where.min(axis=0), where.max(axis=0), brain.shape, strict=True)
    return [(max(int(a) - margin, 0), min(int(b) + 1 + margin, n)) for a, b, n in ends]


def _box_slip(bounds: list[tuple[int, int]], brain: np.ndarray, margin: int) -> str:
    """The likely mistake behind a box, or nothing."""
    from scipy import ndimage

    tight, wide = _box(brain, 0), _box(brain, margin)
    pieces, _ = ndimage.label(brain)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    cube = np.zeros(brain.shape, bool)
    cube[tuple(slice(min(a for a, _ in tight), max(b for _, b in tight)) for _ in tight)] = True
    if any(a < 0 for a, _ in bounds):
        return f"A start is negative ({bounds}): numpy then counts from the other end. Keep it at 0"
    if bounds == _box(cube, margin):
        return (
            f"All three axes get one box ({bounds}), from the smallest and largest index of all. "
            "Take minimum and maximum per axis: `where.min(axis=0)`"
        )
    listed = np.argwhere(brain)
    if margin == 0 and bounds == [(a, b + 1) for a, b in zip(*listed[[0, -1]], strict=True)]:
        return (
            f"{bounds} goes from the first to the last voxel of the list, which is in order along "
            "the first axis only: take minimum and maximum"
        )
    if any(b > n for (_, b), n in zip(bounds, brain.shape, strict=True)):
        return f"The box {bounds} leaves the array of shape {brain.shape}"
    if bounds == _box(largest, margin):
        return f"The box {bounds} holds the largest piece of the brain only; all of it counts"
    if margin == 0 and bounds == [(a, b - 1) for a, b in tight]:
        return f"The last voxels are missing from {bounds}: a slice stops before its end"
    if margin == 0 and [a for a, _ in bounds] == [a for a, _ in tight]:
        return f"Without a margin the box is {bounds}: its stop is the last voxel plus 1"
    if bounds == tight:
        return f"The margin of {margin} is missing from {bounds}"
    if all(x in pair for x, pair in zip(bounds, zip(tight, wide, strict=True), strict=True)):
        return f"The margin of {margin} is missing on some axes of {bounds}"
    if [a for a, _ in bounds] == [a for a, _ in wide] or bounds[0][1] == wide[0][1]:
        return f"Is the margin on both sides? With margin {margin} the box is {bounds}"
    return ""
