"""Lengths, distances and sums of hospitals' updates, in float64 whatever their type.

Updates are the rows of one matrix, which is read in parts that fit into a processor's cache: so
nothing takes much memory beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

WIDTH = 4096
"""Columns that are read at once: of fifty updates in float64, 1.6 MB."""

DOUBTFUL = 1e-6
"""Squared distances below this share of the squared lengths are computed again, from differences:
as a difference of large numbers they would keep fewer than ten digits."""


def parts(rows: np.ndarray) -> Iterator[slice]:
    """Yield the columns of a matrix in parts that fit into a processor's cache."""
    for first in range(0, rows.shape[1], WIDTH):
        yield slice(first, min(first + WIDTH, rows.shape[1]))


def squared_distances(rows: np.ndarray) -> np.ndarray:
    """Return the squared distance of each pair of updates.

    ``|x|^2 + |y|^2 - 2 x y`` in float64 is fast, and loses digits where two updates lie closer
    together than they are long; such pairs, of which there are few, are computed anew as
    ``|x - y|^2``. No update has any influence on how exact the distances between others are.

    Parameters
    ----------
    rows
        Updates ``(n, d)``, finite.

    Returns
    -------
    numpy.ndarray
        float64 ``(n, n)``, symmetric, 0 on the diagonal.
    """
    products = np.zeros((len(rows), len(rows)))
    for part in parts(rows):
        block = rows[:, part].astype(np.float64)
        products += block @ block.T
    lengths = np.diag(products)
    sums = lengths[:, None] + lengths
    found = sums - 2 * products
    for i, j in zip(*np.nonzero(np.triu(found <= DOUBTFUL * sums, 1)), strict=True):
        found[i, j] = found[j, i] = _exact(rows, i, j)
    np.fill_diagonal(found, 0.0)
    return found


def _exact(rows: np.ndarray, i: int, j: int) -> float:
    total = 0.0
    for part in parts(rows):
        difference = rows[i, part].astype(np.float64) - rows[j, part]
        total += float(difference @ difference)
    return total


def norms(rows: np.ndarray) -> np.ndarray:
    """Return the length of each update, float64 ``(n,)``."""
    total = np.zeros(len(rows))
    for part in parts(rows):
        block = rows[:, part].astype(np.float64)
        total += np.einsum("ij,ij->i", block, block)
    return np.sqrt(total)


def cosines(rows: np.ndarray) -> np.ndarray:
    """Return the cosine of the angle between each pair of updates, float64 ``(n, n)``.

    1: the same direction; 0: at right angles, as two random updates of many weights are nearly;
    below 0: what one builds the other takes down. NaN for an update of length 0, which has no
    direction.
    """
    units = np.asarray(rows, np.float64) / norms(rows)[:, None]
    return units @ units.T


def weighted_sum(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return a weighted sum of updates, float64 ``(d,)``; rows of weight 0 are not read."""
    used, total = np.flatnonzero(weights), np.zeros(rows.shape[1])
    for part in parts(rows):
        total[part] = weights[used] @ rows[used, part].astype(np.float64)
    return total
