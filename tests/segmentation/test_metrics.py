"""Dice and HD95 against MONAI and brute force; what empty masks count."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import DiceMetric, compute_hausdorff_distance

from fedlab_utils.errors import GeometryError
from fedlab_utils.segmentation.metrics import (
    MEASURED,
    MISSED_MM,
    _surface,
    dice,
    hd95,
    masks,
    measure,
)


def blob(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    centre, radii = rng.uniform(3, np.array(shape) - 3), rng.uniform(1.5, 5, 3)
    inside = sum(((a - c) / r) ** 2 for a, c, r in zip(axes, centre, radii, strict=True)) <= 1
    return inside | (rng.random(shape) < 0.002)


def brute_force(a: np.ndarray, b: np.ndarray, spacing: tuple[float, ...]) -> float:
    """Every surface voxel against every other one."""

    def surface(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, 1)
        inner = padded.copy()
        for axis in range(3):
            inner &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
        return np.argwhere(padded & ~inner) * spacing

    x, y = surface(a), surface(b)
    apart = np.linalg.norm(x[:, None] - y[None], axis=2)
    return max(np.percentile(apart.min(1), 95), np.percentile(apart.min(0), 95))


@given(seed=st.integers(0, 100_000))
@settings(max_examples=25, deadline=None)
def test_hd95_equals_brute_force_on_unequal_spacing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = blob(rng, (12, 14, 11)), blob(rng, (12, 14, 11))
    spacing = tuple(rng.uniform(0.5, 3, 3))
    assert hd95(a, b, spacing) == pytest.approx(brute_force(a, b, spacing), rel=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(4))
def test_hd95_and_dice_equal_monais(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = blob(rng, (20, 22, 18)), blob(rng, (20, 22, 18))
    pair = [torch.from_numpy(m)[None, None].float() for m in (a, b)]
    spacing = (1.0, 1.5, 2.0)
    theirs = compute_hausdorff_distance(
        *pair, include_background=True, percentile=95, spacing=list(spacing)
    )
    assert hd95(a, b, spacing) == pytest.approx(float(theirs), abs=1e-3)
    assert dice(a, b) == pytest.approx(float(DiceMetric()(*pair)), abs=1e-6)


def test_one_percentile_of_both_directions_is_mostly_smaller() -> None:
    """The other definition of HD95, medpy's, beside ours."""
    spacing = (1.0, 1.0, 1.0)

    def pooled(a: np.ndarray, b: np.ndarray) -> float:
        x, y = _surface(a, spacing), _surface(b, spacing)
        apart = np.linalg.norm(x[:, None] - y[None], axis=2)
        return float(np.percentile(np.concatenate([apart.min(1), apart.min(0)]), 95))

    smaller = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        a, b = blob(rng, (20, 22, 18)), blob(rng, (20, 22, 18))
        theirs, ours = pooled(a, b), hd95(a, b, spacing)
        assert theirs <= 1.01 * ours
        smaller += theirs < ours
    assert smaller > 10
    a, b = np.zeros((2, 8, 3, 3), bool)
    a[[4, 1], 1, 1] = b[[4, 7], 1, 1] = True  # one voxel shared, one of each 3 mm apart
    assert pooled(a, b) > hd95(a, b, spacing)


def test_a_shift_is_measured_in_millimetres() -> None:
    a = np.zeros((30, 30, 30), bool)
    a[8:20, 8:20, 8:20] = True
    assert hd95(a, np.roll(a, 3, 1), (1, 2, 1)) == pytest.approx(6.0)
    assert hd95(a, a, (1, 1, 1)) == 0


def test_a_mask_that_touches_the_border_has_a_surface_there() -> None:
    a = np.ones((4, 4, 4), bool)
    b = a.copy()
    b[:2] = False
    assert hd95(a, b, (1, 1, 1)) == pytest.approx(brute_force(a, b, (1, 1, 1)))


def test_empty_masks() -> None:
    nothing, something = np.zeros((5, 5, 5), bool), np.ones((5, 5, 5), bool)
    assert (dice(nothing, nothing), hd95(nothing, nothing, (1, 1, 1))) == (1.0, 0.0)
    for pair in ((nothing, something), (something, nothing)):
        assert (dice(*pair), hd95(*pair, (1, 1, 1))) == (0.0, MISSED_MM)
    assert pytest.approx(np.linalg.norm((240, 240, 155)), abs=1e-3) == MISSED_MM


def test_measure_names_regions_and_labels() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[2:6, 2:6, 2:6] = 2
    labels[3:5, 3:5, 3:5] = 3
    labels[3, 3, 3] = 1
    counts = dict(zip(MEASURED, masks(labels).sum((1, 2, 3)).tolist(), strict=True))
    assert counts == {"ET": 7, "TC": 8, "WT": 64, "oedema": 56, "necrosis": 1}
    result = measure(labels, labels, (1, 1, 1))
    assert {name: (v["dice"], v["hd95"]) for name, v in result.items()} == dict.fromkeys(
        MEASURED, (1.0, 0.0)
    )


def test_other_shapes_are_refused() -> None:
    with pytest.raises(GeometryError, match="shape"):
        dice(np.zeros((2, 2, 2), bool), np.zeros((2, 2, 3), bool))
