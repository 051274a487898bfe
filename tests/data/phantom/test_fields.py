from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.fields import (
    apply_matrices,
    gaussian_matrix,
    linear_matrix,
    sigmoid,
    smooth_field,
)

EXTENT = ((0.0, 120.0), (0.0, 120.0), (0.0, 120.0))


def _axes(step: float) -> tuple[np.ndarray, ...]:
    return tuple(np.arange(0.0, 120.1, step) for _ in range(3))


def test_apply_matrices_is_an_einsum() -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=(2, 3, 4, 5))
    matrices = tuple(rng.normal(size=shape) for shape in ((6, 3), (7, 4), (2, 5)))
    expected = np.einsum("nabc,xa,yb,zc->nxyz", array, *matrices)
    np.testing.assert_allclose(apply_matrices(array, matrices), expected, rtol=1e-4, atol=1e-4)


def test_linear_matrix_interpolates_like_numpy() -> None:
    nodes, values = np.arange(2.0, 11.0, 1.5), np.random.default_rng(1).normal(size=6)
    at = np.linspace(0, 13, 40)
    np.testing.assert_allclose(linear_matrix(at, nodes) @ values, np.interp(at, nodes, values))


def test_gaussian_matrix_has_no_denormal_numbers() -> None:
    weights = gaussian_matrix(np.arange(100.0), np.arange(100.0), 3.0).astype(np.float32)
    assert weights[weights > 0].min() > 1e-4
    assert weights[50, 53] == pytest.approx(np.exp(-0.5))


@pytest.mark.parametrize("band", [False, True])
def test_a_field_has_unit_variance(band: bool) -> None:
    rng = np.random.default_rng(2)
    field = smooth_field(rng, _axes(3.0), EXTENT, 4.0, channels=6, band=band)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 0.1
    assert field.std() == pytest.approx(1, abs=0.08)


def test_correlation_falls_as_two_gaussians_do() -> None:
    """Noise spread by a Gaussian of width s is correlated as exp(-r^2 / 4 s^2)."""
    field = smooth_field(np.random.default_rng(3), _axes(2.0), EXTENT, 5.0, channels=8)
    for lag in (1, 2, 4):
        seen = np.mean(field[:, lag:] * field[:, :-lag])
        assert seen == pytest.approx(np.exp(-((2.0 * lag) ** 2) / 100), abs=0.08)


def test_a_band_limited_field_has_no_slow_drift() -> None:
    slow = []
    for band in (False, True):
        field = smooth_field(
            np.random.default_rng(4), _axes(3.0), EXTENT, 4.0, channels=6, band=band
        )
        blocks = field[:, :40, :40, :40].reshape(6, 4, 10, 4, 10, 4, 10)  # of 30 mm
        slow.append(blocks.mean((2, 4, 6)).std())
    assert slow[1] < 0.6 * slow[0]


def test_the_same_field_at_every_spacing() -> None:
    fine = smooth_field(np.random.default_rng(5), _axes(1.5), EXTENT, 4.0)
    coarse = smooth_field(np.random.default_rng(5), _axes(3.0), EXTENT, 4.0)
    np.testing.assert_allclose(fine[::2, ::2, ::2], coarse, atol=1e-3)


def test_sigmoid_is_the_logistic_function() -> None:
    x = np.array([-800.0, -2.0, 0.0, 1.0, 800.0])
    np.testing.assert_allclose(sigmoid(x), [0, 1 / (1 + np.e**2), 0.5, np.e / (1 + np.e), 1])
