"""Boxes cut out of arrays; where a box leaves the array, it holds 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def centred(array: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Crop or pad the last axes to ``size`` around their middle; padding is 0.

    Parameters
    ----------
    array
        ``(..., X, Y)`` or ``(..., X, Y, Z)``.
    size
        As many lengths as axes to bring to size.
    """
    shape = array.shape[array.ndim - len(size) :]
    start = [(length - edge) // 2 for length, edge in zip(shape, size, strict=True)]
    return window(array, start, size)


def window(array: np.ndarray, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """Cut a box out of the last axes; where it leaves the array it holds 0."""
    lead = array.ndim - len(size)
    result = np.zeros((*array.shape[:lead], *size), array.dtype)
    source, place = [], []
    for first, edge, length in zip(start, size, array.shape[lead:], strict=True):
        low, high = max(first, 0), max(min(first + edge, length), max(first, 0))
        source.append(slice(low, high))
        place.append(slice(low - first, high - first))
    result[(..., *place)] = array[(..., *source)]
    return result
