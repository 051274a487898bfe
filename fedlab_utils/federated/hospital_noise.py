"""A hospital's part in its own privacy: its update shortened, and noisy if it trusts nobody.

Both are Flower mods around training. The one that only shortens is Flower's; the server shortens
again (:mod:`.noisy_strategy`), so that a hospital that does not can break no other's promise.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite, sqrt

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp.mod import fixedclipping_mod
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.errors import PrivacyBudgetError, PrivacyError
from fedlab_utils.federated.client import partition_of
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.private_training import reasons_at_home
from fedlab_utils.federated.records import of_kind, to_arrays, to_record
from fedlab_utils.federated.screening import METRICS
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS
from fedlab_utils.privacy.randomness import Randomness, SimulatedRandomness, SystemRandomness

TAKEN = "hospital-rounds"
"""Record of a hospital's state: the rounds for which it added noise to an update."""


def shortened(
    answer: ArrayRecord, sent: ArrayRecord, bound: float
) -> tuple[dict[str, np.ndarray], float]:
    """Return by what a hospital moved the model, no longer than the bound, and how far it moved.

    What is not finite counts as not having moved: that it overflowed must not be told either.

    Parameters
    ----------
    answer, sent
        Both models, of the same names and shapes.
    bound
        Largest length of all arrays together.

    Returns
    -------
    tuple
        Name -> float64 array; the length before it was shortened.
    """
    moved = {n: answer[n].numpy().astype(np.float64) - a.numpy() for n, a in sent.items()}
    length = sqrt(sum(float(np.square(value).sum()) for value in moved.values()))
    if not isfinite(length):
        return {name: np.zeros_like(value) for name, value in moved.items()}, 0.0
    factor = bound / length if length > bound else 1.0
    return {name: np.asarray(value * factor) for name, value in moved.items()}, length


def hospital_mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Do what the plan in a run's ``run_config`` asks of a hospital, around all its other mods."""
    plan = HospitalPrivacy.from_config(context.run_config)
    if plan.on and plan.local:
        settings = FederationSettings.from_config(context.run_config)
        return noise_mod(_fitted(plan, settings), settings)(message, context, call_next)
    if plan.on and plan.way == "client":
        return fixedclipping_mod(message, context, call_next)
    return call_next(message, context)


_fitted = lru_cache(HospitalPrivacy.fitted)


def noise_mod(plan: HospitalPrivacy, settings: FederationSettings) -> Mod:
    """Return the mod with which a hospital shortens its update and adds noise before it sends it.

    Of the figures of its training only the number of patients leaves, and what it has spent.

    Parameters
    ----------
    plan
        A fitted one.
    settings
        Of the run.
    """

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        number = int(message.content["config"]["server-round"])
        before = context.state.get(TAKEN) or {"count": 0}
        taken = max(int(before["count"]) + 1, number)
        if taken > settings.rounds:
            raise PrivacyBudgetError(
                "local privacy",
                f"the budget of epsilon {plan.epsilon:g} per hospital is for {settings.rounds} "
                f"rounds, and this would be number {taken}",
                "Stop here, or agree on a larger budget",
            )
        context.state[TAKEN] = ConfigRecord({"count": taken})
        with reasons_at_home(plan):
            reply = call_next(message, context)
        if reply.has_error():
            return reply
        found = of_kind(reply.content, ArrayRecord)
        if set(found) != {ARRAYS}:
            raise PrivacyError(
                "local privacy",
                f"training gave the records {sorted(found)}, and noise is for {ARRAYS} alone",
                "Take another strategy",
            )
        sent = message.content[ARRAYS]
        random = randomness_of(plan, (settings.seed, number, partition_of(context)))
        moved, _ = shortened(found[ARRAYS], sent, plan.bound)
        noisy = {
            n: value + moved[n] + plan.noise * plan.bound * random.normal(value.shape)
            for n, value in to_arrays(sent).items()
        }
        arrays = {n: np.asarray(v, sent[n].dtype) for n, v in noisy.items()}
        told = {
            "num-examples": reply.content[METRICS]["num-examples"],
            "epsilon": plan.spent(settings, taken),
        }
        content = RecordDict({ARRAYS: to_record(arrays), METRICS: MetricRecord(told)})
        return Message(content, reply_to=message)

    return mod


def randomness_of(plan: HospitalPrivacy, seed: tuple[int, ...]) -> Randomness:
    """Return the operating system's randomness; in a simulation, the seed's."""
    if plan.simulated:
        return SimulatedRandomness(seed, say=lambda _: None)  # the run says so, once
    return SystemRandomness()
