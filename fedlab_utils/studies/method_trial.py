"""One training of one method over virtual hospitals, at the scale of a study.

All methods take as many steps one after the other and see about as many slices: where four
hospitals take a step each, on sixteen slices, pooled training takes one on sixty-four.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.studies.runner import Workplace

if TYPE_CHECKING:
    from fedlab_utils.federated import CompressionPlan, FederationSettings, UNetTask

COHORT_SEED = 404
"""Of the phantoms, to which the seed is added; no lesson has them."""

FRACTIONS = (0.4, 0.12, 0.48)
"""Of each hospital's patients, to train on, choose by and report on."""

HOSPITALS = 4


@dataclass(frozen=True)
class Scale:
    """How large a training is.

    Attributes
    ----------
    network
        ``"proxy"`` (see :mod:`fedlab_utils.federated.proxy`) or ``"unet"``, the course's U-Net.
    patients, spacing, size
        Phantoms of a seed, their voxels in mm, and the slices in voxels.
    rounds, local_steps, batch, look
        Of the federation; slices of a hospital and step; rounds between looks at validation.
    tune, tune_rate
        Steps that each hospital goes on alone after a federation, and their rate.
    precision
        ``"fp32"``, or ``"bf16"`` for the network's products in bfloat16.
    """

    network: str
    patients: int
    spacing: float
    size: tuple[int, int]
    rounds: int
    local_steps: int
    batch: int
    look: int
    tune: int
    tune_rate: float = 1e-2
    precision: str = "fp32"

    def task(self, members: Sequence, seed: int, hospitals: int = 1) -> UNetTask:
        """Return the task over some hospitals, whose batches are those of so many."""
        from fedlab_utils.data.tiers import Tier
        from fedlab_utils.federated import UNetTask
        from fedlab_utils.federated.proxy import ProxyTask

        tier = Tier(self.network, spacing=self.spacing, spatial_dims=2, size=self.size)
        kind = {"proxy": ProxyTask, "unet": UNetTask}[self.network]
        how = {"batch": self.batch * hospitals, "augment": False, "seed": seed, "device": "cpu"}
        return kind(members, tier=tier, precision=self.precision, **how)

    def open(
        self,
        settings: dict,
        place: Workplace,
        fractions: tuple[float, float, float] = FRACTIONS,
        hospitals: int = HOSPITALS,
    ) -> UNetTask:
        """Return the task of a cell: phantoms dealt by its seed; cells in a row share them."""
        folder = place.folder / f"cohort-{settings['seed']}"
        if not folder.exists():
            from fedlab_utils.data.phantom import write_cohort

            place.say(f"making {self.patients} phantoms")
            seed = COHORT_SEED + settings["seed"]
            write_cohort(folder, cases=self.patients, seed=seed, spacing=self.spacing)
        dealt = (settings["kind"], settings["skew"], settings["seed"])
        return _open(self, str(folder), *dealt, fractions, hospitals)

    def settings(self, settings: dict) -> FederationSettings:
        """Return how a cell's method trains."""
        from fedlab_utils.federated import FederationSettings

        method = settings["method"]
        plain = method in ("scaffold", "fedavg_sgd")
        alone = method in ("pooled", "local")
        return FederationSettings(
            strategy={"fedavg_sgd": "fedavg", "pooled": "fedavg", "local": "fedavg"}.get(
                method, method
            ),
            rounds=self.rounds,
            local_steps=self.local_steps,
            optimiser="sgd" if plain else "adamw",
            weight_decay=0.0 if plain else 1e-2,
            learning_rate=settings["learning_rate"],
            schedule="cosine",
            keep_optimiser=not plain,
            mu=settings.get("mu", 0.0),
            server_rate=settings.get("server_rate"),
            tune_steps=0 if alone else self.tune,
            tune_rate=self.tune_rate,
            evaluate_every=self.look,
            seed=settings["seed"],
        )


@lru_cache(maxsize=1)
def _open(
    scale: Scale,
    folder: str,
    kind: str,
    skew: float,
    seed: int,
    fractions: tuple[float, float, float],
    hospitals: int,
) -> UNetTask:
    from fedlab_utils.data.cohort import load_cohort
    from fedlab_utils.data.hospitals import make_hospitals
    from fedlab_utils.federated import members_of

    cohort = load_cohort(folder)
    dealt = make_hospitals(cohort, hospitals, kind, skew, seed, fractions, merge_small=True)
    return scale.task(members_of(cohort, dealt, scale.spacing), seed)


def train(
    scale: Scale, task: UNetTask, settings: dict, compression: CompressionPlan | None = None
) -> dict:
    """Train once, and judge each hospital's test patients.

    Parameters
    ----------
    scale, task
        How large, and over whom.
    settings
        ``method``, ``seed`` and hyperparameters.
    compression
        How a federation's messages are made small; without one they are not.

    Returns
    -------
    dict
        ``scores``: hospital -> its test patients' mean Dice over regions, one number each.
        ``regions``: region -> mean over all test patients. ``validation``: score of the round
        chosen, and ``validation_by_hospital``. ``tuned`` and ``tuned_validation_by_hospital``, of a
        federation after which each hospital went on alone: the same then. ``megabytes``, of a
        federation: all traffic of all rounds, looks at validation included. ``curve``: [round,
        score] of each look; ``best_round``; ``late_gain``, what the looks in the last fifth of the
        rounds have on those in the fifth before, on average; ``seconds``; ``patients``: hospital ->
        ids of its test patients, in the order of the scores.
    """
    import torch

    torch.set_num_threads(1)  # a second one waits more than it helps, and slows its neighbours
    how, ways = scale.settings(settings), {"local": _alone, "pooled": _pooled}
    if way := ways.get(settings["method"]):
        answer = way(scale, task, how)
    else:
        answer = _federated(task, how, compression)
    tested = {m.name: list(m.hospital.split.test) for m in task.members}
    return answer | {"late_gain": late_gain(answer["curve"]), "patients": tested}


def late_gain(curve: Sequence[Sequence[float]]) -> float:
    """Return by how much the mean score of the last fifth of the rounds exceeds the one before."""
    last = curve[-1][0]
    parts = [
        [score for number, score in curve if low * last < number <= high * last]
        for low, high in ((0.6, 0.8), (0.8, 1.0))
    ]
    return round(float(np.mean(parts[1]) - np.mean(parts[0])), 4)


def _federated(
    task: UNetTask, how: FederationSettings, compression: CompressionPlan | None = None
) -> dict:
    from fedlab_utils.federated import federate

    found = federate(task, how, compression=compression)
    at_best = found.history[found.best_round - 1].validation
    answer = _told(found.history, found.best_round, found.validation, at_best, found.test)
    answer["megabytes"] = round(sum(report.megabytes for report in found.history), 4)
    if not how.tune_steps:
        return answer
    tuned = {name: patient_scores(row, "tuned-") for name, row in found.test.items()}
    chosen = {name: round(row["tuned-validation"], 4) for name, row in found.test.items()}
    return answer | {"tuned": tuned, "tuned_validation_by_hospital": chosen}


def _pooled(scale: Scale, task: UNetTask, how: FederationSettings) -> dict:
    from fedlab_utils.federated import federate
    from fedlab_utils.federated.pooling import PooledHospital

    everyone = PooledHospital(tuple(task.members))
    found = federate(scale.task([everyone], how.seed, len(task.members)), how)
    network = task.network()
    network.load_state_dict(found.weights)
    validation, test = (
        {name: task.evaluate(network, n, part) for n, name in enumerate(task.hospitals)}
        for part in ("validation", "test")
    )
    return _told(found.history, found.best_round, found.validation, validation, test)


def _alone(scale: Scale, task: UNetTask, how: FederationSettings) -> dict:
    """Train each hospital by itself; each chooses its own round."""
    from fedlab_utils.federated import federate

    found = [federate(scale.task([member], how.seed), how) for member in task.members]
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
        "scores": {name: patient_scores(row) for name, row in test.items()},
        "regions": regions,
        "validation": round(float(validation), 4),
        "validation_by_hospital": {n: round(row["score"], 4) for n, row in by_hospital.items()},
        "curve": [[r.round, round(r.score, 4)] for r in history if r.score is not None],
        "best_round": best_round,
        "seconds": round(sum(r.seconds for r in history), 1),
    }


def patient_scores(row: dict, prefix: str = "") -> list[float]:
    """Return each test patient's Dice, mean over regions."""
    values = [row[f"{prefix}patients-dice-{region}"] for region in ("et", "tc", "wt")]
    return np.round(np.mean(values, axis=0), 4).tolist()
