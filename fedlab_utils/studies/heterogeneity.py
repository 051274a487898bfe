"""Federated methods where hospitals are alike, and where they are not: the recorded comparison.

On the small proxy: a network of 9,548 weights on slices of 4 mm, which a core trains in a minute or
two. On the first seed every method tries three settings; the other seeds take the one that
validated best there. Test patients never have a say. All trainings of a seed see as many slices:
pooled training takes the steps of all hospitals together, a hospital alone its own.
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
"""Of the phantoms; no other study and no lesson has it."""

PATIENTS, SPACING = 200, 4.0
FRACTIONS = (0.52, 0.16, 0.32)
"""Of each hospital's patients, to train on, choose by and report on: 104, 32 and 64 in all."""

HOSPITALS, ROUNDS, LOCAL_STEPS, BATCH, LOOK = 4, 120, 8, 8, 12
SEEDS = range(5)

CONDITIONS = (("iid", 0.0), ("institution", 0.0), ("scanner", 1.0), ("volume", 1.0))
"""Partitions: alike; the phantom's own institutions; each with another scanner; sorted by size."""

_ADAMW = tuple({"learning_rate": rate} for rate in (3e-3, 1e-2, 3e-2))
_SGD = tuple({"learning_rate": rate} for rate in (0.1, 0.3, 1.0))
METHODS: dict[str, tuple[dict[str, float], ...]] = {
    "pooled": _ADAMW,
    "local": _ADAMW,
    "fedavg": _ADAMW,
    "fedavg_sgd": _SGD,
    "fedprox": tuple({"learning_rate": 1e-2, "mu": mu} for mu in (0.001, 0.01, 0.1)),
    "scaffold": _SGD,
    "fedbn": _ADAMW,
    "fedadam": tuple({"learning_rate": 1e-2, "server_rate": eta} for eta in (3e-3, 1e-2, 3e-2)),
}
"""Method -> the settings it tries."""


TUNE = 24
"""Steps that each hospital goes on alone after a federation: three rounds' worth."""


def cells() -> tuple[dict, ...]:
    """Return every training: condition by condition, the seed that settings are tried on first."""
    tuning, *others = SEEDS
    found: list[dict] = []
    for kind, skew in CONDITIONS:
        condition = {"kind": kind, "skew": skew}
        for method, settings in METHODS.items():
            found += [condition | {"method": method, "seed": tuning} | each for each in settings]
        found += [condition | {"method": m, "seed": seed} for seed in others for m in METHODS]
    return tuple(found)


def setting_of(settings: dict, rows: Sequence[dict]) -> dict[str, float]:
    """Return a cell's hyperparameters: its own, or those that validated best on the first seed.

    Parameters
    ----------
    settings
        The cell's.
    rows
        What is recorded so far.

    Raises
    ------
    StudyError
        If nothing was tried on the first seed.
    """
    same = ("kind", "skew", "method")

    def told(cell: dict) -> dict[str, float]:
        return {name: value for name, value in cell.items() if name not in (*same, "seed")}

    if told(settings):
        return told(settings)
    tried = [
        row
        for row in rows
        if row["settings"]["seed"] == SEEDS[0]
        and all(row["settings"][name] == settings[name] for name in same)
    ]
    if not tried:
        raise StudyError(settings, "its settings were not tried on the first seed", "Do that first")
    return told(max(tried, key=lambda row: row["result"]["validation"])["settings"])


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, and judge each hospital's test patients.

    Returns
    -------
    dict
        ``scores``: hospital -> its test patients' mean Dice over regions, one number each; for a
        federation also ``tuned``, the same after each hospital went on alone for
        ``TUNE`` steps. ``regions``: region -> mean over all test patients. ``validation``: score of
        the round chosen; ``curve``: [round, score] of each look; ``best_round``; ``seconds``;
        ``setting``: hyperparameters.
    """
    import torch

    torch.set_num_threads(1)  # a second one waits more than it helps, and slows its neighbours
    setting = setting_of(settings, place.rows)
    task, how = open_hospitals(settings, place), federation_settings(settings | setting)
    ways = {"local": _alone, "pooled": _pooled}
    return ways.get(settings["method"], _federated)(task, how) | {"setting": setting}


def _federated(task: ProxyTask, how: FederationSettings) -> dict:
    from fedlab_utils.federated import federate

    found = federate(task, how)
    answer = _told(found.history, found.best_round, found.validation, found.test)
    tuned = {name: _scores(row, "tuned-") for name, row in found.test.items()}
    return answer | {"tuned": tuned}


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
        local_steps=LOCAL_STEPS * (HOSPITALS if method == "pooled" else 1),
        optimiser="sgd" if plain else "adamw",
        weight_decay=0.0 if plain else 1e-2,
        learning_rate=settings["learning_rate"],
        keep_optimiser=alone,
        mu=settings.get("mu", 0.0),
        server_rate=settings.get("server_rate", 1.0),
        tune_steps=0 if alone else TUNE,
        evaluate_every=LOOK,
        seed=settings["seed"],
    )


def open_hospitals(settings: dict, place: Workplace) -> ProxyTask:
    """Return the task of a cell: phantoms dealt by its seed; cells in a row share them."""
    folder = place.folder / "cohort"
    if not folder.exists():
        from fedlab_utils.data.phantom import write_cohort

        place.say(f"making {PATIENTS} phantoms")
        write_cohort(folder, cases=PATIENTS, seed=COHORT_SEED, spacing=SPACING)
    return _open(str(folder), settings["kind"], settings["skew"], settings["seed"])


@lru_cache(maxsize=1)
def _open(folder: str, kind: str, skew: float, seed: int) -> ProxyTask:
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.hospitals import make_hospitals
    from fedlab_utils.federated import members_of

    cohort = load_cohort(folder)
    dealt = make_hospitals(cohort, HOSPITALS, kind, skew, seed, FRACTIONS, merge_small=True)
    return task_of(members_of(cohort, dealt, SPACING), seed)


def task_of(members: Sequence, seed: int) -> ProxyTask:
    """Return the proxy's task over some hospitals: its network with instance normalisation."""
    from fedlab_utils.data.tiers import Tier
    from fedlab_utils.federated.proxy import ProxyTask

    tier = Tier("proxy", spacing=SPACING, spatial_dims=2, size=(48, 48))
    return ProxyTask(members, tier=tier, batch=BATCH, augment=False, seed=seed, device="cpu")


def _pooled(task: ProxyTask, how: FederationSettings) -> dict:
    from fedlab_utils.federated import federate
    from fedlab_utils.federated.pooling import PooledHospital

    found = federate(task_of([PooledHospital(tuple(task.members))], how.seed), how)
    network = task.network()
    network.load_state_dict(found.weights)
    test = {
        name: task.evaluate(network, number, "test") for number, name in enumerate(task.hospitals)
    }
    return _told(found.history, found.best_round, found.validation, test)


def _alone(task: ProxyTask, how: FederationSettings) -> dict:
    """Train each hospital by itself; each chooses its own round."""
    from fedlab_utils.federated import federate

    found = [federate(task_of([member], how.seed), how) for member in task.members]
    test = {name: row for federation in found for name, row in federation.test.items()}
    weights = [len(member.validation) for member in task.members]
    scores = [federation.validation for federation in found]
    answer = _told(found[0].history, found[0].best_round, np.average(scores, weights=weights), test)
    curves = [[r.score for r in f.history if r.score is not None] for f in found]
    answer["curve"] = [
        [number, round(float(np.average(looks, weights=weights)), 4)]
        for (number, _), looks in zip(answer["curve"], zip(*curves, strict=True), strict=True)
    ]
    answer["seconds"] = round(sum(r.seconds for f in found for r in f.history), 1)
    return answer


def _told(history: Sequence, best_round: int, validation: float, test: dict) -> dict:
    regions = {}
    for region in ("et", "tc", "wt"):
        values = [row[f"patients-dice-{region}"] for row in test.values()]
        regions[region] = round(float(np.concatenate(values).mean()), 4)
    return {
        "scores": {name: _scores(row) for name, row in test.items()},
        "regions": regions,
        "validation": round(float(validation), 4),
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
    hours=6.5,
)
