"""Checks of lesson 02: z-score in the brain, the box around it, coarser labels, augmentation."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array, judge
from fedlab_utils.course.guard import Answer
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA

_DRAWS = 400
_SIGMAS = 5.5  # how far chance may lead, in standard deviations
_SAME = 1e-6  # factors closer than this are one


def zscore(answer: Answer) -> None:
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


def _one_zscore(answer: Answer, volume: np.ndarray, brain: np.ndarray) -> None:
    values = volume[brain]
    usual = np.clip(values, *np.percentile(values, (1, 99)))
    everything = np.clip(volume, *np.percentile(volume, (1, 99)))
    right = (volume - usual.mean()) / usual.std()
    inside = {
        "The air counts: take percentiles, mean and deviation from `volume[brain]` alone": (
            (volume - everything.mean()) / everything.std()
        ),
        "A few outliers set the scale: take mean and deviation of the values clipped to the 1st "
        "and 99th percentile": (volume - values.mean()) / values.std(),
        "You wrote the clipped values: the clipping is for mean and deviation, the image keeps its "
        "extremes": (np.clip(volume, usual.min(), usual.max()) - usual.mean()) / usual.std(),
    }
    got = as_array(answer(volume, brain), volume.shape)
    if np.allclose(got[brain], right[brain]) and not np.allclose(got[~brain], 0):
        raise Wrong("The brain is right, but outside the brain the result should be 0.")
    mistakes = {text: np.where(brain, slip, 0) for text, slip in inside.items()}
    judge(got, np.where(brain, right, 0), mistakes, case="a brain with a few bright vessels")


def brain_box(answer: Answer) -> None:
    """Boxes in the middle, at each wall, with and without margin, and a single voxel."""
    for first, stop in (((3, 4, 5), (9, 8, 7)), ((1, 0, 3), (10, 8, 9)), ((4, 5, 2), (5, 6, 3))):
        brain = np.zeros((11, 9, 10), bool)
        brain[first[0], first[1] : stop[1], first[2]] = True
        brain[first[0] : stop[0], stop[1] - 1, stop[2] - 1] = True
        brain[first[0], stop[1] - 1, first[2] : stop[2]] = True
        for margin in (0, 1, 2, 4):
            want = tuple(
                slice(max(a - margin, 0), min(b + margin, n))
                for a, b, n in zip(first, stop, brain.shape, strict=True)
            )
            _one_box(answer, brain, margin, want)


def _one_box(answer: Answer, brain: np.ndarray, margin: int, want: tuple[slice, ...]) -> None:
    got = answer(brain, margin)
    if not (isinstance(got, tuple) and len(got) == 3 and all(isinstance(s, slice) for s in got)):
        raise Wrong("Return a tuple of three slices, so that `volume[box]` works.")
    bounds = [(s.start, s.stop) for s in got]
    due = [(s.start, s.stop) for s in want]
    if any(s.step not in (None, 1) for s in got) or any(
        not isinstance(b, int | np.integer) for pair in bounds for b in pair
    ):
        raise Wrong("Give each slice an integer start and stop, and no step.")
    bounds = [(int(a), int(b)) for a, b in bounds]
    if bounds == due:
        return
    if any(a < 0 for a, _ in bounds):
        raise Wrong(
            f"A start is negative ({bounds}): numpy then counts from the other end. Keep it at 0."
        )
    if any(b > n for (_, b), n in zip(bounds, brain.shape, strict=True)):
        raise Wrong(f"The box {bounds} leaves the array of shape {brain.shape}.")
    if all(b in (d - 1, d) and a == c for (a, b), (c, d) in zip(bounds, due, strict=True)):
        raise Wrong("The last voxels of the brain are missing: a slice stops before its end.")
    raise Wrong(
        f"With margin {margin} the box is {bounds}; {due} is due. Is the margin on both sides?"
    )


def coarser_labels(answer: Answer) -> None:
    """Random blocks, smooth blobs, and blocks in which only the regions reach one half."""
    rng = np.random.default_rng(3)
    mixed = np.array([[[ENHANCING, NECROSIS], [NECROSIS, OEDEMA]], [[OEDEMA, 0], [0, 0]]])
    maps = [
        _blob((12, 10, 8)),
        rng.choice([0, NECROSIS, OEDEMA, ENHANCING], (8, 6, 4), p=[0.4, 0.15, 0.2, 0.25]),
        np.tile(mixed, (2, 1, 3)),
        np.where(_blob((12, 10, 8)) > 0, OEDEMA, 0),
    ]
    for labels in maps:
        _one_coarsening(answer, labels.astype(np.uint8))


def _blob(shape: tuple[int, int, int]) -> np.ndarray:
    """Nested balls off the grid of blocks: oedema, necrosis inside, an enhancing rim between."""
    axes = np.indices(shape)
    centre = np.array(shape) / 2 + np.array([0.3, -0.4, 0.1])
    radius = np.sqrt(((axes - centre.reshape(3, 1, 1, 1)) ** 2).sum(0))
    return np.select([radius < 1.6, radius < 2.7, radius < 4.1], [NECROSIS, ENHANCING, OEDEMA], 0)


def _one_coarsening(answer: Answer, labels: np.ndarray) -> None:
    et, wt = labels == ENHANCING, labels > 0
    tc = et | (labels == NECROSIS)
    want = np.zeros([n // 2 for n in labels.shape], np.uint8)
    alone, backwards = want.copy(), want.copy()
    for value, region in ((OEDEMA, wt), (NECROSIS, tc), (ENHANCING, et)):
        want[_share(region) >= 0.5] = value
        alone[_share(labels == value) >= 0.5] = value
    for value, region in ((ENHANCING, et), (NECROSIS, tc), (OEDEMA, wt)):
        backwards[_share(region) >= 0.5] = value
    mistakes = {
        "The mean of labels invents tissue: between 0 and oedema (2) lies necrosis (1)": np.rint(
            _share(labels)
        ),
        "Taking every second voxel lets one voxel in eight speak for all": labels[::2, ::2, ::2],
        "The smaller regions are overwritten: write the largest first": backwards,
        "You ask each label for itself: a block of half oedema, half core is tumour, although "
        "neither label alone may reach one half": alone,
    }
    got = as_array(answer(labels))
    if got.shape == want.shape and np.array_equal(got, want) and got.dtype != np.uint8:
        raise Wrong(f"The values are right, but their type is {got.dtype}; uint8 is due.")
    judge(got, want, mistakes, case="a label map")


def _share(values: np.ndarray) -> np.ndarray:
    x, y, z = (n // 2 for n in values.shape)
    return values.reshape(x, 2, y, 2, z, 2).mean(axis=(1, 3, 5))


def augment(answer: Answer) -> None:
    """Many draws on one patient: each must be a mirrored or unmirrored whole, scaled in range."""
    rng = np.random.default_rng(4)
    image, target = rng.normal(0, 1, (4, 6, 5)), rng.random((3, 6, 5)) < 0.4
    draws = [_one_draw(answer, image, target, seed) for seed in range(_DRAWS)]
    for seed in range(20):
        flip, used = _one_draw(answer, image, target, seed)
        if flip != draws[seed][0] or not np.array_equal(used, draws[seed][1]):
            raise Wrong("The same seed gives another result: use only `rng` for chance.")
    flips, factors = (np.array(x) for x in zip(*draws, strict=True))
    _judge_factors(factors)
    if abs(flips.mean() - 0.5) > _SIGMAS * 0.5 / np.sqrt(_DRAWS):
        raise Wrong(f"{flips.mean():.0%} of the draws are mirrored; about half should be.")
    _judge_chance(np.column_stack([flips, factors]))


def _judge_factors(used: np.ndarray) -> None:
    """What is wrong with the factors ``(draws, 4)``, whatever their distribution."""
    if np.allclose(used, 1):
        raise Wrong("The image keeps its brightness: multiply each sequence by its factor.")
    if np.ptp(used, axis=1).max() < _SAME:
        raise Wrong("All four sequences get one factor for all: draw one for each.")
    different = min(len(np.unique(column.round(9))) for column in used.T)
    if different < 0.99 * _DRAWS:
        raise Wrong(
            f"In {_DRAWS} draws a sequence gets {different} different factors only. Any number "
            "from 0.9 to 1.1 may come: do not choose among a few, round, or cut at the ends."
        )
    if np.diff(np.sort(used, axis=1), axis=1).min(axis=1).mean() < _SAME:
        raise Wrong("Some sequences share a factor: draw one for each of the four.")
    if used.min() < 0.9 - 1e-6 or used.max() > 1.1 + 1e-6:
        raise Wrong(f"A factor is {used.flat[np.abs(used - 1).argmax()]:.3f}, outside 0.9 to 1.1.")


def _judge_chance(drawn: np.ndarray) -> None:
    """The flip and the four factors ``(draws, 5)`` must not go together, nor crowd anywhere."""
    if np.abs(np.triu(np.corrcoef(drawn.T), k=1)).max() > _SIGMAS / np.sqrt(_DRAWS):
        raise Wrong("The factors depend on each other, or on the flip: draw each by itself.")
    for used in (drawn[:, 1:].ravel(), *drawn[:, 1:].T):
        due = np.clip((np.sort(used) - 0.9) / 0.2, 0, 1)
        apart = np.abs(due - (np.arange(used.size) + 0.5) / used.size).max()
        if apart > 2.7 / np.sqrt(used.size):  # Kolmogorov and Smirnov: one in a million
            raise Wrong("The factors do not fill the range from 0.9 to 1.1 evenly: `rng.uniform`.")


def _one_draw(
    answer: Answer, image: np.ndarray, target: np.ndarray, seed: int
) -> tuple[bool, np.ndarray]:
    """Return whether the patient was mirrored, and the four factors."""
    both = answer(image, target, np.random.default_rng(seed))
    if not (isinstance(both, tuple | list) and len(both) == 2):
        raise Wrong("Return two things: the new image and the new target.")
    new_image, new_target = as_array(both[0], image.shape), as_array(both[1], target.shape)
    image_flips = _which(new_image, image, scaled=True)
    target_flips = _which(new_target.astype(float), target.astype(float), scaled=False)
    if image_flips == 0 or target_flips == 0:
        raise Wrong(
            "You mirror along axis 0, which swaps the sequences (T1 and FLAIR) and the regions. "
            "Left and right is axis 1."
        )
    if 2 in (image_flips, target_flips):
        raise Wrong("You mirror along axis 2, front and back. Left and right is axis 1.")
    if target_flips is None:
        raise Wrong("The target is neither the old one nor its mirror image: never scale it.")
    if image_flips is None:
        raise Wrong(
            "The image is not the patient, mirrored or not, with one factor for each sequence."
        )
    if image_flips != target_flips:
        again = [_sides(answer, image, target, s) for s in range(20)]
        if all(side[1] == -1 for side in again):
            raise Wrong("The image is mirrored, the target stays behind: flip both or none.")
        raise Wrong(
            "Image and target are mirrored independently: chance is drawn twice, once for each. "
            "Draw once, and if you call a function of your own, use both results of one call."
        )
    flat = image if image_flips == -1 else np.flip(image, 1)
    factors = np.einsum("cxy,cxy->c", new_image, flat) / np.einsum("cxy,cxy->c", flat, flat)
    return image_flips == 1, factors


def _sides(
    answer: Answer, image: np.ndarray, target: np.ndarray, seed: int
) -> tuple[int | None, int | None]:
    new_image, new_target = answer(image, target, np.random.default_rng(seed))
    return (
        _which(np.asarray(new_image), image, scaled=True),
        _which(np.asarray(new_target, float), target.astype(float), scaled=False),
    )


def _which(new: np.ndarray, old: np.ndarray, *, scaled: bool) -> int | None:
    """-1: unmirrored; 0, 1, 2: mirrored along that axis; None: neither."""
    for axis in (-1, 0, 1, 2):
        base = old if axis == -1 else np.flip(old, axis)
        norm = np.einsum("cxy,cxy->c", base, base)
        factor = np.einsum("cxy,cxy->c", new, base) / norm if scaled else np.ones(len(old))
        if np.allclose(new, base * factor[:, None, None], rtol=1e-6, atol=1e-9):
            return axis
    return None
