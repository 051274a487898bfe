"""Affines: 4 x 4 matrices that place voxels in millimetres, checked and compared."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.errors import GeometryError

VOXEL_MM = (0.1, 20.0)
"""Edges of voxels that a scanner of patients makes; what lies outside is another unit."""

MAX_SHEAR = 0.02
"""Largest cosine between two voxel axes. Volumes and distances take voxels for boxes: at this
angle, one degree off, they are wrong by one percent."""


def corners_apart(
    shape: tuple[int, ...], one: NDArray[np.float64], other: NDArray[np.float64]
) -> float:
    """Return how far two affines place the same corner of a volume apart at most, in mm.

    ``shape`` is ``(X, Y, Z)`` or longer; the affines are ``(4, 4)``, voxel to millimetres.
    """
    ends = ((0, length - 1) for length in shape[:3])
    corners = np.array([(*corner, 1) for corner in product(*ends)])
    return float(np.linalg.norm((corners @ (other - one).T)[:, :3], axis=1).max())


def check_affine(affine: NDArray[np.float64], path: Path, case: object) -> None:
    """Refuse what does not place voxels of a patient's scan in millimetres.

    Parameters
    ----------
    affine
        ``(4, 4)`` voxel to millimetres.
    path, case
        The file's name and whose it is, for the error message.

    Raises
    ------
    GeometryError
        If it is singular or no number, sheared by more than ``MAX_SHEAR``, or of voxels whose edges
        lie outside ``VOXEL_MM``.
    """
    matrix = affine[:3, :3]
    sizes = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(affine).all() or not sizes.all():
        raise _singular(matrix, path, case)
    if sizes.min() < VOXEL_MM[0] or sizes.max() > VOXEL_MM[1]:
        raise GeometryError(
            case,
            f"{path.name} has voxels of {' x '.join(f'{size:.3g}' for size in sizes)} mm, outside "
            f"{VOXEL_MM[0]:g} to {VOXEL_MM[1]:g} mm",
            "Take the scan as published; the header may be in metres or micrometres",
        )
    axes = matrix / sizes
    if abs(np.linalg.det(axes)) < 1e-6:
        raise _singular(matrix, path, case)
    cosine = np.abs(axes.T @ axes - np.eye(3)).max()
    if cosine > MAX_SHEAR:
        raise GeometryError(
            case,
            f"{path.name} has a sheared grid: two of its axes meet at "
            f"{np.degrees(np.arccos(min(cosine, 1.0))):.1f} degrees",
            "Resample it to a grid of right angles; an affine registration belongs into the "
            "voxels, not into the header",
        )


def _singular(matrix: NDArray[np.float64], path: Path, case: object) -> GeometryError:
    return GeometryError(
        case,
        f"{path.name} has an affine that is singular or no number: {matrix.tolist()}",
        "Take the scan as published; its header has lost the voxel size",
    )
