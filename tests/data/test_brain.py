from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from fedlab_utils.data.brain import (
    bounding_box,
    brain_mask,
    brain_warnings,
    fill_holes,
    robust_zscore,
)
from tests.data import tiny

VOXEL_ML = 0.064  # at 4 mm

volumes = arrays(bool, st.tuples(*[st.integers(1, 6)] * 3))


def test_mask_is_the_brain_that_was_drawn() -> None:
    assert np.array_equal(brain_mask(tiny.image()), tiny.brain())


def test_mask_survives_a_flair_that_misses_a_third_of_the_brain() -> None:
    image = tiny.image()
    image[3, :, :, : tiny.SHAPE[2] // 3 + 3] = 0
    assert np.array_equal(brain_mask(image), tiny.brain())


def test_mask_survives_one_sequence_with_a_noisy_background() -> None:
    image = tiny.image()
    image[1] += np.abs(np.random.default_rng(0).normal(0, 5, tiny.SHAPE))
    mask = brain_mask(image)
    assert np.array_equal(mask, tiny.brain())
    assert any("T1ce" in w and "skull" in w for w in brain_warnings(image, mask, VOXEL_ML))


def test_mask_survives_a_background_other_than_zero() -> None:
    image = np.where(tiny.brain(), tiny.image() - 350, -9)
    assert np.array_equal(brain_mask(image), tiny.brain())


def test_a_head_in_noise_is_found_and_warned_about() -> None:
    rng = np.random.default_rng(0)
    noise = np.abs(rng.normal(0, 8, (4, *tiny.SHAPE)))
    image = tiny.image() + noise
    mask, truth = brain_mask(image), tiny.brain()
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.95
    assert len(brain_warnings(image, mask, VOXEL_ML)) == 4


def test_holes_are_filled_and_loose_pieces_dropped() -> None:
    image = tiny.image()
    image[:, 20:24, 24:28, 18:22] = 0
    image[:, 1:3, 1:3, 1:3] = 500
    assert np.array_equal(brain_mask(image), tiny.brain())


def test_a_clean_brain_raises_no_warning() -> None:
    assert brain_warnings(tiny.image(), tiny.brain(), VOXEL_ML) == ()


@pytest.mark.parametrize(("voxel_ml", "word"), [(0.2, "more than"), (0.01, "less than")])
def test_a_volume_that_is_no_brain_is_warned_about(voxel_ml: float, word: str) -> None:
    (warning,) = brain_warnings(tiny.image(), tiny.brain(), voxel_ml)
    assert word in warning


@given(volumes)
@settings(deadline=None)
def test_holes_as_scipy_fills_them(mask: np.ndarray) -> None:
    assert np.array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


@given(volumes.filter(np.any))
@settings(deadline=None)
def test_box_against_brute_force(mask: np.ndarray) -> None:
    at = np.argwhere(mask)
    brute = tuple(slice(low, high + 1) for low, high in zip(at.min(0), at.max(0), strict=True))
    assert bounding_box(mask) == brute


def test_zscore_by_hand() -> None:
    image, mask = tiny.image(), tiny.brain()
    image[0, 20, 20, 20] = 5000  # a vessel
    result = robust_zscore(image, mask, percentiles=(2, 98), clip=4)
    for volume, normalised in zip(image, result, strict=True):
        values = np.sort(volume[mask].astype(np.float64))
        low, high = np.interp([0.02, 0.98], np.linspace(0, 1, values.size), values)
        winsorised = np.minimum(np.maximum(values, low), high)
        mean = winsorised.sum() / values.size
        deviation = np.sqrt(((winsorised - mean) ** 2).sum() / values.size)
        expected = np.clip((volume[mask] - mean) / deviation, -4, 4)
        np.testing.assert_allclose(normalised[mask], expected, atol=1e-4)
    assert result[0, 20, 20, 20] == 4
    assert not result[:, ~mask].any()
    assert result.dtype == np.float32


def test_zscore_does_not_depend_on_scale_and_offset() -> None:
    image, mask = tiny.image(), tiny.brain()
    moved = np.where(mask, 7 * image - 900, 0)
    np.testing.assert_allclose(robust_zscore(moved, mask), robust_zscore(image, mask), atol=1e-4)


def test_what_a_sequence_did_not_measure_is_average_and_out_of_the_statistics() -> None:
    image, mask = tiny.image(), tiny.brain()
    image[3, :, :, :14] = 0
    result = robust_zscore(image, mask)
    measured = mask.copy()
    measured[:, :, :14] = False
    values = image[3][measured]
    winsorised = np.clip(values, *np.percentile(values, (1, 99)))
    expected = (values - winsorised.mean()) / winsorised.std()
    assert not result[3, :, :, :14].any()
    np.testing.assert_allclose(result[3][measured], np.clip(expected, -5, 5), atol=1e-4)


def test_black_fluid_inside_the_brain_is_measured() -> None:
    image, mask = tiny.image(), tiny.brain()
    image[3, 12:32, 16:36, 12:28] = 0
    assert (robust_zscore(image, mask)[3, 12:32, 16:36, 12:28] < -1).all()


def test_a_constant_sequence_becomes_zero() -> None:
    image, mask = tiny.image(), tiny.brain()
    image[2][mask] = 7
    assert not robust_zscore(image, mask)[2].any()
