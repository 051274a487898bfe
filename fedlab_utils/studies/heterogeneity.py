"""Federated methods where hospitals are alike, and where they are not: the recorded comparison.

On the small proxy: a network of 38,640 weights on slices of 4 mm, which a core trains in less than
a minute. On two seeds of their own, which are not reported, every method tries three settings; the
reported seeds take the one that validated best there, on average. Each seed has other patients, so
test patients never have a say.

All trainings of a seed take as many steps one after the other and see about as many slices: where
four hospitals take a step each, on sixteen slices, pooled training takes one on sixty-four. (On
thirty-two it validated worse, 0.608 against 0.614 on two seeds of which nothing is reported.) The
learning rate falls to nothing over the rounds, so that all trainings come to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    from fedlab_utils.federated import FederationSettings
    from fedlab_utils.federated.proxy import ProxyTask

COHORT_SEED = 404
"""Of the phantoms, to which the seed is added; no other study and no lesson has them."""

PATIENTS, SPACING = 264, 4.0
FRACTIONS = (0.4, 0.12, 0.48)
"""Of each hospital's patients, to train on, choose by and report on: 105, 32 and 127 in all, by one
more or less."""

HOSPITALS, ROUNDS, LOCAL_STEPS, BATCH, LOOK = 4, 60, 8, 16, 12
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

TUNE, TUNE_RATE = 24, 1e-2
"""Steps that each hospital goes on alone after a federation: three rounds' worth; their rate."""


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
    recorded = {_key(row["settings"]): row["result"] for row in rows}
    for cell in due:
        if _key(cell) not in recorded:
            raise StudyError(
                cell, "it was not tried yet", f"Run `fedlab study {STUDY.name}` further"
            )
        result = recorded[_key(cell)]
        scores.setdefault(tuple(result["setting"].items()), []).append(result["validation"])
    return dict(max(scores, key=lambda setting: np.mean(scores[setting]))) | own


def _key(cell: dict) -> tuple:
    return tuple(sorted(cell.items()))


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, and judge each hospital's test patients.

    Returns
    -------
    dict
        ``scores``: hospital -> its test patients' mean Dice over regions, one number each.
        ``regions``: region -> mean over all test patients. ``validation``: score of the round
        chosen, and ``validation_by_hospital``. ``tuned`` and ``tuned_validation_by_hospital``, of a
        federation: the same after each hospital went on alone for ``TUNE`` steps. ``curve``:
        [round, score] of each look; ``best_round``; ``late_gain``, what the looks in the last fifth
        of the rounds have on those in the fifth before, on average; ``seconds``; ``setting``:
        hyperparameters; ``patients``: hospital -> ids of its test patients, in the order of the
        scores.
    """
    import torch

    torch.set_num_threads(1)  # a second one waits more than it helps, and slows its neighbours
    setting = setting_of(settings, place.rows)
    task, how = open_hospitals(settings, place), federation_settings(settings | setting)
    ways = {"local": _alone, "pooled": _pooled}
    answer = ways.get(settings["method"], _federated)(task, how)
    tested = {m.name: list(m.hospital.split.test) for m in task.members}
    gain = late_gain(answer["curve"])
    return answer | {"late_gain": gain, "setting": setting, "patients": tested}


def late_gain(curve: Sequence[Sequence[float]]) -> float:
    """Return by how much the mean score of the last fifth of the rounds exceeds the one before."""
    last = curve[-1][0]
    parts = [
        [score for number, score in curve if low * last < number <= high * last]
        for low, high in ((0.6, 0.8), (0.8, 1.0))
    ]
    return round(float(np.mean(parts[1]) - np.mean(parts[0])), 4)


def _federated(task: ProxyTask, how: FederationSettings) -> dict:
    from fedlab_utils.federated import federate

    found = federate(task, how)
    at_best = found.history[found.best_round - 1].validation
    answer = _told(found.history, found.best_round, found.validation, at_best, found.test)
    tuned = {name: _scores(row, "tuned-") for name, row in found.test.items()}
    chosen = {name: round(row["tuned-validation"], 4) for name, row in found.test.items()}
    return answer | {"tuned": tuned, "tuned_validation_by_hospital": chosen}


def federation_settings(settings: dict) -> FederationSettings:
    """Return how a cell's method trains."""
    from fedlab_utils.federated import FederationSettings

    method = settings["method"]
    plain = method in ("scaffold", "fedavg_sgd")
    alone = method in ("pooled", "local")
    return FederationSettings(
        strategy={"fedavg_sgd": "fedavg", "pooled": "fedavg", "local": "fedavg"}.get(
            method, method
        ),
        rounds=ROUNDS,
        local_steps=LOCAL_STEPS,
        optimiser="sgd" if plain else "adamw",
        weight_decay=0.0 if plain else 1e-2,
        learning_rate=settings["learning_rate"],
        schedule="cosine",
        keep_optimiser=not plain,
        mu=settings.get("mu", 0.0),
        server_rate=settings.get("server_rate", 1.0),
        tune_steps=0 if alone else TUNE,
        tune_rate=TUNE_RATE,
        evaluate_every=LOOK,
        seed=settings["seed"],
    )


def open_hospitals(settings: dict, place: Workplace) -> ProxyTask:
    """Return the task of a cell: phantoms dealt by its seed; cells in a row share them."""
    folder = place.folder / f"cohort-{settings['seed']}"
    if not folder.exists():
        from fedlab_utils.data.phantom import write_cohort

        place.say(f"making {PATIENTS} phantoms")
        write_cohort(folder, cases=PATIENTS, seed=COHORT_SEED + settings["seed"], spacing=SPACING)
    return _open(str(folder), settings["kind"], settings["skew"], settings["seed"])


@lru_cache(maxsize=1)
def _open(folder: str, kind: str, skew: float, seed: int) -> ProxyTask:
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.hospitals import make_hospitals
    from fedlab_utils.federated import members_of

    cohort = load_cohort(folder)
    fractions = TUNING_FRACTIONS if seed in TUNING else FRACTIONS
    dealt = make_hospitals(cohort, HOSPITALS, kind, skew, seed, fractions, merge_small=True)
    return task_of(members_of(cohort, dealt, SPACING), seed)


def task_of(members: Sequence, seed: int, batch: int = BATCH) -> ProxyTask:
    """Return the proxy's task over some hospitals: its network with instance normalisation."""
    from fedlab_utils.data.tiers import Tier
    from fedlab_utils.federated.proxy import ProxyTask

    tier = Tier("proxy", spacing=SPACING, spatial_dims=2, size=(48, 48))
    return ProxyTask(members, tier=tier, batch=batch, augment=False, seed=seed, device="cpu")


def _pooled(task: ProxyTask, how: FederationSettings) -> dict:
    from fedlab_utils.federated import federate
    from fedlab_utils.federated.pooling import PooledHospital

    everyone = PooledHospital(tuple(task.members))
    found = federate(task_of([everyone], how.seed, BATCH * len(task.members)), how)
    network = task.network()
    network.load_state_dict(found.weights)
    validation, test = (
        {name: task.evaluate(network, n, part) for n, name in enumerate(task.hospitals)}
        for part in ("validation", "test")
    )
    return _told(found.history, found.best_round, found.validation, validation, test)


def _alone(task: ProxyTask, how: FederationSettings) -> dict:
    """Train each hospital by itself; each chooses its own round."""
    from fedlab_utils.federated import federate

    found = [federate(task_of([member], how.seed), how) for member in task.members]
    test = {name: row for federation in found for name, row in federation.test.items()}
    weights = [len(member.validation) for member in task.members]
    scores = [federation.validation for federation in found]
    at_best = {n: r for f in found for n, r in f.history[f.best_round - 1].validation.items()}
    mean = float(np.average(scores, weights=weights))
    answer = _told(found[0].history, found[0].best_round, mean, at_best, test)
    curves = [[r.score for r in f.history if r.score is not None] for f in found]
    answer["curve"] = [
        [number, round(float(np.average(looks, weights=weights)), 4)]
        for (number, _), looks in zip(answer["curve"], zip(*curves, strict=True), strict=True)
    ]
    answer["seconds"] = round(sum(r.seconds for f in found for r in f.history), 1)
    return answer


def _told(
    history: Sequence, best_round: int, validation: float, by_hospital: dict, test: dict
) -> dict:
    regions = {}
    for region in ("et", "tc", "wt"):
        values = [row[f"patients-dice-{region}"] for row in test.values()]
        regions[region] = round(float(np.concatenate(values).mean()), 4)
    return {
        "scores": {name: _scores(row) for name, row in test.items()},
        "regions": regions,
        "validation": round(float(validation), 4),
        "validation_by_hospital": {n: round(row["score"], 4) for n, row in by_hospital.items()},
        "curve": [[r.round, round(r.score, 4)] for r in history if r.score is not None],
        "best_round": best_round,
        "seconds": round(sum(r.seconds for r in history), 1),
    }


def _scores(row: dict, prefix: str = "") -> list[float]:
    """Return each test patient's Dice, mean over regions."""
    values = [row[f"{prefix}patients-dice-{region}"] for region in ("et", "tc", "wt")]
    return np.round(np.mean(values, axis=0), 4).tolist()


STUDY = Study(
    name="heterogeneity",
    question="What do federated methods lose to pooled patients where hospitals differ?",
    cells=cells(),
    measure=measure,
    hours=7.0,
)
