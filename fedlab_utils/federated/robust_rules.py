"""Robust rules: what a server makes of hospitals' updates when some may send anything.

Each rule is a pure function of one matrix, a hospital per row, which knows nothing of layers or of
what hospitals say of their own size. Matrices are read in parts that fit into the processor's
cache, so that a rule takes little memory beside its input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated.robust_needs import check_rows
from fedlab_utils.federated.update_geometry import (
    norms,
    parts,
    squared_distances,
    weighted_sum,
)


@dataclass(frozen=True, eq=False)
class Combined:
    """What a rule made of ``n`` updates.

    Attributes
    ----------
    update
        By what the model moves, float64 ``(d,)``.
    weights
        Each hospital's part in it, float64 ``(n,)``, 0 to 1: what its update was multiplied by; of
        a rule that goes by coordinates, the mean of that over the coordinates; of FLTrust its share
        of the trust, since lengths are changed besides.
    scores
        What the rule went by, float64 ``(n,)``: share of the coordinates in which the hospital's
        value was kept (median, trimmed mean); sum of squared distances to its neighbours (Krum,
        Multi-Krum); length (clipping); cosine to the root update (FLTrust).
    """

    update: np.ndarray
    weights: np.ndarray
    scores: np.ndarray


def coordinate_median(rows: np.ndarray, hostile: int = 0) -> Combined:
    """Take the median of each coordinate.

    Yin et al. 2018, Byzantine-robust distributed learning: towards optimal statistical rates, ICML,
    arXiv:1803.01498, definition 1. Of an even number of updates, the mean of the two in the middle.

    Parameters
    ----------
    rows
        Updates ``(n, d)``.
    hostile
        ``f``; fewer than half may be.

    Raises
    ------
    RobustnessError
        If there are not ``2 f + 1`` updates, or a number is not finite.
    """
    check_rows(rows, "median", hostile)
    return _between(rows, (len(rows) - 1) // 2)


def trimmed_mean(rows: np.ndarray, hostile: int) -> Combined:
    """Leave out the ``f`` largest and the ``f`` smallest values of each coordinate; average.

    Yin et al. 2018, arXiv:1803.01498, definition 2. Parameters and errors as
    :func:`coordinate_median`.
    """
    check_rows(rows, "trimmed-mean", hostile)
    return _between(rows, hostile)


def krum(rows: np.ndarray, hostile: int) -> Combined:
    """Take the update whose ``n - f - 2`` nearest others are nearest.

    Blanchard et al. 2017, Machine learning with adversaries: Byzantine tolerant gradient descent,
    NeurIPS, arXiv:1703.02757, section 4. Of equal ones the first.

    Parameters
    ----------
    rows
        Updates ``(n, d)``.
    hostile
        ``f``.

    Raises
    ------
    RobustnessError
        If there are not ``2 f + 3`` updates, or a number is not finite.
    """
    check_rows(rows, "krum", hostile)
    return _nearest(rows, hostile, 1)


def multi_krum(rows: np.ndarray, hostile: int, chosen: int = 0) -> Combined:
    """Average the updates that Krum scores best.

    Blanchard et al. 2017, arXiv:1703.02757, section 5, averages ``m`` of them; El Mhamdi et al.
    2019, Fast and robust distributed learning in high dimension, arXiv:1905.04374, prove it
    resilient for ``m`` up to ``n - f - 2``.

    Parameters
    ----------
    rows, hostile
        As :func:`krum` takes them.
    chosen
        ``m``; 0: ``n - f - 2``.

    Raises
    ------
    RobustnessError
        As :func:`krum`, or if ``m`` is larger.
    """
    check_rows(rows, "multi-krum", hostile)
    most = len(rows) - hostile - 2
    if not 0 <= chosen <= most:
        raise RobustnessError(
            "multi-krum",
            f"{chosen} of {len(rows)} updates are to be averaged, {hostile} hostile ones among "
            f"them, and n - f - 2 = {most} may be",
            f"Choose 1 to {most}, or 0 for {most}",
        )
    return _nearest(rows, hostile, chosen or most)


def clip_norms(rows: np.ndarray, hostile: int = 0, bound: float = 0.0) -> Combined:
    """Shorten updates that are longer than a bound to it, then average.

    Sun et al. 2019, Can you really backdoor federated learning?, arXiv:1911.07963, section 3. It
    bounds what one hospital can do and removes nothing: many small lies pass.

    Parameters
    ----------
    rows
        Updates ``(n, d)``.
    hostile
        ``f``; fewer than half may be, or the median of lengths is theirs.
    bound
        Longest update; 0: the median of their lengths.

    Raises
    ------
    RobustnessError
        If there are not ``2 f + 1`` updates, or a number is not finite.
    """
    check_rows(rows, "clip", hostile)
    lengths = norms(rows)
    bound = bound or float(np.median(lengths))
    shrink = np.minimum(1.0, np.divide(bound, lengths, where=lengths > 0, out=np.ones(len(rows))))
    weights = shrink / len(rows)
    return Combined(weighted_sum(rows, weights), weights, lengths)


def fltrust(rows: np.ndarray, root: np.ndarray) -> Combined:
    """Trust updates as far as they point where the server's own does.

    Cao et al. 2021, FLTrust: Byzantine-robust federated learning via trust bootstrapping, NDSS,
    arXiv:2012.13995, equations 2 to 4: an update counts by the cosine of its angle to the root
    update, 0 if that is negative, and is made as long as that. Where no hospital is trusted the
    model stays where it is.

    Parameters
    ----------
    rows
        Updates ``(n, d)``, of which any number may be hostile.
    root
        What the same training made of public data, ``(d,)``.

    Raises
    ------
    RobustnessError
        If the root update is zero or of another length, or a number is not finite.
    """
    check_rows(rows, "fltrust", 0)
    root = np.asarray(root, np.float64)
    length = float(np.linalg.norm(root)) if root.shape == rows.shape[1:] else 0.0
    if not 0 < length < np.inf:
        raise RobustnessError(
            "fltrust",
            f"the root update is {root.shape} of length {length:g}, the others {rows.shape}",
            "Train on public data from the same model, with steps that move it",
        )
    lengths, along = norms(rows), np.zeros(len(rows))
    for part in parts(rows):
        along += rows[:, part].astype(np.float64) @ root[part]
    cosines = np.divide(along, lengths * length, where=lengths > 0, out=np.zeros(len(rows)))
    trust = np.maximum(cosines, 0)
    share = trust / trust.sum() if trust.any() else trust
    factors = np.divide(share * length, lengths, where=lengths > 0, out=np.zeros(len(rows)))
    return Combined(weighted_sum(rows, factors), share, cosines)


def _between(rows: np.ndarray, cut: int) -> Combined:
    """Average, in each coordinate, what is left without the ``cut`` largest and smallest values.

    Values that tie with a border count equally. Sorting whole columns is faster than to look for
    the borders: numpy sorts short rows with the processor's vector instructions.
    """
    count, size = rows.shape
    update, weights, kept = np.empty(size), np.zeros(count), np.zeros(count)
    for part in parts(rows):
        ordered = np.ascontiguousarray(rows[:, part].T)  # (width, n)
        ordered.sort(axis=1)
        update[part] = ordered[:, cut : count - cut].mean(1, dtype=np.float64)
        low, high = ordered[:, cut].copy(), ordered[:, count - 1 - cut].copy()
        inside = (rows[:, part] >= low) & (rows[:, part] <= high)
        counts = np.count_nonzero(inside, axis=1)
        kept += counts
        if counts.sum() == len(low) * (count - 2 * cut):  # no ties
            weights += counts / (count - 2 * cut)
        else:
            weights += inside @ (1 / inside.sum(0))
    return Combined(update, weights / size, kept / size)


def _nearest(rows: np.ndarray, hostile: int, chosen: int) -> Combined:
    distances = squared_distances(rows)
    np.fill_diagonal(distances, np.inf)  # nobody is its own neighbour
    scores = np.sort(distances, axis=1)[:, : len(rows) - hostile - 2].sum(1)
    weights = np.zeros(len(rows))
    weights[np.argsort(scores, kind="stable")[:chosen]] = 1 / chosen
    return Combined(weighted_sum(rows, weights), weights, scores)
