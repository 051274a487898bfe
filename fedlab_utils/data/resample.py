"""From one regular grid to another along the same axes, for intensities and for labels.

Interpolation along an axis is a matrix with one row per new voxel, nearly all of it zeros. A
volume is resampled by one sparse product per axis. Dense products would hand the work to the
linear algebra library, whose threads wait by spinning: with more of them than free cores, as when
several processes build a cache, they take ten times as long. A sparse product needs no threads,
and gives the same bits on any number of cores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from fedlab_utils.data.conventions import BACKGROUND, CAVITY, ENHANCING, NECROSIS, OEDEMA

_TIE = 1e-5
"""How far from one half a share still counts as one half, in single precision."""


def axis_weights(length: int, step: float, new_length: int) -> np.ndarray:
    """Return the weights that take one axis to a grid of another spacing.

    Both grids begin at the same edge (not the same voxel centre). A coarser voxel is the mean of
    what it covers, as a scanner's would be: no aliasing, and mean intensity and tumour volume are
    kept. A finer voxel is interpolated linearly. What lies beyond the ends repeats the last voxel.

    Parameters
    ----------
    length
        Voxels along the axis before.
    step
        New voxel size divided by the old one.
    new_length
        Voxels along the axis afterwards.

    Returns
    -------
    numpy.ndarray
        float32 ``(new_length, length)``; each row adds up to 1.
    """
    old, new = np.arange(length), np.arange(new_length)[:, None]
    if step >= 1:
        overlap = np.minimum(old + 1, (new + 1) * step) - np.maximum(old, new * step)
        weights = np.clip(overlap, 0, None)
    else:
        centre = np.clip((new + 0.5) * step - 0.5, 0, length - 1)
        weights = np.clip(1 - np.abs(old - centre), 0, None)
    beyond = weights.sum(axis=1) < 1e-6
    weights[beyond, -1] = 1.0
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample(volume: np.ndarray, weights: Sequence[np.ndarray | None]) -> np.ndarray:
    """Apply one weight matrix per axis; ``None`` leaves an axis as it is.

    Parameters
    ----------
    volume
        ``(X, Y, Z)``.
    weights
        Three matrices from :func:`axis_weights`, or None.

    Returns
    -------
    numpy.ndarray
        float32 ``(X', Y', Z')``.
    """
    result = np.asarray(volume, np.float32)
    for matrix in weights:
        if matrix is not None:
            flat = csr_array(matrix) @ result.reshape(result.shape[0], -1)
            result = flat.reshape(-1, *result.shape[1:])
        result = np.moveaxis(result, 0, -1)  # After three turns the axes stand as before.
    return np.ascontiguousarray(result)


def resample_labels(labels: np.ndarray, weights: Sequence[np.ndarray | None]) -> np.ndarray:
    """Resample canonical labels without inventing any.

    Each new voxel gets the share of every label in it, and the nested regions decide in turn:
    tumour if more than half of it is tumour, core if more than half is core, enhancing likewise.
    Taking the label with the largest share instead would lose tumour wherever oedema and core
    together, but neither alone, outweigh the background; nearest neighbour would let one voxel in
    eight speak for all.

    Parameters
    ----------
    labels
        uint8 ``(X, Y, Z)``, canonical.
    weights
        As for :func:`resample`.

    Returns
    -------
    numpy.ndarray
        uint8 ``(X', Y', Z')``.
    """
    if all(matrix is None for matrix in weights):
        return np.array(labels)
    shape = tuple(n if m is None else len(m) for n, m in zip(labels.shape, weights, strict=True))
    result = np.full(shape, BACKGROUND, np.uint8)
    # Coarse region first: a finer one overwrites the part that it claims.
    for value, members in (
        (OEDEMA, (NECROSIS, OEDEMA, ENHANCING)),
        (NECROSIS, (NECROSIS, ENHANCING)),
        (ENHANCING, (ENHANCING,)),
        (CAVITY, (CAVITY,)),
    ):
        region = np.isin(labels, members)
        if region.any():
            result[majority(resample(region, weights))] = value
    return result


def majority(share: np.ndarray) -> np.ndarray:
    """Return where a region fills more than half of a voxel.

    At twice the spacing every fourth voxel of a thin rim is filled by exactly one half. Counting
    those in would swell a three-voxel rim by 12 %, leaving them out would shrink it by as much;
    every second one, as on a chessboard, keeps its volume.

    Parameters
    ----------
    share
        ``(X, Y, Z)`` in [0, 1].

    Returns
    -------
    numpy.ndarray
        bool ``(X, Y, Z)``.
    """
    result = share > 0.5 + _TIE
    ties = np.argwhere(np.abs(share - 0.5) <= _TIE)
    white = ties[ties.sum(axis=1) % 2 == 0]
    result[tuple(white.T)] = True
    return result
