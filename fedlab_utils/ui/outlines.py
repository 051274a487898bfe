"""Outlines of masks: solid, dashed or dotted, so that colour is not their only sign."""

from __future__ import annotations

import numpy as np

PATTERNS = {"-": (), "--": (12, 6), ":": (4, 4), "-.": (10, 5, 3, 5)}
"""Matplotlib line style -> pixels drawn, left out, drawn ... along an outline."""

WIDTHS = {"-": 2, "--": 4, ":": 2, "-.": 2}
"""Matplotlib line style -> pixels across an outline."""

DRAWN = ("--", "-", "-.", ":")
"""Line styles in the order in which outlines are drawn, so that where they coincide each is seen:
of the dashes the inner half, beside a solid line; of a solid line what lies between the dots."""


def outline(mask: np.ndarray, line: str = "-") -> np.ndarray:
    """Give the border of a mask, inside it and as wide as :data:`WIDTHS` says.

    Parameters
    ----------
    mask
        ``(rows, columns)`` bool.
    line
        One of :data:`PATTERNS`. A border too short for two dashes is drawn whole.

    Returns
    -------
    numpy.ndarray
        ``(rows, columns)`` bool.
    """
    ring = mask & ~_eroded(mask, WIDTHS[line])
    if not PATTERNS[line] or not ring.any():
        return ring
    from scipy.spatial import cKDTree

    points, drawn = _along(mask, PATTERNS[line])
    pixels = np.argwhere(ring)
    _, nearest = cKDTree(points).query(pixels)
    result = np.zeros_like(mask)
    result[tuple(pixels[drawn[nearest]].T)] = True
    return result


def _along(mask: np.ndarray, pattern: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(n, 2)`` around each piece and hole of a mask, and which of them are drawn."""
    from skimage.measure import find_contours

    edges = np.cumsum(pattern)
    points, drawn = [], []
    for path in find_contours(np.pad(mask, 1).astype(float), 0.5):
        along = np.cumsum(np.hypot(*np.diff(path, axis=0).T))
        repeats = round(along[-1] / edges[-1])
        phase = along * repeats * edges[-1] / along[-1] % edges[-1]
        points.append(path[1:] - 1)
        drawn.append((np.searchsorted(edges, phase, side="right") % 2 == 0) | (repeats < 2))
    return np.concatenate(points), np.concatenate(drawn)


def _eroded(mask: np.ndarray, steps: int) -> np.ndarray:
    for _ in range(steps):
        padded = np.pad(mask, 1)
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask
