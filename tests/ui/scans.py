"""A small patient with known values, voxels of three different edges, for the widget tests."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np


def small_scan(labelled: bool = True) -> SimpleNamespace:
    """Smooth intensities in a box of tissue, nested labels, spacing 1 x 1.5 x 3 mm."""
    shape = (26, 20, 12)
    x, y, z = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    inside = (abs(x - 12) < 11) & (abs(y - 9) < 8) & (abs(z - 5) < 5)
    channels = [100 + 6 * x + 3 * y + 2 * z, 300 - 4 * x + z, 80 + 9 * y, 150 + 7 * z + 2 * x]
    image = np.where(inside, np.stack(channels), 0).astype(np.float32)
    labels = np.zeros(shape, np.uint8)
    labels[6:17, 4:14, 3:8] = 2
    labels[8:14, 6:12, 4:7] = 3
    labels[9:12, 7:10, 5] = 1
    affine = np.diag([1.0, 1.5, 3.0, 1.0])
    affine[:3, 3] = (-13.0, -20.0, 7.0)
    return SimpleNamespace(
        image=image,
        labels=labels if labelled else None,
        affine=affine,
        spacing=(1.0, 1.5, 3.0),
    )
