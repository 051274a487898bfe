"""Augmentations that move tissue, and the target with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.segmentation.tensors import plain

if TYPE_CHECKING:
    import torch

    Pair = tuple[torch.Tensor, torch.Tensor | None]

MAX_ROTATION_DEG = 30.0
MAX_SCALING = 0.25
MAX_SHIFT = 0.08
"""Translation at strength 1, as a share of the image's edge."""
ELASTIC_SPACING = 16
MAX_ELASTIC = 2.5
"""Standard deviation of the elastic displacement at strength 1, in voxels."""


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


def _together(transform: Callable, image: torch.Tensor, target: torch.Tensor | None) -> Pair:
    """Move image and target by one call, so that they cannot come apart."""
    import torch

    if target is None:
        return plain(transform(image)), None
    moved = plain(transform(torch.cat([image, target.to(image.dtype)])))
    return moved[: len(image)], (moved[len(image) :] >= 0.5).to(target.dtype)
