"""How different hospitals are: in size, in their tumours, and in how their scans look.

Each figure is 0 for hospitals that are alike and grows as they drift apart, so that a student who
moves the skew sees which of them move with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedlab_utils.errors import DataError

BINS = 8
"""Bins of a histogram. With few patients in a hospital more bins would measure their number."""


def size_imbalance(sizes: Sequence[int]) -> float:
    """Return how unequal hospitals are: the coefficient of variation of their patients' numbers.

    0 where all are equal; ``sqrt(N - 1)`` at most, where one of N hospitals has nearly all.

    Raises
    ------
    DataError
        If there is no hospital, or one without patients.
    """
    sizes = np.asarray(sizes, float)
    if not sizes.size or not (sizes > 0).all():
        raise DataError("sizes", f"they are {sizes.tolist()}", "Pass patients of each hospital")
    return float(sizes.std() / sizes.mean())


def jensen_shannon(groups: Sequence[np.ndarray], bins: int = BINS) -> np.ndarray:
    """Return how far each hospital's values lie from those of all hospitals together.

    The Jensen-Shannon distance (Endres and Schindelin, IEEE Trans. Inf. Theory 49:1858, 2003) with
    logarithms to base 2: the root of the divergence, 0 for equal distributions. The hospital is a
    part of the whole, so the distance stays below 1: two sorted hospitals of equal size reach 0.56
    each, four 0.74, and of three the outer ones 0.65, the middle one 0.59. Histograms have
    as many values in each bin of the pooled data, so that the figure depends neither on the unit
    nor on taking logarithms.

    Parameters
    ----------
    groups
        Per hospital ``(patients,)``, such as volumes in ml; NaN (unknown) is left out.
    bins
        Of the histogram; several bins fall together where many values are equal.

    Returns
    -------
    numpy.ndarray
        ``(hospitals,)``; NaN for a hospital of which no value is known.

    Notes
    -----
    A hospital with few patients lies away from the whole by chance alone: compare with
    :func:`jensen_shannon_by_chance`.

    Raises
    ------
    DataError
        If no value is known at all.
    """
    binned, owner, count = _binned(groups, bins)
    return _distances(binned[None], owner, len(groups), count)[0]


def _binned(groups: Sequence[np.ndarray], bins: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the bin and the hospital of each known value, and how many bins there are."""
    values = [np.asarray(group, float) for group in groups]
    owner = np.repeat(np.arange(len(values)), [len(group) for group in values])
    pooled = np.concatenate(values) if values else np.empty(0)
    known = np.isfinite(pooled)
    if not known.any():
        raise DataError("groups", "not one value is known", "Take a column that has values")
    pooled, owner = pooled[known], owner[known]
    inner = np.unique(np.quantile(pooled, np.linspace(0, 1, bins + 1)[1:-1]))
    # A bin reaches up to its edge, edge included, so that 0 ml has a bin of its own.
    return np.searchsorted(inner, pooled), owner, inner.size + 1


def _distances(binned: np.ndarray, owner: np.ndarray, hospitals: int, count: int) -> np.ndarray:
    """Return the distance of each hospital's histogram from that of all, for each deal.

    ``binned`` is ``(deals, values)``, ``owner`` ``(values,)``; the answer ``(deals, hospitals)``.
    """
    deals = len(binned)
    place = (np.arange(deals)[:, None] * hospitals + owner) * count + binned
    counts = np.bincount(place.ravel(), minlength=deals * hospitals * count)
    counts = counts.reshape(deals, hospitals, count).astype(float)
    sizes = counts.sum(2)
    own = counts / np.maximum(sizes, 1)[..., None]
    whole = np.broadcast_to(counts.sum(1, keepdims=True) / len(owner), own.shape)
    middle = (own + whole) / 2

    def relative(p: np.ndarray) -> np.ndarray:
        ratio = np.divide(p, middle, out=np.ones_like(middle), where=p > 0)
        return (p * np.log2(ratio)).sum(2)

    divergence = np.maximum(0.0, (relative(own) + relative(whole)) / 2)
    return np.where(sizes > 0, np.sqrt(divergence), np.nan)


def jensen_shannon_by_chance(
    groups: Sequence[np.ndarray], draws: int = 200, seed: int = 0
) -> np.ndarray:
    """Return the :func:`jensen_shannon` distance that hospitals of these sizes reach by chance.

    19 of 20 random deals leave a hospital below it: the 95 % quantile over ``draws`` deals of the
    known values to hospitals with as many of them each. A distance above it is unlikely to be
    chance, though of many hospitals some will be: of twenty alike, one on average.

    Returns
    -------
    numpy.ndarray
        ``(hospitals,)``; NaN for a hospital of which no value is known.

    Raises
    ------
    DataError
        If no value is known at all.
    """
    rng = np.random.default_rng(seed)
    binned, owner, count = _binned(groups, BINS)
    deals = rng.permuted(np.tile(binned, (draws, 1)), axis=1)
    return np.quantile(_distances(deals, owner, len(groups), count), 0.95, axis=0)


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is no NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(0)
    return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)


QUANTILES = 33
"""Quantiles by which intensities are summed up; their mean difference is a distance."""


def intensity_profile(image: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """Sum up how a scan looks, whatever its scanner's unit: quantiles between median and spread.

    Parameters
    ----------
    image
        ``(4, X, Y, Z)``, raw or preprocessed.
    brain
        Bool ``(X, Y, Z)``.

    Returns
    -------
    numpy.ndarray
        ``(4, 33)``: quantiles of the brain's intensities, less the median and divided by the
        interquartile range. A linear change of the unit does not show; contrast, noise and
        shading do. NaN for a sequence that is constant.
    """
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    found = np.quantile(np.asarray(image, np.float32)[:, brain], levels, axis=1).T
    low, middle, high = (found[:, [round(q * (QUANTILES - 1))]] for q in (0.25, 0.5, 0.75))
    spread = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (found - middle) / spread, np.nan)


def intensity_distance(profiles: Sequence[np.ndarray]) -> np.ndarray:
    """Return how far the look of each hospital's scans lies from that of all hospitals together.

    The Wasserstein distance in one dimension: the mean absolute difference of quantiles.

    Parameters
    ----------
    profiles
        Per hospital ``(patients, 4, 33)`` from :func:`intensity_profile`.

    Returns
    -------
    numpy.ndarray
        ``(hospitals, 4)``, per sequence, in interquartile ranges; NaN where a hospital lacks one.
    """
    whole = _mean_of_known(np.concatenate(list(profiles)))
    return np.array([np.abs(_mean_of_known(mine) - whole).mean(-1) for mine in profiles])
