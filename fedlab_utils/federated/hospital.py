"""What a hospital does when the server writes: train from the model it got, or judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import ConfigRecord, MetricRecord, RecordDict

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.corrections import (
    ControlVariates,
    Proximal,
    gradient_at,
    trained,
    zero_variates,
)
from fedlab_utils.federated.home_layers import PERSONAL, own_layers, shared_layers
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.private_training import PrivacyPlan, private_gradient
from fedlab_utils.federated.records import to_record, to_tensors
from fedlab_utils.federated.scaffold import ACCEPTED, CHANGE, VARIATE
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS
from fedlab_utils.federated.task import Task
from fedlab_utils.segmentation.training import local_update, make_optimiser

if TYPE_CHECKING:
    import torch
    from flwr.app import ArrayRecord
    from torch import nn

PARTS = ("validation", "test")
"""Patients whose scores a hospital tells."""

OPTIMISER = "optimiser"

PENDING, PENDING_ROUND = "variate-pending", "variate-pending-round"
"""The next control variate until the server says that the answer counted; and its round."""


def train_hospital(
    task: Task,
    settings: FederationSettings,
    hospital: int,
    content: RecordDict,
    state: HospitalState,
    plan: PrivacyPlan | None = None,
) -> RecordDict:
    """Take a round's steps from the model that came, and say what became of it."""
    server_round = int(content["config"]["server-round"])
    state.rewind(server_round)
    network = _load(task, settings, content[ARRAYS], state.arrays(PERSONAL))
    batches = (hospital, server_round, settings.local_steps)
    how = {"loss": task.loss, "precision": task.precision}
    corrections = []
    if mu := content["config"].get("proximal-mu", 0.0):
        corrections.append(Proximal(float(mu)))
    variates = _variates(network, content, state)
    if variates is not None:
        corrections.append(variates)
    fresh = None
    if variates is not None and settings.option == 1:
        fresh = gradient_at(network, task.batches(*batches), **how)
    optimiser = make_optimiser(network, settings.local_optimiser(server_round))
    if settings.keep_optimiser and (record := state.arrays(OPTIMISER)):
        _load_optimiser(optimiser, record)
    patients = task.patients(hospital)
    if plan is None or not plan.on:
        update = local_update(network, task.batches(*batches), optimiser, corrections, **how)
        told = {"loss": update.loss, "steps": update.steps, "samples": update.samples}
    else:
        whose = (hospital, server_round)
        with private_gradient(plan, settings, patients, whose, state) as gradient:
            chance = (gradient.settings.rate, gradient.randomness)
            steps = task.private_batches(*batches, *chance)
            update = local_update(network, steps, optimiser, corrections, gradient=gradient, **how)
            told = {"steps": update.steps, "epsilon": gradient.ledger.spent()}
    if settings.keep_optimiser:
        state.records[OPTIMISER] = _moments(optimiser)
    answer = RecordDict()
    if variates is not None:
        new = variates.new if fresh is None else fresh
        answer[CHANGE] = to_record({n: new[n] - variates.own[n] for n in new})
        state.records[PENDING] = to_record(new)
        state.records[PENDING_ROUND] = ConfigRecord({"round": server_round})
    answer[ARRAYS] = shared_layers(network, settings, state)
    answer["metrics"] = MetricRecord({"num-examples": patients, **told})
    state.keep(server_round)
    return answer


def _variates(
    network: nn.Module, content: RecordDict, state: HospitalState
) -> ControlVariates | None:
    """Return SCAFFOLD's correction if the server sent its control variate."""
    if VARIATE not in content:
        return None
    accepted = int(content["config"][ACCEPTED])
    own = _own_variate(state, accepted)
    if accepted and own is None:  # to begin at zero again would bias every later round
        raise FederationError(
            "SCAFFOLD",
            f"this hospital's control variate of round {accepted} is gone, the server's holds it",
            "Bring the hospital's own folder back, or start the run again",
        )
    own = to_tensors(own) if own else zero_variates(network)
    return ControlVariates(_on(network, to_tensors(content[VARIATE])), _on(network, own))


def evaluate_hospital(
    task: Task,
    settings: FederationSettings,
    hospital: int,
    content: RecordDict,
    state: HospitalState,
    plan: PrivacyPlan | None = None,
) -> RecordDict:
    """Judge the model that came, with the hospital's own layers where it has some."""
    config = content["config"]
    server_round, part = int(config["server-round"]), str(config["part"])
    if part not in PARTS:
        raise FederationError(
            f"hospital {hospital}",
            f"the server asks for scores of {part!r}, and training patients' stay at home",
            f"Ask for {' or '.join(PARTS)}",
        )
    if plan is not None and plan.on:
        plan.check(settings)
    state.rewind(server_round)
    personal = own_layers(state, server_round, part, int(config["best-round"]))
    network = _load(task, settings, content[ARRAYS], personal)
    metrics = task.evaluate(network, hospital, part)
    if metrics and part == "test" and settings.tune_steps:
        before, after = _tune(network, task, settings, hospital, server_round)
        gains = before is None or after > before
        tuned = task.evaluate(network, hospital, part) if gains else metrics
        metrics |= {f"tuned-{n}": v for n, v in tuned.items() if n != "num-examples"}
        if before is not None:
            metrics["tuned-validation"] = max(before, after)
    state.keep(server_round)
    return RecordDict({"metrics": MetricRecord(metrics)})


def _own_variate(state: HospitalState, accepted: int) -> ArrayRecord | None:
    """Return the hospital's control variate: the pending one if its round's answer counted.

    An answer that was late or screened out did not move the server's control variate. The
    hospital's own must not move either, or the two drift apart for good.
    """
    if PENDING in state.records:
        pending, made = state.records.pop(PENDING), state.records.pop(PENDING_ROUND)
        if made["round"] == accepted:
            state.records[VARIATE] = pending
    return state.arrays(VARIATE)


def _load(
    task: Task,
    settings: FederationSettings,
    shared: ArrayRecord,
    personal: ArrayRecord | None,
) -> nn.Module:
    """Fill the process's network: what came, the hospital's own, and the rest as it began."""
    network = task.network()
    home = personal_names(network, settings)
    weights = {name: value for name, value in task.initial().items() if name in home}
    weights |= to_tensors(personal) if personal else {}
    network.load_state_dict(weights | to_tensors(shared))
    return network


def _tune(
    network: nn.Module, task: Task, settings: FederationSettings, hospital: int, server_round: int
) -> tuple[float | None, float | None]:
    """Go on alone; return the validation patients' score before and after, None without any."""
    before = task.evaluate(network, hospital, "validation").get("score")
    optimiser = make_optimiser(network, settings.tuning_optimiser())
    steps = task.batches(hospital, server_round, settings.tune_steps)
    local_update(network, steps, optimiser, loss=task.loss, precision=task.precision)
    return before, task.evaluate(network, hospital, "validation").get("score")


def _moments(optimiser: torch.optim.Optimizer) -> ArrayRecord:
    moments = optimiser.state_dict()["state"]
    named = {f"{n}/{k}": v for n, part in moments.items() for k, v in part.items()}
    return to_record({n: v for n, v in named.items() if v is not None})


def _load_optimiser(optimiser: torch.optim.Optimizer, record: ArrayRecord) -> None:
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in to_tensors(record).items():
        number, _, key = name.partition("/")
        moments.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def _on(network: nn.Module, tensors: dict) -> dict:
    """Return tensors on the device of the parameters that they belong to."""
    where = {name: p.device for name, p in trained(network).items()}
    return {name: t.to(where.get(name, t.device)) for name, t in tensors.items()}
