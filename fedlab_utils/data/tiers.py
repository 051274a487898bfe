"""Laptop or GPU: at which resolution, and in which pieces, a network sees a patient."""

from __future__ import annotations

import os
from dataclasses import dataclass

from fedlab_utils.errors import DataError


@dataclass(frozen=True)
class Tier:
    """How much detail the machine at hand can afford.

    Attributes
    ----------
    name
        What ``FEDLAB_TIER`` calls it.
    spacing
        Edge of a voxel after preprocessing, in mm.
    spatial_dims
        2 for axial slices, 3 for patches.
    size
        Voxels per axis of what the network gets: ``(X, Y)`` of a slice or ``(X, Y, Z)`` of a
        patch. Every edge is a multiple of 16, so that the five levels of the U-Net fit.
    """

    name: str
    spacing: float
    spatial_dims: int
    size: tuple[int, ...]


TIERS = {
    "laptop": Tier("laptop", spacing=2.0, spatial_dims=2, size=(80, 96)),
    "gpu": Tier("gpu", spacing=1.0, spatial_dims=3, size=(128, 128, 128)),
}
"""The two tiers, by name."""


def current_tier() -> Tier:
    """Return the tier named by the environment variable ``FEDLAB_TIER``, "laptop" if unset.

    Raises
    ------
    DataError
        If the variable names no tier.
    """
    name = os.environ.get("FEDLAB_TIER", "").strip().lower() or "laptop"
    if name not in TIERS:
        known = " or ".join(TIERS)
        raise DataError(
            case="FEDLAB_TIER",
            cause=f"there is no tier {name!r}",
            remedy=f"Set it to {known}, or unset it to work at laptop scale",
        )
    return TIERS[name]
