"""Hostile hospitals against robust rules: what each attack costs, and what each rule saves.

On the small stand-in of :mod:`fedlab_utils.studies.heterogeneity`, eight hospitals, of which none,
one or two are hostile. Rules that ask how many may be are told of two; buckets, which withstand one
of eight, of one. Two seeds of their own, which are not reported, choose: the rules that may be
chosen meet every untargeted attack there, and *the chosen one* is the rule whose worst attack
leaves most, by validation patients of honest hospitals. On the same seeds an attacker tries further
attacks and strengths against that very rule; *the adapted one* is what does most harm. The reported
seeds have other patients, and test patients never have a say.

Hostile hospitals know what they would have sent themselves, and no honest hospital's update: papers
often grant them all of those, and such attackers do more harm. Who is hostile is drawn for each
seed. The model of the last round is judged, and none is chosen by round: hostile hospitals would
have a vote. Only honest hospitals' patients count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import StudyError
from fedlab_utils.federated.robustness_rows import ADAPTED, CHOSEN
from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.hostile_trial import hidden_share, judged, public_task, trusted
from fedlab_utils.studies.method_trial import FRACTIONS
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    from fedlab_utils.federated import AttackPlan, RobustPlan

SCALE = replace(heterogeneity.SCALE, batch=heterogeneity.SCALE.batch // 2, look=60, tune=0)
"""As that of ``heterogeneity``; twice as many hospitals, and half as many slices of each a step."""

HOSPITALS, ASSUMED, RATE = 8, 2, 1e-2
"""Hospitals; how many every rule is told may be hostile; AdamW's learning rate, which validated
best for FedAvg in all conditions of ``heterogeneity``."""

PUBLIC, PUBLIC_SEED = 24, 909
"""FLTrust's public phantoms, the same for all seeds; no lesson and no hospital has them."""

TUNING, SEEDS = heterogeneity.TUNING, heterogeneity.SEEDS

CONDITIONS = (("iid", 0.0), ("volume", 1.0))
"""Hospitals alike; and sorted by the size of their tumours."""

RULES: dict[str, dict[str, object]] = {
    "fedavg": {},
    "median": {"rule": "median"},
    "trimmed-mean": {"rule": "trimmed-mean"},
    "krum": {"rule": "krum"},
    "multi-krum": {"rule": "multi-krum"},
    "clip": {"rule": "clip"},
    "fltrust": {"rule": "fltrust"},
    "median, momentum": {"rule": "median", "client_momentum": 0.5},
    "multi-krum, momentum": {"rule": "multi-krum", "client_momentum": 0.5},
    "median, buckets": {"rule": "median", "bucket": 2, "hostile": 1},
}
"""Name -> settings of :class:`fedlab_utils.federated.RobustPlan`. Eight hospitals make four buckets
of two, which withstand one hostile hospital and not two."""

CANDIDATES = tuple(name for name in RULES if name not in ("fedavg", "median, buckets"))
"""Rules that may be chosen."""

ATTACKS: tuple[tuple[str, float], ...] = (
    ("sign-flip", 4.0),
    ("scaled", 10.0),
    ("noise", 10.0),
    ("label-flip", 1.0),
    ("alie", 1.5),
    ("ipm", 4.0),
    ("ipm", 0.5),
    ("free-rider", 0.0),
    ("nan", 0.0),
)
"""Untargeted attacks with their strengths. The paper's formula gives ALIE no more than 0.43
deviations where a quarter is hostile, and 0 with two of eight; 1.5 is far beyond that. A long
reversed update overcomes an average, a short one rules that go by distance."""

FURTHER: tuple[tuple[str, float], ...] = (
    ("sign-flip", 1.0),
    ("noise", 1.0),
    ("label-flip", 4.0),
    ("alie", 0.5),
    ("alie", 4.0),
    ("ipm", 0.2),
    ("ipm", 1.0),
    ("ipm", 2.0),
)
"""What an attacker tries besides, who knows the rule."""

BACKDOORS: tuple[tuple[str, float], ...] = (("backdoor", 1.0), ("backdoor", 4.0))
"""As long as an honest update, and as long as replaces the model where two of eight send it."""

NOBODY = ("", 0.0)


def cells() -> tuple[dict, ...]:
    """Return every training: those that choose first, then what is reported."""
    found = list(_cells(TUNING, CANDIDATES, ATTACKS, 2))
    found += _cells(TUNING, (CHOSEN,), FURTHER, 2)
    found += _cells(SEEDS, ("fedavg",), (NOBODY,), 0)
    found += _cells(SEEDS, ("fedavg", CHOSEN), (*ATTACKS, (ADAPTED, 0.0)), 2)
    found += _cells(SEEDS, (*RULES, CHOSEN)[1:], (NOBODY,), 0)
    found += _cells(SEEDS, ("fedavg", CHOSEN), BACKDOORS, 2)
    found += _cells(SEEDS[:1], CANDIDATES, BACKDOORS, 2)
    found += _cells(SEEDS[:1], ("fedavg", "median, buckets", CHOSEN), (*ATTACKS, *BACKDOORS), 1)
    return tuple(found)


def _cells(
    seeds: Iterable[int],
    rules: Iterable[str],
    attacks: Iterable[tuple[str, float]],
    attackers: int,
) -> list[dict]:
    return [
        {"kind": kind, "skew": skew, "seed": seed, "rule": rule}
        | {"attack": attack, "strength": strength, "attackers": attackers}
        for kind, skew in CONDITIONS
        for seed in seeds
        for rule in rules
        for attack, strength in attacks
    ]


def hostile_of(seed: int, attackers: int) -> tuple[int, ...]:
    """Return who is hostile on a seed, by partition: drawn by it. One alone is one of the two."""
    drawn = np.random.default_rng((seed, HOSPITALS)).permutation(HOSPITALS)
    return tuple(sorted(int(number) for number in drawn[:attackers]))


def chosen_rule(rows: Sequence[dict]) -> str:
    """Return the rule whose worst attack leaves the best validation score, over all conditions.

    Parameters
    ----------
    rows
        What is recorded so far.

    Raises
    ------
    StudyError
        If a rule has not met an attack yet.
    """
    least = {rule: min(_validated(rows, rule, ATTACKS).values()) for rule in CANDIDATES}
    return max(least, key=least.get)


def adapted_attack(rows: Sequence[dict]) -> tuple[str, float]:
    """Return what harms the chosen rule most on the seeds that choose, over all conditions.

    Raises
    ------
    StudyError
        If one was not tried yet.
    """
    known = _validated(rows, chosen_rule(rows), ATTACKS) | _validated(rows, CHOSEN, FURTHER)
    harm: dict[tuple[str, float], list[float]] = {}
    for (attack, _), score in known.items():
        harm.setdefault(attack, []).append(score)
    return min(harm, key=lambda attack: np.mean(harm[attack]))


def _validated(
    rows: Sequence[dict], rule: str, attacks: Iterable[tuple[str, float]]
) -> dict[tuple[tuple[str, float], str], float]:
    """Return each attack's and condition's validation score, mean over the seeds that choose."""
    recorded = {heterogeneity.key_of(row["settings"]): row["result"]["validation"] for row in rows}
    found: dict[tuple, list[float]] = {}
    for cell in _cells(TUNING, (rule,), attacks, 2):
        if heterogeneity.key_of(cell) not in recorded:
            raise StudyError(
                cell, "it was not tried yet", f"Run `fedlab study {STUDY.name}` further"
            )
        key = (cell["attack"], cell["strength"]), cell["kind"]
        found.setdefault(key, []).append(recorded[heterogeneity.key_of(cell)])
    return {key: float(np.mean(scores)) for key, scores in found.items()}


def plans_of(settings: dict, rows: Sequence[dict]) -> tuple[str, RobustPlan, AttackPlan]:
    """Return a cell's rule by name, the server's plan and the attack.

    Parameters
    ----------
    settings
        The cell's.
    rows
        What is recorded so far.
    """
    from fedlab_utils.federated import AttackPlan, RobustPlan

    rule = chosen_rule(rows) if settings["rule"] == CHOSEN else settings["rule"]
    attack, strength = settings["attack"], settings["strength"]
    if attack == ADAPTED:
        attack, strength = adapted_attack(rows)
    more = RULES[rule]
    due = {} if not more or more["rule"] == "fltrust" else {"hostile": ASSUMED}
    hostile = hostile_of(settings["seed"], settings["attackers"])
    numbers = ",".join(map(str, hostile))
    return rule, RobustPlan(**(due | more)), AttackPlan(attack, numbers, strength)


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, and judge every hospital's patients with the model of the last round.

    Returns
    -------
    dict
        ``rule``, ``attack`` and ``strength`` that the cell stood for; ``hostile``: names. What
        :func:`fedlab_utils.studies.hostile_trial.judged` and ``trusted`` tell. ``backdoor``, where
        somebody planted it or nobody is hostile: ``hidden_share`` of the same module.
    """
    import torch

    from fedlab_utils.federated import federate

    torch.set_num_threads(1)
    rule, robust, attack = plans_of(settings, place.rows)
    fractions = heterogeneity.TUNING_FRACTIONS if settings["seed"] in TUNING else FRACTIONS
    task = SCALE.open(settings, place, fractions, HOSPITALS)
    how = SCALE.settings({"method": "fedavg", "learning_rate": RATE, "seed": settings["seed"]})
    root = None
    if robust.rule == "fltrust":
        root = public_task(SCALE, place.folder / "public", PUBLIC, PUBLIC_SEED)
    found = federate(task, how, robust=robust, attack=attack, root=root)
    hostile = [task.hospitals[number] for number in attack.numbers]
    told = {"rule": rule, "attack": attack.attack, "strength": attack.force, "hostile": hostile}
    told |= judged(task, found, hostile) | trusted(found)
    if attack.attack in ("", "backdoor"):
        told["backdoor"] = hidden_share(task, found, hostile)
    return told


STUDY = Study(
    name="robustness",
    question="Which rule withstands hostile hospitals, and what does it cost when all are honest?",
    cells=cells(),
    measure=measure,
    hours=8.0,
)
