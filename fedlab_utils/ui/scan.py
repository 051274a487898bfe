"""What the viewers need of a patient, and where to look first."""

from __future__ import annotations

from typing import Protocol

import numpy as np

MARGIN_MM = 6.0
"""Room left around the head by :func:`field_of_view`."""


class Scan(Protocol):
    """What the viewers need of a patient; a ``Case`` and a ``Preprocessed`` both have it."""

    image: np.ndarray
    labels: np.ndarray | None
    affine: np.ndarray
    spacing: tuple[float, float, float]


def field_of_view(scan: Scan) -> list[tuple[int, int]]:
    """First and last-plus-one voxel per axis of what is not empty, with a small margin."""
    filled = (scan.image != 0).any(axis=0)
    field = []
    for axis, step in enumerate(scan.spacing):
        others = tuple(a for a in range(3) if a != axis)
        hits = np.flatnonzero(filled.any(axis=others))
        pad = int(np.ceil(MARGIN_MM / step))
        low, high = (hits[0], hits[-1] + 1) if hits.size else (0, filled.shape[axis])
        field.append((max(int(low) - pad, 0), min(int(high) + pad, filled.shape[axis])))
    return field


def starting_point(scan: Scan) -> tuple[int, int, int]:
    """Where the three largest cuts through the tumour meet, or the middle of the volume."""
    if scan.labels is None or not scan.labels.any():
        return tuple(n // 2 for n in scan.image.shape[1:])
    tumour = scan.labels > 0
    return tuple(
        int(tumour.sum(axis=tuple(a for a in range(3) if a != axis)).argmax()) for axis in range(3)
    )
