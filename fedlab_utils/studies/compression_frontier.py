"""Dice against traffic: what federations of few bytes lose to those that send everything.

On the small stand-in for the U-Net, at the scale and with the steps of
:mod:`fedlab_utils.studies.heterogeneity`, where hospitals are the phantom's own institutions. Each
method keeps the hyperparameters that the comparison chose for it without compression, so that
compression gets no tuning of its own, but for the rate of two ways with long rounds. Every way to
save is tried on two seeds of which nothing is reported, too: which of those that save fifty times
or more is held to the claim is chosen there, by validation patients.

Traffic is that of all rounds, both ways, with looks at validation and all headers. The best round's
model travels once more to be tested, alike in every cell; that is not counted. Nobody goes on alone
after the federation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.method_trial import FRACTIONS, Scale, train
from fedlab_utils.studies.record import read_rows
from fedlab_utils.studies.runner import Study, Workplace

if TYPE_CHECKING:
    from fedlab_utils.federated import CompressionPlan

SCALE = replace(heterogeneity.SCALE, tune=0)
TUNING, SEEDS = heterogeneity.TUNING, heterogeneity.SEEDS
CONDITION = {"kind": "institution", "skew": 0.0}

PLANS: dict[str, dict[str, float]] = {
    "none": {},
    "8 bits": {"bits": 8},
    "4 bits": {"bits": 4},
    "4 parts": {"parts": 4},
    "top 10 %, 8 bits": {"keep": 0.1, "bits": 8},
    "top 10 %, 4 bits": {"keep": 0.1, "bits": 4},
    "top 4 %, 4 bits": {"keep": 0.04, "bits": 4},
    "top 3 %, 8 bits": {"keep": 0.03, "bits": 8},
    "top 3 %, 4 bits": {"keep": 0.03, "bits": 4},
    "top 1 %, 8 bits": {"keep": 0.01, "bits": 8},
    "top 1 %, 4 bits": {"keep": 0.01, "bits": 4},
    "a quarter of the rounds": {"fewer": 4},
    "top 10 %, 4 bits, half the rounds": {"keep": 0.1, "bits": 4, "fewer": 2},
    "top 10 %, 8 bits, a quarter of the rounds": {"keep": 0.1, "bits": 8, "fewer": 4},
    "top 15 %, 4 bits, a third of the rounds": {"keep": 0.15, "bits": 4, "fewer": 3},
    "top 20 %, 4 bits, a quarter of the rounds": {"keep": 0.2, "bits": 4, "fewer": 4},
    "top 30 %, 4 bits, a quarter of the rounds": {"keep": 0.3, "bits": 4, "fewer": 4},
    "top 30 %, 4 bits, a sixth of the rounds": {"keep": 0.3, "bits": 4, "fewer": 6},
    "top 50 %, 4 bits, a sixth of the rounds": {"keep": 0.5, "bits": 4, "fewer": 6},
    "4 bits, a twelfth of the rounds": {"bits": 4, "fewer": 12},
}
"""Way to save -> share of the numbers that travels, bits of each and parts of the model, the same
both ways; and by what the rounds are fewer, and longer. What is not said is as without saving. The
last six were added by what the seeds for trying had told, and those alone: 4 bits and a quarter of
the rounds hardly cost anything, and 3 % of the numbers do."""

RATES = {"half": 0.5, "twice": 2.0}
PLANS |= {
    f"{plan}, {word} the rate": PLANS[plan] | {"rate": rate}
    for plan in ("top 50 %, 4 bits, a sixth of the rounds", "4 bits, a twelfth of the rounds")
    for word, rate in RATES.items()
}
"""Long rounds with learning rates of their own, for the two ways that had validated best of those
that save fifty times. They were added when those had been reported to keep 98.6 % and 98.5 %."""

OTHERS = (
    "none",
    "top 4 %, 4 bits",
    "top 3 %, 8 bits",
    "top 10 %, 4 bits, half the rounds",
    "top 20 %, 4 bits, a quarter of the rounds",
)
"""Of methods beside FedAvg: without saving, and about fifty times less."""

METHODS = {
    "fedavg": tuple(PLANS),
    "fedavg_sgd": OTHERS,
    "fedprox": OTHERS,
    "scaffold": OTHERS,
}
"""Method -> the ways to save that it is tried with."""


def plan_of(name: str) -> CompressionPlan:
    """Return what a way to save means for messages, the same up and down."""
    from fedlab_utils.federated import CompressionPlan

    told = PLANS[name]
    keep, bits = told.get("keep", 1.0), int(told.get("bits", 32))
    return CompressionPlan(keep, bits, keep, bits, int(told.get("parts", 1)))


def scale_of(name: str) -> Scale:
    """Return the scale with a way's rounds: all take as many steps, and look as often."""
    fewer = int(PLANS[name].get("fewer", 1))
    fewer_rounds, look = SCALE.rounds // fewer, max(1, SCALE.look // fewer)
    return replace(SCALE, rounds=fewer_rounds, look=look, local_steps=SCALE.local_steps * fewer)


def cells() -> tuple[dict, ...]:
    """Return every training, seed by seed: those of a seed share its patients."""
    return tuple(
        CONDITION | {"method": method, "plan": plan, "seed": seed}
        for seed in (*TUNING, *SEEDS)
        for method, plans in METHODS.items()
        for plan in plans
    )


def measure(settings: dict, place: Workplace) -> dict:
    """Train once, and judge each hospital's test patients.

    Returns
    -------
    dict
        As of :func:`fedlab_utils.studies.method_trial.train`, ``megabytes`` among it, and
        ``setting``: hyperparameters.

    Raises
    ------
    StudyError
        If the comparison has not chosen a setting for this method yet.
    """
    chosen_by = CONDITION | {"method": settings["method"], "seed": SEEDS[0]}
    setting = heterogeneity.setting_of(chosen_by, read_rows(heterogeneity.STUDY.name))
    fractions = heterogeneity.TUNING_FRACTIONS if settings["seed"] in TUNING else FRACTIONS
    rate = PLANS[settings["plan"]].get("rate", 1.0)
    setting = setting | {"learning_rate": setting["learning_rate"] * rate}
    scale = scale_of(settings["plan"])
    task = SCALE.open(settings, place, fractions)
    found = train(scale, task, settings | setting, plan_of(settings["plan"]))
    return found | {"setting": setting}


STUDY = Study(
    name="compression_frontier",
    question="What Dice does a federation keep when it sends fewer megabytes?",
    cells=cells(),
    measure=measure,
    hours=3.0,
)
