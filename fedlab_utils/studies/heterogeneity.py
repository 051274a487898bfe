"""Federated methods where hospitals are alike, and where they are not: the recorded comparison.

On the small proxy: a network of 38,640 weights on slices of 4 mm, which a core trains in less than
a minute. On two seeds of their own, which are not reported, every method tries three settings; the
reported seeds take the one that validated best there, on average. Each seed has other patients, so
test patients never have a say.

All trainings of a seed take as many steps one after the other and see about as many slices, see
:mod:`fedlab_utils.studies.method_trial`. (Pooled training on thirty-two slices a step, half as
many, validated worse, 0.608 against 0.614 on two seeds of which nothing is reported.) The learning
rate falls to nothing over the rounds, so that all trainings come to an end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.method_trial import FRACTIONS, Scale, train
from fedlab_utils.studies.runner import Study, Workplace

SCALE = Scale(
    "proxy",
    patients=264,
    spacing=4.0,
    size=(48, 48),
    rounds=60,
    local_steps=8,
    batch=16,
    look=12,
    tune=24,
)
"""105 patients to train on, 32 to choose by and 127 to report on, by one more or less."""

TUNING, SEEDS = (98, 99), range(5)
"""The seeds that settings are tried on; those reported."""

TUNING_FRACTIONS = (0.4, 0.5, 0.1)
"""On those seeds nothing is reported, so that more patients may choose: 132."""

CONDITIONS = (
    ("iid", 0.0),
    ("institution", 0.0),
    ("scanner", 1.0),
    ("volume", 1.0),
    ("volume", 0.5),
)
"""Partitions: alike; the phantom's own institutions; each with another scanner; sorted by size of
the tumours, and half sorted."""

_ADAMW = tuple({"learning_rate": rate} for rate in (3e-3, 1e-2, 3e-2))
_SGD = tuple({"learning_rate": rate} for rate in (3.0, 10.0, 30.0))
METHODS: dict[str, tuple[dict[str, float], ...]] = {
    "pooled": _ADAMW,
    "local": _ADAMW,
    "fedavg": _ADAMW,
    "fedavg_sgd": _SGD,
    "fedprox": tuple({"mu": mu} for mu in (0.01, 0.1, 1.0)),
    "scaffold": _SGD,
    "fedbn": _ADAMW,
    "fedadam": tuple({"server_rate": eta} for eta in (1e-2, 3e-2, 0.1)),
}
"""Method -> the settings it tries. Without a learning rate of its own: FedAvg's best."""


def cells() -> tuple[dict, ...]:
    """Return every training: condition by condition, the seeds that settings are tried on first."""
    found: list[dict] = []
    for kind, skew in CONDITIONS:
        condition = {"kind": kind, "skew": skew}
        for method, settings in METHODS.items():
            tries = [{"method": method, "seed": seed} for seed in TUNING]
            found += [condition | cell | each for cell in tries for each in settings]
        found += [condition | {"method": m, "seed": seed} for seed in SEEDS for m in METHODS]
    return tuple(found)


def setting_of(settings: dict, rows: Sequence[dict]) -> dict[str, float]:
    """Return a cell's hyperparameters: its own, or those that validated best on ``TUNING``.

    Parameters
    ----------
    settings
        The cell's.
    rows
        What is recorded so far.

    Raises
    ------
    StudyError
        If a setting was not tried on one of those seeds.
    """
    condition = {name: settings[name] for name in ("kind", "skew")}
    own = {n: v for n, v in settings.items() if n not in (*condition, "method", "seed")}
    if "learning_rate" in own:
        return own
    of = condition | {"method": "fedavg" if own else settings["method"]}
    scores: dict[tuple, list[float]] = {}
    due = [c for c in cells() if of.items() <= c.items() and c["seed"] in TUNING]
    recorded = {key_of(row["settings"]): row["result"] for row in rows}
    for cell in due:
        if key_of(cell) not in recorded:
            raise StudyError(
                cell, "it was not tried yet", f"Run `fedlab study {STUDY.name}` further"
            )
        result = recorded[key_of(cell)]
        scores.setdefault(tuple(result["setting"].items()), []).append(result["validation"])
    return dict(max(scores, key=lambda setting: np.mean(scores[setting]))) | own


def key_of(cell: dict) -> tuple:
    """Return a cell as what a dict can be looked up by."""
    return tuple(sorted(cell.items()))


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, and judge each hospital's test patients.

    Returns
    -------
    dict
        As of :func:`fedlab_utils.studies.method_trial.train`, and ``setting``: hyperparameters.
    """
    setting = setting_of(settings, place.rows)
    fractions = TUNING_FRACTIONS if settings["seed"] in TUNING else FRACTIONS
    task = SCALE.open(settings, place, fractions)
    return train(SCALE, task, settings | setting) | {"setting": setting}


STUDY = Study(
    name="heterogeneity",
    question="What do federated methods lose to pooled patients where hospitals differ?",
    cells=cells(),
    measure=measure,
    hours=7.0,
)
