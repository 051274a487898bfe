"""Trainings that a study recorded, as trials: read from its rows, chosen on validation patients.

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

Trial = Mapping[str, object]

SETTINGS = ("learning_rate", "mu", "server_rate")
"""Hyperparameters of a trial."""

TRIED = 90
"""From this seed on settings are tried, and nothing is reported."""

BY_HOSPITAL = "validation_by_hospital"


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
        told["tried"] = settings["seed"] >= TRIED
        told |= {name: result[name] for name in ("scores", "validation")}
        found.append(told | {BY_HOSPITAL: result.get(BY_HOSPITAL, {})})
        if settings["method"] == "fedavg" and "tuned" in result:
            tuned = {"scores": result["tuned"], BY_HOSPITAL: result.get(f"tuned_{BY_HOSPITAL}", {})}
            found.append(told | {"method": "tuned"} | tuned)
    return found


def condition_of(kind: str, skew: float) -> str:
    """Return a kind of partition in words, with its skew where that lies between 0 and 1."""
    part = f", skew {skew:g}" if 0 < skew < 1 else ""
    return kind.replace("iid", "IID").replace("_", " ") + part


def fairest(trials: Sequence[Trial], condition: str) -> str:
    """Return the federated method whose worst hospital validates best, over all seeds reported.

    Test patients have no say. Where hospitals go by themselves, or all patients lie in one place,
    there is no federation to choose.

    Raises
    ------
    FederationError
        If no method has all the seeds that FedAvg has.
    """
    methods = {t["method"] for t in matching(reported(trials), condition=condition)}
    shown = {
        method: {t["seed"]: t[BY_HOSPITAL] for t in chosen(trials, method, condition)}
        for method in sorted(methods - {"pooled", "local"})
    }
    worst = {
        method: np.mean([min(by_hospital.values()) for by_hospital in of.values()])
        for method, of in shown.items()
        if of.keys() == shown.get("fedavg", {}).keys() and all(of.values())
    }
    if not worst:
        raise FederationError(condition, "no federation is recorded", "Run the study further")
    return max(worst, key=worst.get)


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
