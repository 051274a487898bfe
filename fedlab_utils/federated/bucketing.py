"""Bucketing: honest hospitals whose patients differ are averaged before a robust rule sees them."""

from __future__ import annotations

import numpy as np


def bucketed(
    rows: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Average the updates of hospitals in buckets, drawn at random; a rule then sees the buckets.

    Honest hospitals whose patients differ are mistaken for hostile ones; means of several differ
    less. Karimireddy et al. 2022, Byzantine-robust learning on heterogeneous datasets via
    bucketing, ICLR, arXiv:2006.09365, algorithm 1. Of ``f`` hostile hospitals each may spoil a
    bucket: the rule must withstand ``f`` of ``ceil(n / size)``.

    That count holds for every draw, also for one that hostile hospitals know beforehand. That
    honest differences average out holds over many draws that nobody could foresee: who foresees
    them may attack in the rounds that suit it, and choose what its bucket will say.

    Parameters
    ----------
    rows
        Updates ``(n, d)``.
    size
        Hospitals in a bucket; the last one may hold fewer.
    rng
        Decides who meets whom, anew in each round.

    Returns
    -------
    tuple
        Means ``(ceil(n / size), d)``, of the rows' type, and each hospital's bucket ``(n,)``.
    """
    order = rng.permutation(len(rows))
    groups = [order[first : first + size] for first in range(0, len(rows), size)]
    means = np.empty((len(groups), rows.shape[1]), rows.dtype)
    bucket_of = np.empty(len(rows), np.int64)
    for number, group in enumerate(groups):
        means[number] = rows[group].mean(0, dtype=np.float64)
        bucket_of[group] = number
    return means, bucket_of
