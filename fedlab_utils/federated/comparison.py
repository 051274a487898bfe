"""Methods compared over seeds and hospitals: chosen on validation, told with intervals.

A *trial* is one training of one method: a dict with ``method``, ``condition`` (how patients are
dealt, in words), ``seed``, the hyperparameters in :data:`SETTINGS` (0 where the method has none),
``validation`` (the score it is chosen by) and ``scores``, each hospital's name -> its test
patients' mean Dice, one number per patient. ``tried``, where it is true, says that the seed is
one for trying settings, which decides them and is not reported. ``validation_by_hospital``
holds each hospital's own score of that kind, where it was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.segmentation.statistics import RESAMPLES, Estimate

FIGURES = ("mean", "worst")
"""The mean over all test patients; the mean over the patients of the hospital that fares worst."""

BY_HOSPITAL = "validation_by_hospital"

Trial = Mapping[str, object]


SETTINGS = ("learning_rate", "mu", "server_rate")
"""Hyperparameters of a trial."""


def trials_of(rows: Sequence[Mapping]) -> list[dict]:
    """Return the trials that a study recorded, FedAvg tuned at home as one more method.

    Parameters
    ----------
    rows
        From :func:`fedlab_utils.studies.runner.read_rows`: ``settings`` with ``kind``,
        ``method``, ``skew``, ``seed``; ``result`` with ``setting`` (those of :data:`SETTINGS` that
        the method has), ``scores``, ``validation`` and, where hospitals went on alone, ``tuned``.
    """
    found = []
    for row in rows:
        settings, result = row["settings"], row["result"]
        told = {name: settings[name] for name in ("method", "seed")}
        told["condition"] = condition_of(settings["kind"], settings["skew"])
        told |= {name: float(result["setting"].get(name, 0.0)) for name in SETTINGS}
        told["tried"] = any(name in settings for name in SETTINGS)
        told |= {name: result[name] for name in ("scores", "validation")}
        found.append(told | {BY_HOSPITAL: result.get(BY_HOSPITAL, {})})
        if settings["method"] == "fedavg" and "tuned" in result:
            tuned = {"scores": result["tuned"], BY_HOSPITAL: result.get(f"tuned_{BY_HOSPITAL}", {})}
            found.append(told | {"method": "tuned"} | tuned)
    return found


def fairest(trials: Sequence[Trial], condition: str) -> str:
    """Return the federated method whose worst hospital validates best, over all seeds reported.

    Test patients have no say. Where hospitals go by themselves, or all patients lie in one place,
    there is no federation to choose.

    Raises
    ------
    FederationError
        If no method has all the seeds that FedAvg has.
    """
    shown = [t for t in matching(reported(trials), condition=condition) if t.get(BY_HOSPITAL)]
    seeds = {t["seed"] for t in shown if t["method"] == "fedavg"}
    methods = {t["method"] for t in shown} - {"pooled", "local"}
    whole = [m for m in sorted(methods) if {t["seed"] for t in shown if t["method"] == m} == seeds]
    if not seeds:
        raise FederationError(condition, "no federation is recorded", "Run the study further")
    worst = {
        method: np.mean([min(t[BY_HOSPITAL].values()) for t in shown if t["method"] == method])
        for method in whole
    }
    return max(worst, key=worst.get)


def condition_of(kind: str, skew: float) -> str:
    """Return a kind of partition in words, with its skew where that lies between 0 and 1."""
    part = f", skew {skew:g}" if 0 < skew < 1 else ""
    return kind.replace("iid", "IID").replace("_", " ") + part


def settings_of(trial: Trial) -> tuple[float, ...]:
    """Return a trial's hyperparameters, in the order of :data:`SETTINGS`."""
    return tuple(float(trial[name]) for name in SETTINGS)


def matching(trials: Sequence[Trial], **wanted: object) -> list[Trial]:
    """Return the trials with these values, by seed."""
    found = [t for t in trials if all(t[name] == value for name, value in wanted.items())]
    return sorted(found, key=lambda trial: trial["seed"])


def validated(
    trials: Sequence[Trial], method: str, condition: str
) -> dict[tuple[float, ...], float]:
    """Return each tried setting's mean validation score, over the seeds that all settings share.

    Where no seed is shared, each setting's own seeds count.
    """
    groups: dict[tuple[float, ...], dict[int, float]] = {}
    for trial in matching(trials, method=method, condition=condition):
        groups.setdefault(settings_of(trial), {})[trial["seed"]] = float(trial["validation"])
    shared = set.intersection(*map(set, groups.values())) if groups else set()
    return {
        settings: float(np.mean([v for seed, v in scores.items() if not shared or seed in shared]))
        for settings, scores in sorted(groups.items())
    }


def best_setting(trials: Sequence[Trial], method: str, condition: str) -> tuple[float, ...]:
    """Return the setting that validates best; test patients have no say.

    Raises
    ------
    FederationError
        If there is no such trial.
    """
    scores = validated(trials, method, condition)
    if not scores:
        raise FederationError(
            f"{method}, {condition}", "nothing is recorded", "Run the study further"
        )
    return max(scores, key=scores.get)


def chosen(trials: Sequence[Trial], method: str, condition: str) -> list[Trial]:
    """Return the reported trials of the setting that validates best, by seed.

    Raises
    ------
    FederationError
        If there is no trial at all.
    """
    best = dict(zip(SETTINGS, best_setting(trials, method, condition), strict=True))
    return reported(matching(trials, method=method, condition=condition, **best))


def reported(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials on other seeds than those for trying settings."""
    return [trial for trial in trials if not trial.get("tried")]


def tried(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials on seeds for trying settings; all, where there are none."""
    return [trial for trial in trials if trial.get("tried")] or list(trials)


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
