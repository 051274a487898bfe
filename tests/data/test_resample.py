from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fedlab_utils.data.resample import axis_weights, majority, resample, resample_labels
from tests.data import tiny


def by_simpleitk(volume: np.ndarray, steps: list[float], shape: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation by another library; both grids begin at the same voxel edge."""
    image = sitk.GetImageFromArray(volume.transpose(2, 1, 0))
    origin = [step / 2 - 0.5 for step in steps]
    moved = sitk.Resample(
        image, shape, sitk.Transform(), sitk.sitkLinear, origin, steps, np.eye(3).ravel()
    )
    return sitk.GetArrayFromImage(moved).transpose(2, 1, 0)


@pytest.mark.parametrize("steps", [[0.5, 0.5, 0.5], [2.0, 2.0, 2.0], [0.4, 2.0, 0.75]])
def test_linear_as_simpleitk(steps: list[float]) -> None:
    volume = np.random.default_rng(0).normal(size=(12, 10, 8)).astype(np.float32)
    shape = tuple(int(n / step) for n, step in zip(volume.shape, steps, strict=True))
    weights = [axis_weights(n, s, m) for n, s, m in zip(volume.shape, steps, shape, strict=True)]
    ours, theirs = resample(volume, weights), by_simpleitk(volume, steps, shape)
    inner = tuple(slice(int(1 / s) + 1, -int(1 / s) - 1) for s in steps)  # SimpleITK pads with 0
    assert ours.shape == shape
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=1e-5)


@given(length=st.integers(1, 20), tenths=st.integers(10, 45), new_length=st.integers(1, 20))
@settings(deadline=None)
def test_a_coarser_voxel_is_the_mean_of_what_it_covers(
    length: int, tenths: int, new_length: int
) -> None:
    """Brute force: cut every voxel into ten and average the pieces."""
    values = np.random.default_rng(length).normal(size=length)
    fine = np.repeat(values, 10)
    ours = axis_weights(length, tenths / 10, new_length) @ values
    for index, value in enumerate(ours):
        pieces = fine[index * tenths : (index + 1) * tenths]
        assert value == pytest.approx(pieces.mean() if pieces.size else values[-1], abs=1e-5)


@given(length=st.integers(1, 30), step=st.floats(0.1, 5), new_length=st.integers(1, 30))
@settings(deadline=None)
def test_weights_are_a_mean(length: int, step: float, new_length: int) -> None:
    weights = axis_weights(length, step, new_length)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_no_weights_no_change() -> None:
    volume = tiny.image()[0]
    assert np.array_equal(resample(volume, [None, None, None]), volume)
    assert np.array_equal(resample_labels(tiny.labels(), [None, None, None]), tiny.labels())


def test_labels_by_counting_voxels() -> None:
    """At twice the spacing a region wins a voxel with five of eight votes, loses it with three."""
    labels = np.random.default_rng(0).choice(4, (16, 12, 8), p=[0.4, 0.2, 0.2, 0.2])
    labels = labels.astype(np.uint8)
    result = resample_labels(labels, [axis_weights(n, 2, n // 2) for n in labels.shape])
    for at in np.ndindex(result.shape):
        block = labels[tuple(slice(2 * i, 2 * i + 2) for i in at)]
        counts = {members: np.isin(block, members).sum() for members in ((1, 2, 3), (1, 3), (3,))}
        for members, count in counts.items():
            if count != 4:
                assert (result[at] in members) == (count > 4)
            else:
                assert (result[at] in members) == (sum(at) % 2 == 0)


def test_cavity_is_kept() -> None:
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[:4] = 4
    assert set(np.unique(resample_labels(labels, [axis_weights(8, 2, 4)] * 3))) == {0, 4}


def test_a_thin_rim_keeps_its_volume() -> None:
    rng = np.random.default_rng(1)
    field = ndimage.gaussian_filter(rng.standard_normal((64, 64, 64)), 5)
    distance = np.linalg.norm(np.indices(field.shape) - 32, axis=0)
    tumour = field / field.std() * 3 + 18 - distance > 0
    rim = tumour & ~ndimage.binary_erosion(tumour, iterations=3)
    weights = [axis_weights(64, 2, 32)] * 3
    coarse = majority(resample(rim, weights))
    assert coarse.sum() * 8 / rim.sum() == pytest.approx(1, abs=0.03)
