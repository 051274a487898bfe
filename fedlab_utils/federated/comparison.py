"""Methods compared over seeds and hospitals: the mean and the worst hospital, with intervals.

What is compared are trials of one method each, one per seed, with ``seed`` and ``scores``: see
:mod:`fedlab_utils.federated.recorded_trials`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.recorded_trials import Trial
from fedlab_utils.segmentation.statistics import RESAMPLES, Estimate

FIGURES = ("mean", "worst")
"""The mean over all test patients; the mean over the patients of the hospital that fares worst."""


def figure_of(trial: Trial, figure: str) -> float:
    """Return one of :data:`FIGURES` of a trial."""
    means = [float(np.mean(values)) for values in trial["scores"].values()]
    if figure == "worst":
        return min(means)
    return float(np.average(means, weights=[len(v) for v in trial["scores"].values()]))


def estimate(
    trials: Sequence[Trial], figure: str = "mean", seed: int = 0, resamples: int = RESAMPLES
) -> Estimate:
    """Estimate a figure over seeds, with the bootstrap's 95 % interval.

    Seeds are drawn again, and within each hospital its patients. The worst hospital is looked for
    anew in each draw, which makes an interval of ``"worst"`` lie a little low: the least of several
    noisy means is lower than the least of the true ones. Seeds that have patients of their own
    already differ by them, so that drawing both counts the patients' share of chance twice: where
    that is all there is, intervals are too wide; a seed that is drawn twice brings the same
    patients twice, which widens them further. Five seeds that scatter by themselves give intervals
    that are too narrow.

    Parameters
    ----------
    trials
        Of one method, one per seed.
    figure
        One of :data:`FIGURES`.
    seed, resamples
        Of the draw.
    """
    return _summary([figure_of(t, figure) for t in trials], _drawn(trials, figure, seed, resamples))


def difference(
    ours: Sequence[Trial],
    theirs: Sequence[Trial],
    figure: str = "mean",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate ours less theirs, paired: the same seeds and patients are drawn for both.

    Only seeds that both have count.

    Raises
    ------
    FederationError
        If there is no common seed, or a common one has other hospitals or patients.
    """
    pairs = _same_seeds(ours, theirs)
    shapes = [[{h: len(v) for h, v in t["scores"].items()} for t in of] for of in pairs]
    if not pairs[0] or shapes[0] != shapes[1]:
        raise FederationError(
            "difference",
            "the two have no seed in common" if not pairs[0] else "their test patients differ",
            "Compare methods on the same seeds, hospitals and patients",
        )
    points = [figure_of(a, figure) - figure_of(b, figure) for a, b in zip(*pairs, strict=True)]
    draws = [_drawn(of, figure, seed, resamples) for of in pairs]
    return _summary(points, draws[0] - draws[1])


def share_of_gain(
    ours: Sequence[Trial],
    best: Sequence[Trial],
    base: Sequence[Trial] | None = None,
    figure: str = "mean",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate what ours keeps of what the best gains on a base: (ours - base) / (best - base).

    Without a base it is a Dice of 0: the share of the best one's Dice.

    Means over seeds are divided, not seeds' ratios averaged: where one seed gains little, its own
    ratio says nothing. The three are paired, as in :func:`difference`.

    Raises
    ------
    FederationError
        As of :func:`difference`, or if the best gains nothing on the base.
    """
    if base is None:
        base = [t | {"scores": {h: np.zeros(len(v)) for h, v in t["scores"].items()}} for t in best]
    parts = [difference(of, base, figure, seed, resamples) for of in (ours, best)]
    if parts[1].mean <= 0:
        raise FederationError(
            "share_of_gain",
            f"the best is {parts[1].mean:+.3f} from the base",
            "There is no gain to keep a share of",
        )
    draws = [_drawn(of, figure, seed, resamples) for of in _same_seeds(ours, best, base)]
    low, high = np.percentile((draws[0] - draws[2]) / (draws[1] - draws[2]), (2.5, 97.5))
    return Estimate(parts[0].mean / parts[1].mean, float(low), float(high), parts[0].patients)


def _same_seeds(*groups: Sequence[Trial]) -> list[list[Trial]]:
    """Return each group's trials of the seeds that all have, in their order."""
    common = set.intersection(*({t["seed"] for t in of} for of in groups))
    return [sorted((t for t in of if t["seed"] in common), key=_seed) for of in groups]


def _seed(trial: Trial) -> int:
    return trial["seed"]


def _drawn(trials: Sequence[Trial], figure: str, seed: int, resamples: int) -> np.ndarray:
    """The figure in each draw; equal shapes and seeds draw the same seeds and patients."""
    if figure not in FIGURES:
        raise FederationError("figure", f"it is {figure!r}", f"Take {' or '.join(FIGURES)}")
    rng = np.random.default_rng(seed)
    rows = []
    for trial in trials:
        values = [np.asarray(v, float) for _, v in sorted(trial["scores"].items())]
        means = [v[rng.integers(len(v), size=(resamples, len(v)))].mean(1) for v in values]
        weights = [len(v) for v in values]
        rows.append(
            np.min(means, 0) if figure == "worst" else np.average(means, axis=0, weights=weights)
        )
    picked = rng.integers(len(rows), size=(resamples, len(rows)))
    return np.array(rows)[picked, np.arange(resamples)[:, None]].mean(1)


def _summary(points: Sequence[float], draws: np.ndarray) -> Estimate:
    low, high = np.percentile(draws, (2.5, 97.5))
    return Estimate(float(np.mean(points)), float(low), float(high), len(points))
