"""Checks of lesson 02: z-score in the brain, the box around it, coarser labels, augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, judge, refuse_other_type
from fedlab_utils.course.checks.boxes import judge_box
from fedlab_utils.course.checks.draws import judge_chance, judge_factors, one_draw
from fedlab_utils.course.guard import Answer
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA

_DRAWS = 400
_FLOAT32 = 1e-4  # relative and absolute: a right answer in float32 is this close


def zscore(answer: Answer) -> str:
    """Brains of two sizes in one array size, with vessels and dark voxels as outliers."""
    rng = np.random.default_rng(2)
    for low in (2, 5):
        brain = np.zeros((16, 14, 12), bool)
        brain[low:-2, 2:-low, 1:-1] = True
        volume = np.where(brain, rng.normal(300, 40, brain.shape), 0)
        volume[brain & (rng.random(brain.shape) < 0.006)] = 4000
        # Not skull-stripped completely: something bright remains outside the brain.
        volume[0, :3] = 900
        _one_zscore(answer, volume, brain)
    return "A z-score has no unit: 1.5 is one and a half deviations above this brain's mean."


def _one_zscore(answer: Answer, volume: np.ndarray, brain: np.ndarray) -> None:
    inside = volume[brain]
    usual = np.clip(inside, *np.percentile(inside, (1, 99)))
    right = (inside - usual.mean()) / usual.std()
    got = as_array(answer(volume, brain), volume.shape)
    near = {"rtol": _FLOAT32, "atol": _FLOAT32}
    if np.allclose(got[brain], right, **near) and not np.allclose(got[~brain], 0, **near):
        raise Wrong("The brain is right, but outside the brain the result should be 0.")
    low, high = got[brain].min(), got[brain].max()
    slips = _zscore_slips(volume, brain, usual)
    if low < high:
        limited = (
            f"You limit the result to between {low:.3g} and {high:.3g}; the package does so too, "
            "but here the image keeps its extremes"
        )
        slips[limited] = np.clip(right, low, high)
    want, mistakes = np.zeros(volume.shape), {}
    want[brain] = right
    for diagnosis, values in slips.items():
        mistakes[diagnosis] = np.zeros(volume.shape)
        mistakes[diagnosis][brain] = values
    # Where the brain is wrong, what stands outside is the smaller worry.
    judge(np.where(brain, got, 0), want, mistakes, case="a brain with a few bright vessels", **near)


def _zscore_slips(
    volume: np.ndarray, brain: np.ndarray, usual: np.ndarray
) -> dict[str, np.ndarray]:
    """Diagnosis -> the brain's values as that mistake gives them."""
    values = volume[brain]

    def scaled(by: np.ndarray) -> np.ndarray:
        return (values - by.mean()) / by.std()

    low, high = np.percentile(values, (1, 99))
    everything = np.percentile(volume, (1, 99))
    fractions = np.percentile(values, (0.01, 0.99))
    return {
        "The air counts: take percentiles, mean and deviation from `volume[brain]` alone": scaled(
            np.clip(volume, *everything)
        ),
        "The air counts: take mean and deviation from the clipped `volume[brain]` alone": (
            values - volume.mean()
        )
        / volume.std(),
        "The air counts: mean and deviation are those of the whole array, take them from the "
        "clipped `volume[brain]`": (np.clip(values, low, high) - volume.mean()) / volume.std(),
        "The percentiles are those of the whole array, air and all: take them from "
        "`volume[brain]`": scaled(np.clip(values, *everything)),
        "`np.percentile` counts from 0 to 100: (0.01, 0.99) asks for the lowest hundredth of a "
        "per cent and the lowest per cent. Write (1, 99)": scaled(np.clip(values, *fractions)),
        "A few outliers set the scale: take mean and deviation of the values clipped to the 1st "
        "and 99th percentile": scaled(values),
        "You drop the outliers. Clipping keeps them and moves them to the percentile "
        "(`np.clip`)": scaled(values[(values >= low) & (values <= high)]),
        "You divide by the variance; its root, `std()`, is the deviation": (
            (values - usual.mean()) / usual.var()
        ),
        "You subtract the mean and do not divide by the deviation": values - usual.mean(),
        "You divide the squares by n - 1 (`ddof=1`, the default of torch); here the deviation is "
        "that of `np.std`": (values - usual.mean()) / usual.std(ddof=1),
        "You wrote the clipped values: the clipping is for mean and deviation, the image keeps its "
        "extremes": (usual - usual.mean()) / usual.std(),
    }


def brain_box(answer: Answer) -> str:
    """Boxes in the middle, at each wall, with and without margin; two pieces, and a ball."""
    for first, stop in (((3, 4, 5), (9, 8, 7)), ((1, 0, 3), (10, 8, 9)), ((4, 5, 2), (5, 6, 3))):
        brain = np.zeros((11, 9, 10), bool)
        brain[first[0], first[1] : stop[1], first[2]] = True
        brain[first[0] : stop[0], stop[1] - 1, stop[2] - 1] = True
        brain[first[0], stop[1] - 1, first[2] : stop[2]] = True
        _with_each_margin(answer, brain)
    pieces = np.zeros((11, 9, 10), bool)
    pieces[2:5, 3:5, 2:6] = pieces[7, 6, 8] = True
    _with_each_margin(answer, pieces)
    _with_each_margin(answer, _blob((11, 9, 10)) > 0)
    return "Keep the box: with it a prediction goes back to its place in the file's own grid."


def _with_each_margin(answer: Answer, brain: np.ndarray) -> None:
    for margin in (0, 1, 2, 4):
        judge_box(answer(brain, margin), brain, margin)


def coarser_labels(answer: Answer) -> str:
    """Random blocks, smooth blobs, and blocks in which only the regions reach one half."""
    rng = np.random.default_rng(3)
    mixed = np.array([[[ENHANCING, NECROSIS], [NECROSIS, OEDEMA]], [[OEDEMA, 0], [0, 0]]])
    maps = [
        rng.choice([0, NECROSIS, OEDEMA, ENHANCING], (8, 6, 4), p=[0.4, 0.15, 0.2, 0.25]),
        _blob((12, 10, 8)),
        np.tile(mixed, (2, 1, 3)),
        np.where(_blob((12, 10, 8)) > 0, OEDEMA, 0),
    ]
    for labels in maps:
        _one_coarsening(answer, labels.astype(np.uint8))
    return "Start from the finest labels each time: halving twice is not one step of four."


def _blob(shape: tuple[int, int, int]) -> np.ndarray:
    """Nested balls off the grid of blocks: oedema, necrosis inside, an enhancing rim between."""
    axes = np.indices(shape)
    centre = np.array(shape) / 2 + np.array([0.3, -0.4, 0.1])
    radius = np.sqrt(((axes - centre.reshape(3, 1, 1, 1)) ** 2).sum(0))
    return np.select([radius < 1.6, radius < 2.7, radius < 4.1], [NECROSIS, ENHANCING, OEDEMA], 0)


def _one_coarsening(answer: Answer, labels: np.ndarray) -> None:
    et, wt = labels == ENHANCING, labels > 0
    tc = et | (labels == NECROSIS)
    nested = ((OEDEMA, wt), (NECROSIS, tc), (ENHANCING, et))
    want = _coarse(nested, lambda share: share >= 0.5)
    mistakes = {
        "The mean of labels invents tissue: between 0 and oedema (2) lies necrosis (1)": np.rint(
            _share(labels)
        ),
        "Taking every second voxel lets one voxel in eight speak for all": labels[::2, ::2, ::2],
        "The smaller regions are overwritten: write the largest first": _coarse(
            nested[::-1], lambda share: share >= 0.5
        ),
        "You swap two numbers: what WT adds is OEDEMA, what TC adds is NECROSIS": _coarse(
            ((NECROSIS, wt), (OEDEMA, tc), (ENHANCING, et)), lambda share: share >= 0.5
        ),
        "You swap two numbers: what TC adds is NECROSIS, and ET is ENHANCING": _coarse(
            ((OEDEMA, wt), (ENHANCING, tc), (NECROSIS, et)), lambda share: share >= 0.5
        ),
        "You ask each label for itself: a block of half oedema, half core is tumour, although "
        "neither label alone may reach one half": _coarse(
            [(value, labels == value) for value, _ in nested], lambda share: share >= 0.5
        ),
        "*At least* half of the block is `>=`; you leave out blocks of exactly one half": _coarse(
            nested, lambda share: share > 0.5
        ),
        "You ask whether *any* voxel of the block is in the region, which makes tumours grow": (
            _coarse(nested, lambda share: share > 0)
        ),
        "You ask whether *all* voxels of the block are in the region, which makes tumours shrink": (
            _coarse(nested, lambda share: share == 1)
        ),
        "You take the most frequent label of each block: with 3 voxels of background, 3 of core "
        "and 2 of oedema most of the block is tumour": _most_frequent(labels),
        "You take the largest label of each block; their numbers are names, not amounts": (
            _blocks(labels).max(axis=-1)
        ),
    }
    given = answer(labels)
    got = as_array(given, want.shape)
    if np.array_equal(got, want):
        refuse_other_type(given, np.uint8)
    judge(got, want, mistakes, case="a label map")


def _coarse(regions: Sequence[tuple[int, np.ndarray]], belongs: Callable) -> np.ndarray:
    """Write each region's label, in the order given, into the blocks that belong to it."""
    coarse = np.zeros([n // 2 for n in regions[0][1].shape], np.uint8)
    for value, region in regions:
        coarse[belongs(_share(region))] = value
    return coarse


def _blocks(values: np.ndarray) -> np.ndarray:
    """The eight voxels of each 2 x 2 x 2 block, along a new last axis."""
    x, y, z = (n // 2 for n in values.shape)
    return values.reshape(x, 2, y, 2, z, 2).transpose(0, 2, 4, 1, 3, 5).reshape(x, y, z, 8)


def _share(values: np.ndarray) -> np.ndarray:
    return _blocks(values).mean(axis=-1)


def _most_frequent(labels: np.ndarray) -> np.ndarray:
    """The smallest of the labels that a block has most often, as `mode` of scipy."""
    counts = [(_blocks(labels) == value).sum(axis=-1) for value in range(ENHANCING + 1)]
    return np.argmax(counts, axis=0)


def augment(answer: Answer) -> str:
    """Many draws on one patient: each must be a mirrored or unmirrored whole, scaled in range."""
    rng = np.random.default_rng(4)
    image, target = rng.normal(0, 1, (4, 6, 5)), rng.random((3, 6, 5)) < 0.4
    draws = [one_draw(answer, image, target, seed) for seed in range(_DRAWS)]
    for seed in range(20):
        flip, used = one_draw(answer, image, target, seed)
        if flip != draws[seed][0] or not np.array_equal(used, draws[seed][1]):
            raise Wrong("The same seed gives another result: use only `rng` for chance.")
    flips, factors = (np.array(x) for x in zip(*draws, strict=True))
    judge_factors(factors, flips)
    judge_chance(flips, factors)
    return "Draw anew each time a patient comes up, and never for the patients you are scored on."
