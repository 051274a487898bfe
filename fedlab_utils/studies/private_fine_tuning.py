"""What privacy costs a network that has learnt from public patients: the recorded fine-tuning.

Phantoms are public, so a network may learn from them without spending anything. The public ones
here are patients of high grade on one good scanner. Five hospitals treat low grade, on five other
scanners, and go on training the network together, each with differential privacy for its own
patients. On a seed of which nothing is reported (97), before any private setting was tried, the
public network reached a mean Dice of 0.48 there, and fine-tuning without privacy 0.74.

On two seeds of their own, not reported either, every way to fine-tune tries three learning rates,
at two budgets; the reported seeds take the one that scored best there, on average. Those seeds'
patients are phantoms, and public: the choice spends nothing. Whoever has only real patients to
choose with would have to pay for it. The last round's model counts, so that no choice of a round
leaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import StudyError
from fedlab_utils.segmentation.fine_tuning import WAYS
from fedlab_utils.studies.fine_tuning_hospitals import make_task, open_hospitals
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    import torch

    from fedlab_utils.federated import Federation, FederationSettings, PrivacyPlan
    from fedlab_utils.studies.fine_tuning_hospitals import FineTuningTask

EPSILONS = (1, 2, 4, 8, 16)
DELTA = 1e-5
UNTOUCHED = "untouched"
"""The way of a cell that reports the public network as it is."""

TUNING, SEEDS = (98, 99), range(5)
"""The seeds that settings are tried on; those reported."""

TRIED_AT = {1: 2, 2: 2, 4: 2, 8: 8, 16: 8, 0: 0}
"""Budget -> the one at which its settings were tried. 0: without privacy."""

RATES = {"private": (1e-2, 3e-2, 1e-1), "plain": (3e-3, 1e-2, 3e-2)}
"""Learning rates that are tried."""

BOUNDS = {"all": 0.5, "low_rank": 0.2, "norm_and_head": 0.2}
"""Way -> about the median length of a patient's gradient at the start, on seed 97."""

STEPS, PATIENT_RATE = 40, 0.3
"""Private steps of a hospital, one per round, and the probability of a patient to take part."""

PLAIN = (30, 8)
"""Rounds without privacy, and a hospital's steps in each."""


def cells() -> tuple[dict, ...]:
    """Return every training, the seeds that settings are tried on first; a seed's lie together."""
    tries = [
        {"way": way, "epsilon": epsilon, "seed": seed, "learning_rate": rate}
        for seed in TUNING
        for epsilon in sorted(set(TRIED_AT.values()))
        for way in WAYS
        for rate in _rates(epsilon)
    ]
    told = [
        cell | {"seed": seed}
        for seed in SEEDS
        for cell in (
            {"way": UNTOUCHED, "epsilon": 0},
            *({"way": way, "epsilon": e} for e in (0, *EPSILONS) for way in WAYS),
        )
    ]
    return tuple(tries + told)


def _rates(epsilon: int) -> tuple[float, ...]:
    return RATES["private" if epsilon else "plain"]


def measure(settings: dict, place: Workplace) -> dict:
    """Fine-tune once, and judge each hospital's test patients.

    Returns
    -------
    dict
        ``scores``: hospital -> its test patients' mean Dice over regions, one number each;
        ``regions``: region -> mean over all test patients; ``setting``: learning rate; ``noise``:
        the noise multiplier, and ``spent``: the largest epsilon of a hospital, both 0 without
        privacy; ``trained``: weights that are trained; ``membership``: area under the curve of an
        attacker who takes a low loss of the final model for a sign of membership, 500 patients
        trained on against 200 not; ``seconds``.
    """
    import torch

    from fedlab_utils.federated import federate

    torch.set_num_threads(1)
    start, members = open_hospitals(str(place.folder), settings["seed"])
    if settings["way"] == UNTOUCHED:
        task = make_task(members, start, "all", settings["seed"])
        return judge(task, task.initial()) | {"trained": 0, "seconds": 0.0}
    setting = setting_of(settings, place.rows)
    task = make_task(members, start, settings["way"], settings["seed"])
    how, plan = how_of(settings, setting["learning_rate"])
    found = federate(task, how, privacy=plan)
    return judge(task, found.weights) | told_of(task, found, how, plan) | {"setting": setting}


def setting_of(settings: dict, rows: Sequence[dict]) -> dict[str, float]:
    """Return a cell's hyperparameters: its own, or those that scored best on ``TUNING``.

    Raises
    ------
    StudyError
        If a setting was not tried on one of those seeds.
    """
    if "learning_rate" in settings:
        return {"learning_rate": settings["learning_rate"]}
    scores: dict[float, list[float]] = {rate: [] for rate in _rates(settings["epsilon"])}
    of = {"way": settings["way"], "epsilon": TRIED_AT[settings["epsilon"]]}
    for row in rows:
        if of.items() <= row["settings"].items() and row["settings"]["seed"] in TUNING:
            scores[row["settings"]["learning_rate"]].append(mean_of(row["result"]["scores"]))
    if any(len(found) < len(TUNING) for found in scores.values()):
        raise StudyError(of, "it was not tried yet", f"Run `fedlab study {STUDY.name}` further")
    return {"learning_rate": max(scores, key=lambda rate: np.mean(scores[rate]))}


def mean_of(scores: dict[str, list[float]]) -> float:
    """Return the mean over all patients of some hospitals."""
    return float(np.mean([value for row in scores.values() for value in row]))


def how_of(settings: dict, rate: float) -> tuple[FederationSettings, PrivacyPlan]:
    """Return how a cell trains, at a learning rate."""
    from fedlab_utils.federated import FederationSettings, PrivacyPlan

    private = settings["epsilon"] > 0
    rounds, local_steps = (STEPS, 1) if private else PLAIN
    how = FederationSettings(
        rounds=rounds,
        local_steps=local_steps,
        learning_rate=rate,
        weight_decay=0.0 if private else 1e-2,
        schedule="cosine",
        keep_optimiser=True,
        evaluate_every=rounds,
        seed=settings["seed"],
    )
    if not private:
        return how, PrivacyPlan()
    bound, budget = BOUNDS[settings["way"]], float(settings["epsilon"])
    return how, PrivacyPlan(budget, DELTA, bound, patient_rate=PATIENT_RATE, simulated=True)


def told_of(
    task: FineTuningTask, found: Federation, how: FederationSettings, plan: PrivacyPlan
) -> dict:
    """Return what a federation tells of itself, see :func:`measure`."""
    spent = [row.get("epsilon", 0.0) for row in found.history[-1].trained.values()]
    return {
        "noise": round(plan.steps(how).noise, 4) if plan.on else 0.0,
        "spent": round(max(spent), 4),
        "trained": sum(p.numel() for p in task.network().parameters() if p.requires_grad),
        "seconds": round(sum(report.seconds for report in found.history), 1),
    }


def judge(task: FineTuningTask, weights: dict[str, torch.Tensor]) -> dict:
    """Return what test patients score with a model, and how well members are told from them."""
    from fedlab_utils.privacy.membership import area

    network = task.network()
    network.load_state_dict(weights)
    rows = {n: task.evaluate(network, k, "test") for k, n in enumerate(task.hospitals)}
    regions = {r: [row[f"patients-dice-{r}"] for row in rows.values()] for r in ("et", "tc", "wt")}
    members, others = losses_of(task, weights)
    return {
        "scores": {
            name: np.round(np.mean(parts, axis=0), 4).tolist()
            for name, *parts in zip(rows, *regions.values(), strict=True)
        },
        "regions": {r: round(float(np.concatenate(v).mean()), 4) for r, v in regions.items()},
        "membership": round(area(-members, -others), 4),
    }


def losses_of(
    task: FineTuningTask, weights: dict[str, torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a model's loss on each patient trained on, and on each test patient, all hospitals.

    Over eight slices of each, drawn for this.
    """
    import torch

    from fedlab_utils.data.datasets import SliceDataset
    from fedlab_utils.segmentation.batching import batches

    network = task.network().eval()
    network.load_state_dict(weights)
    found: dict[str, list[float]] = {"train": [], "test": []}
    for part, losses in found.items():
        for member in task.members:
            patients, seed = getattr(member, part), task.seed + 1
            drawn = SliceDataset(patients, task.tier.size, per_patient=8, seed=seed)
            for batch in batches(drawn, 64):
                with torch.no_grad():
                    logits = network(batch["image"])
                losses += task.loss(logits, batch["target"], batch["patient"]).tolist()
    return np.array(found["train"]), np.array(found["test"])


STUDY = Study(
    name="private_fine_tuning",
    question="How much of what hospitals' patients teach a public network survives privacy?",
    cells=cells(),
    measure=measure,
    hours=3.0,
)
