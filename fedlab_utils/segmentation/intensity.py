"""Augmentations that change what a scanner would have measured; background and target stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.segmentation.tensors import plain

if TYPE_CHECKING:
    import torch

    Pair = tuple[torch.Tensor, torch.Tensor | None]

MAX_BIAS = 0.5
"""Range of the log bias field's polynomial coefficients at strength 1."""
MAX_LOG2_GAMMA = 1.0
MAX_NOISE = 0.5
"""Standard deviation of the noise at strength 1, in z-scores."""
MAX_BLUR = 1.5
"""Standard deviation of the blur at strength 1, in voxels."""
MIN_ZOOM = 1 / 3
"""Resolution at strength 1, as a share of the image's own."""


def bias_field(
    image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int
) -> Pair:
    """Shade the image smoothly, as a receive coil that sits nearer to one side."""
    from monai.transforms import RandBiasField

    shade = RandBiasField(coeff_range=(-MAX_BIAS * strength, MAX_BIAS * strength), prob=1.0)
    shade.set_random_state(seed)
    inside = _inside(image)
    darkest = _darkest(image, inside)
    # Coils scale signal, which begins at the darkest tissue; z-scores begin at the mean.
    return _keep_background(plain(shade(image - darkest)) + darkest, inside), target


def gamma(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Bend the grey scale of each sequence, as other echo or repetition times would."""
    from monai.transforms import AdjustContrast

    exponents = gamma_exponents(len(image), strength, seed)
    inside, result = _inside(image), image.clone()
    for channel, exponent in enumerate(exponents):
        values = image[channel][inside]
        if values.numel():
            result[channel][inside] = plain(AdjustContrast(exponent)(values))
    return result, target


def gamma_exponents(channels: int, strength: float, seed: int) -> list[float]:
    """Return the exponent of each channel, between 1/2 and 2 at strength 1."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, channels)
    return (2.0 ** (MAX_LOG2_GAMMA * strength * drawn)).tolist()


def noise(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Add Gaussian noise, what Rician noise becomes where there is signal."""
    from monai.transforms import RandGaussianNoise

    add = RandGaussianNoise(prob=1.0, std=MAX_NOISE * strength, sample_std=False)
    return _keep_background(plain(add.set_random_state(seed)(image)), _inside(image)), target


def blur(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:  # noqa: ARG001
    """Smooth the image, as a patient who moves a little."""
    from monai.transforms import GaussianSmooth

    smooth = GaussianSmooth(sigma=MAX_BLUR * strength)
    return _keep_background(plain(smooth(image)), _inside(image)), target


def low_resolution(
    image: torch.Tensor,
    target: torch.Tensor | None,
    strength: float,
    seed: int,
) -> Pair:
    """Average over larger voxels and interpolate back, as a faster protocol would show it."""
    from monai.transforms import RandSimulateLowResolution

    zoom = 1 - (1 - MIN_ZOOM) * strength
    coarsen = RandSimulateLowResolution(
        prob=1.0,
        downsample_mode="area",
        upsample_mode="bilinear" if image.ndim == 3 else "trilinear",
        zoom_range=(zoom, zoom),
    )
    coarse = plain(coarsen.set_random_state(seed)(image))
    return _keep_background(coarse, _inside(image)), target


def _inside(image: torch.Tensor) -> torch.Tensor:
    return (image != 0).any(dim=0)


def _darkest(image: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Smallest value of each channel in the brain, shaped to broadcast."""
    flat = image[:, inside]
    lowest = flat.amin(dim=1) if flat.shape[1] else flat.new_zeros(len(image))
    return lowest.reshape(-1, *[1] * (image.ndim - 1))


def _keep_background(image: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    return image * inside
