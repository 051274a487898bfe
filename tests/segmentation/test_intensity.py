from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from fedlab_utils.segmentation.intensity import (
    MAX_BIAS,
    MAX_BLUR,
    MAX_NOISE,
    MIN_ZOOM,
    bias_field,
    blur,
    gamma,
    gamma_exponents,
    low_resolution,
    noise,
)
from tests.segmentation.heads import head

SHAPES = [(64, 48), (24, 20, 16)]
ALL = [bias_field, gamma, noise, blur, low_resolution]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("change", ALL)
def test_background_and_target_stay(change: object, shape: tuple[int, ...]) -> None:
    image, target = head(*shape)
    inside = (image != 0).any(dim=0)
    changed, same = change(image, target, 0.8, seed=1)
    assert same is target
    assert not changed[:, ~inside].any()
    assert not torch.equal(changed, image)
    assert changed.shape == image.shape
    assert changed.dtype == torch.float32


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_by_its_formula(shape: tuple[int, ...]) -> None:
    image, _ = head(*shape)
    inside = (image != 0).any(dim=0)
    exponents = gamma_exponents(4, 0.9, seed=2)
    assert len(set(exponents)) == 4
    changed, _ = gamma(image, None, 0.9, seed=2)
    for volume, result, exponent in zip(image, changed, exponents, strict=True):
        values = volume[inside].double()
        low, high = values.min(), values.max()
        expected = ((values - low) / (high - low)) ** exponent * (high - low) + low
        torch.testing.assert_close(result[inside].double(), expected, atol=1e-4, rtol=0)


def test_gamma_exponents_are_symmetric_about_one() -> None:
    drawn = np.log2([gamma_exponents(4, 1.0, seed) for seed in range(500)])
    assert np.abs(drawn).max() <= 1
    assert drawn.mean() == pytest.approx(0, abs=0.06)


@pytest.mark.parametrize("shape", SHAPES)
def test_bias_is_one_smooth_factor_for_all_sequences(shape: tuple[int, ...]) -> None:
    """The factor on the signal above the darkest tissue is a polynomial of degree three."""
    image, _ = head(*shape)
    inside = (image != 0).any(dim=0)
    darkest = image[:, inside].amin(dim=1)[:, None]
    changed, _ = bias_field(image, None, 0.7, seed=3)
    before, after = image[:, inside] - darkest, changed[:, inside] - darkest
    bright = (before > 0.5).all(dim=0)
    log_field = torch.log(after / before)[:, bright].double().numpy()
    np.testing.assert_allclose(log_field, np.tile(log_field[0], (4, 1)), atol=1e-4)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"), axis=-1)[
        inside.numpy()
    ][bright.numpy()]
    powers = [p for p in np.ndindex(*[4] * len(shape)) if sum(p) <= 3 * len(shape)]
    basis = np.stack([np.prod(at**p, axis=1) for p in powers], axis=1)
    fitted = basis @ np.linalg.lstsq(basis, log_field[0], rcond=None)[0]
    np.testing.assert_allclose(fitted, log_field[0], atol=1e-3)
    assert 0.01 < log_field.std() < 3 * MAX_BIAS


def test_bias_grows_in_one_direction() -> None:
    image, _ = head(64, 48)
    darkest = image[:, (image != 0).any(dim=0)].amin(dim=1)[:, None, None]
    bright = (image - darkest > 0.5) & (image != 0)

    def log_field(strength: float) -> torch.Tensor:
        changed, _ = bias_field(image, None, strength, seed=3)
        return torch.log(((changed - darkest) / (image - darkest))[bright])

    torch.testing.assert_close(log_field(0.8), 2 * log_field(0.4), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("strength", [0.2, 1.0])
def test_noise_has_the_stated_deviation(strength: float) -> None:
    image, _ = head(96, 96)
    inside = (image != 0).any(dim=0)
    added = (noise(image, None, strength, seed=0)[0] - image)[:, inside]
    assert float(added.std()) == pytest.approx(MAX_NOISE * strength, rel=0.03)
    assert float(added.mean()) == pytest.approx(0, abs=0.01)
    between = np.corrcoef(added.numpy()) - np.eye(4)
    assert np.abs(between).max() < 0.05


@pytest.mark.parametrize("shape", SHAPES)
def test_blur_is_a_gaussian(shape: tuple[int, ...]) -> None:
    """A cosine passes a Gaussian damped by exp(-(k sigma)^2 / 2), far from the edges."""
    frequency = 2 * np.pi / 12
    wave = torch.cos(frequency * torch.arange(shape[0], dtype=torch.float32))
    image = (wave.reshape(-1, *[1] * (len(shape) - 1)) + 2).expand(shape)[None].contiguous()
    blurred, _ = blur(image, None, 0.8, seed=0)
    middle = (0, slice(7, -7), *[n // 2 for n in shape[1:]])
    # MONAI integrates the Gaussian over each voxel, which damps by a further sinc.
    damping = np.exp(-((frequency * MAX_BLUR * 0.8) ** 2) / 2) * np.sinc(frequency / 2 / np.pi)
    expected = damping * wave[7:-7] + 2
    if len(shape) == 2:
        np.testing.assert_allclose(blurred[middle], expected, atol=5e-3)
    else:  # the kernel reaches the faces of so small a volume: compare the shape alone
        slope = np.polyfit(wave[7:-7], blurred[middle], 1)[0]
        assert slope == pytest.approx(damping, rel=0.05)


def test_low_resolution_by_block_means() -> None:
    """At a third of the resolution: means of three by three, then linear in between."""
    image, _ = head(48, 48)
    inside = (image != 0).any(dim=0).numpy()
    assert pytest.approx(1 / 3) == MIN_ZOOM
    coarse = image.numpy().reshape(4, 16, 3, 16, 3).mean(axis=(2, 4))
    at = np.clip((np.indices((48, 48)) + 0.5) / 3 - 0.5, 0, 15)
    expected = np.stack([ndimage.map_coordinates(c, at, order=1) for c in coarse]) * inside
    np.testing.assert_allclose(low_resolution(image, None, 1.0, seed=0)[0], expected, atol=1e-5)
