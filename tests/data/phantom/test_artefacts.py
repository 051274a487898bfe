from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rice

from fedlab_utils.data.phantom.artefacts import acquire, acquisition_matrices, coil_bias, rician
from fedlab_utils.data.phantom.fields import apply_matrices
from fedlab_utils.data.phantom.scanner import Sequence

AXES = tuple(np.arange(60) * 1.0 + 40 for _ in range(3))


@pytest.mark.parametrize("signal", [0.0, 0.05, 0.3, 2.0])
def test_noise_has_the_moments_of_rice(signal: float) -> None:
    sigma = 0.1
    seen = rician(np.random.default_rng(0), np.full(200_000, signal, np.float32), sigma)
    expected = rice(signal / sigma, scale=sigma)
    assert seen.mean() == pytest.approx(expected.mean(), rel=0.01)
    assert seen.std() == pytest.approx(expected.std(), rel=0.01)


def test_bias_is_smooth_and_centred() -> None:
    bias = coil_bias(np.random.default_rng(1), AXES, 0.2)
    assert (bias > 0).all()
    assert np.abs(np.diff(np.log(bias), axis=0)).max() < 0.03
    logs = [np.log(coil_bias(np.random.default_rng(s), AXES, 0.2)).mean() for s in range(40)]
    assert abs(np.mean(logs)) < 0.1


def test_thick_slices_blur_along_their_normal_only() -> None:
    point = np.zeros((60, 60, 60), np.float32)
    point[30, 30, 30] = 1
    to, back = acquisition_matrices(AXES, (1.0, 1.0, 5.0))
    seen = apply_matrices(apply_matrices(point, to), back)
    assert np.count_nonzero(seen.sum((1, 2)) > 1e-6) == 1
    assert 5 <= np.count_nonzero(seen.sum((0, 1)) > 1e-3) <= 20


def test_a_constant_stays_constant() -> None:
    to, back = acquisition_matrices(AXES, (2.0, 3.0, 6.5), offset=0.4)
    flat = np.ones((60, 60, 60), np.float32)
    np.testing.assert_allclose(apply_matrices(apply_matrices(flat, to), back), 1, atol=1e-5)


def test_slice_profile_has_the_width_it_says() -> None:
    """Full width at half maximum of a slice of 6 mm is 6 mm."""
    axis = np.arange(0, 60, 0.25)
    to, _ = acquisition_matrices((axis, axis, axis), (0.2, 0.2, 6.0))
    profile = to[2][len(to[2]) // 2]
    assert (profile > profile.max() / 2).sum() * 0.25 == pytest.approx(6.0, abs=0.5)


def test_acquiring_adds_the_noise_of_the_scanner() -> None:
    flat = np.ones((60, 60, 60), np.float32)
    sequence = Sequence("spin echo", 500, 10)
    seen = acquire(np.random.default_rng(2), flat, AXES, sequence, 0.05)
    assert seen.std() == pytest.approx(0.05, rel=0.03)
    coarse = tuple(np.arange(30) * 2.0 + 40 for _ in range(3))  # 2 mm voxels average eight
    seen = acquire(np.random.default_rng(2), flat[::2, ::2, ::2], coarse, sequence, 0.05)
    assert seen.std() == pytest.approx(0.05 / np.sqrt(8), rel=0.05)
