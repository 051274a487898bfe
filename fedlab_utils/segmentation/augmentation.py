"""What else a scanner might have shown: MONAI's MRI augmentations with one strength each.

Images are robust z-scores with background exactly 0 (see
:func:`fedlab_utils.data.brain.robust_zscore`), slices ``(C, H, W)`` or volumes ``(C, X, Y, Z)``.
Spatial augmentations move the target with the image; intensity augmentations leave the target
and the background alone. The selection follows nnU-Net (Isensee et al., Nature Methods 18, 2021,
doi:10.1038/s41592-020-01008-z) and adds the bias field of an MR coil.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import FedLabError

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.tiers import Tier

    Pair = tuple[torch.Tensor, torch.Tensor | None]

MAX_ROTATION_DEG = 30.0
MAX_SCALING = 0.25
MAX_SHIFT = 0.08
"""Translation at strength 1, as a share of the image's edge."""
ELASTIC_SPACING = 16
MAX_ELASTIC = 2.5
"""Standard deviation of the elastic displacement at strength 1, in voxels."""
MAX_BIAS = 0.5
"""Range of the log bias field's polynomial coefficients at strength 1."""
MAX_LOG2_GAMMA = 1.0
MAX_NOISE = 0.5
"""Standard deviation of the noise at strength 1, in z-scores."""
MAX_BLUR = 1.5
"""Standard deviation of the blur at strength 1, in voxels."""
MIN_ZOOM = 1 / 3
"""Resolution at strength 1, as a share of the image's own."""


def flip(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Swap left and right, with probability ``strength``: the one symmetry that a head has."""
    from monai.transforms import Flip

    if np.random.default_rng(seed).random() >= strength:
        return image, target
    return _together(Flip(spatial_axis=0), image, target)


def affine(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Rotate, scale and shift: another pose and size of the head."""
    from monai.transforms import Affine

    angle, scale, shift = affine_parameters(image.shape[1:], strength, seed)
    move = Affine(
        rotate_params=angle,
        scale_params=scale,
        translate_params=shift,
        padding_mode="zeros",
        image_only=True,
    )
    return _together(move, image, target)


def affine_parameters(
    shape: Sequence[int], strength: float, seed: int
) -> tuple[list[float], list[float], list[float]]:
    """Return angles (radians; one in 2-D, three in 3-D), scales and shifts (voxels) per axis."""
    rng, dims = np.random.default_rng(seed), len(shape)
    angle = np.deg2rad(MAX_ROTATION_DEG) * strength * rng.uniform(-1, 1, 1 if dims == 2 else 3)
    scale = 2.0 ** (np.log2(1 + MAX_SCALING) * strength * rng.uniform(-1, 1))
    shift = MAX_SHIFT * strength * rng.uniform(-1, 1, dims) * np.asarray(shape)
    return angle.tolist(), [float(scale)] * dims, shift.tolist()


def elastic(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Bend tissue smoothly: another person's folds."""
    import torch
    from monai.transforms import Resample
    from monai.transforms.utils import create_grid

    shape = tuple(image.shape[1:])
    grid = create_grid(shape, backend="torch", dtype=torch.float32)
    grid[: len(shape)] += torch.from_numpy(displacement(shape, strength, seed))
    warp = Resample(padding_mode="zeros", dtype=np.float32)
    return _together(lambda pair: warp(pair, grid), image, target)


def displacement(shape: Sequence[int], strength: float, seed: int) -> np.ndarray:
    """Return a smooth random displacement in voxels, float32 ``(dims, *shape)``.

    Independent normal draws on a coarse grid with cubic splines between them; MONAI's
    Rand3DElastic, which filters noise at every voxel instead, takes six times as long.
    """
    from scipy import ndimage

    rng = np.random.default_rng(seed)
    nodes = [max(2, round(n / ELASTIC_SPACING) + 1) for n in shape]
    drawn = MAX_ELASTIC * strength * rng.standard_normal((len(shape), *nodes)).astype(np.float32)
    zoom = [n / m for n, m in zip(shape, nodes, strict=True)]
    return np.stack([ndimage.zoom(axis, zoom, order=3, mode="nearest") for axis in drawn])


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
    return _keep_background(_plain(shade(image - darkest)) + darkest, inside), target


def gamma(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Bend the grey scale of each sequence, as other echo or repetition times would."""
    from monai.transforms import AdjustContrast

    exponents = gamma_exponents(len(image), strength, seed)
    inside, result = _inside(image), image.clone()
    for channel, exponent in enumerate(exponents):
        values = image[channel][inside]
        if values.numel():
            result[channel][inside] = _plain(AdjustContrast(exponent)(values))
    return result, target


def gamma_exponents(channels: int, strength: float, seed: int) -> list[float]:
    """Return the exponent of each channel, between 1/2 and 2 at strength 1."""
    drawn = np.random.default_rng(seed).uniform(-1, 1, channels)
    return (2.0 ** (MAX_LOG2_GAMMA * strength * drawn)).tolist()


def noise(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:
    """Add Gaussian noise, what Rician noise becomes where there is signal."""
    from monai.transforms import RandGaussianNoise

    add = RandGaussianNoise(prob=1.0, std=MAX_NOISE * strength, sample_std=False)
    return _keep_background(_plain(add.set_random_state(seed)(image)), _inside(image)), target


def blur(image: torch.Tensor, target: torch.Tensor | None, strength: float, seed: int) -> Pair:  # noqa: ARG001
    """Smooth the image, as a patient who moves a little."""
    from monai.transforms import GaussianSmooth

    smooth = GaussianSmooth(sigma=MAX_BLUR * strength)
    return _keep_background(_plain(smooth(image)), _inside(image)), target


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
    coarse = _plain(coarsen.set_random_state(seed)(image))
    return _keep_background(coarse, _inside(image)), target


AUGMENTATIONS: dict[str, Callable[..., Pair]] = {
    "flip": flip,
    "affine": affine,
    "elastic": elastic,
    "bias field": bias_field,
    "gamma": gamma,
    "noise": noise,
    "blur": blur,
    "low resolution": low_resolution,
}
"""Every augmentation by name: ``f(image, target, strength, seed) -> (image, target)``."""


def augment(
    name: str,
    image: torch.Tensor | np.ndarray,
    target: torch.Tensor | np.ndarray | None = None,
    strength: float = 0.5,
    seed: int = 0,
) -> Pair:
    """Apply one augmentation.

    Parameters
    ----------
    name
        A key of ``AUGMENTATIONS``.
    image
        ``(C, H, W)`` or ``(C, X, Y, Z)`` z-scores, background 0.
    target
        ``(K, H, W)`` or ``(K, X, Y, Z)`` of 0 and 1, or None. Spatial augmentations interpolate
        it with the image and cut at one half: nested regions stay nested, and an outline moves
        by fractions of a voxel where nearest neighbour would jump.
    strength
        0 gives the inputs back unchanged, 1 the strongest effect. One seed keeps its direction
        over all strengths, so that a slider shows one effect growing.
    seed
        The same seed gives the same result.

    Returns
    -------
    image, target : torch.Tensor
        float32 image; target in its own dtype.

    Raises
    ------
    FedLabError
        If there is no such augmentation, or ``strength`` is outside [0, 1].
    """
    import torch

    if name not in AUGMENTATIONS:
        raise FedLabError(name, "is no augmentation", f"Choose one of {', '.join(AUGMENTATIONS)}")
    if not 0 <= strength <= 1:
        raise FedLabError(name, f"strength is {strength}", "Give a number between 0 and 1")
    image = torch.as_tensor(image, dtype=torch.float32)
    target = None if target is None else torch.as_tensor(target)
    if strength == 0:
        return image, target
    return AUGMENTATIONS[name](image, target, float(strength), seed)


@dataclass(frozen=True)
class TrainingAugmentation:
    """A chain of augmentations, each applied by chance and with a random strength.

    Attributes
    ----------
    steps
        ``(name, probability, largest strength)``, applied in this order.
    seed
        Together with the key of a call it decides everything.
    """

    steps: tuple[tuple[str, float, float], ...]
    seed: int = 0

    def __call__(
        self, image: torch.Tensor, target: torch.Tensor | None, key: tuple[int, ...] = ()
    ) -> Pair:
        """Augment one sample.

        Parameters
        ----------
        image, target
            See :func:`augment`.
        key
            What tells this sample from all others, such as (epoch, index). The same key gives
            the same result, in any order and in any process.
        """
        rng = np.random.default_rng((self.seed, *key))
        for name, probability, strongest in self.steps:
            # Always three draws, so that one step's outcome does not shift the next one's.
            chance, strength, seed = rng.random(), rng.random(), int(rng.integers(2**31))
            if chance < probability:
                image, target = augment(name, image, target, strongest * strength, seed)
        return image, target


def training_augmentation(tier: Tier | None = None, seed: int = 0) -> TrainingAugmentation:
    """Return the augmentation that a network is trained with.

    Parameters
    ----------
    tier
        Default: the current one. Elastic deformation costs little on a slice and a second on a
        128-voxel patch, so that patches get it less often.
    seed
        See :class:`TrainingAugmentation`.
    """
    from fedlab_utils.data.tiers import current_tier

    tier = tier or current_tier()
    return TrainingAugmentation(
        steps=(
            ("flip", 1.0, 1.0),
            ("affine", 0.5, 1.0),
            ("elastic", 0.3 if tier.spatial_dims == 2 else 0.1, 1.0),
            ("bias field", 0.3, 1.0),
            ("gamma", 0.3, 1.0),
            ("noise", 0.3, 0.5),
            ("blur", 0.2, 0.5),
            ("low resolution", 0.2, 0.7),
        ),
        seed=seed,
    )


def _together(transform: Callable, image: torch.Tensor, target: torch.Tensor | None) -> Pair:
    """Move image and target by one call, so that they cannot come apart."""
    import torch

    if target is None:
        return _plain(transform(image)), None
    moved = _plain(transform(torch.cat([image, target.to(image.dtype)])))
    return moved[: len(image)], (moved[len(image) :] >= 0.5).to(target.dtype)


def _inside(image: torch.Tensor) -> torch.Tensor:
    return (image != 0).any(dim=0)


def _darkest(image: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Smallest value of each channel in the brain, shaped to broadcast."""
    flat = image[:, inside]
    lowest = flat.amin(dim=1) if flat.shape[1] else flat.new_zeros(len(image))
    return lowest.reshape(-1, *[1] * (image.ndim - 1))


def _keep_background(image: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    return image * inside


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Strip MONAI's metadata, which slows every later operation down."""
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
