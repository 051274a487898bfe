"""Client momentum: what a hospital sends is a running mean of its updates, through restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from flwr.app import ConfigRecord, MessageType, RecordDict
from torch import nn

from fedlab_utils.federated import FederationSettings, RobustPlan, federate
from fedlab_utils.federated.client import make_client_app
from fedlab_utils.federated.client_momentum import MOMENTUM, momentum_mod
from fedlab_utils.federated.engine_inprocess import InProcessGrid, running
from fedlab_utils.federated.records import to_record, to_tensors
from fedlab_utils.federated.trial import TrialTask
from tests.federated.toys import BowlTask

SETTINGS = FederationSettings(
    optimiser="sgd", learning_rate=0.1, weight_decay=0.0, local_steps=3, rounds=6
)
BETA = 0.6
PLAN = RobustPlan("median", 0, client_momentum=BETA)


def heard(plan: RobustPlan, mods=(), **more) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The models that hospital 1 was sent and sent back, round by round."""
    found = []

    def listen(message, context, call_next):
        reply = call_next(message, context)
        if context.node_config["partition-id"] == 1:
            pair = (to_tensors(m.content["arrays"])["at"] for m in (message, reply))
            found.append(tuple(pair))
        return reply

    federate(BowlTask(), replace(SETTINGS, **more), robust=plan, mods=[listen, *mods])
    return found


def test_hospitals_send_a_running_mean_of_what_they_did() -> None:
    bowl = BowlTask().bowls[1]
    step = torch.linalg.matrix_power(torch.eye(3, dtype=torch.float64) - 0.1 * bowl.curvature, 3)
    momentum = None
    for at, sent in heard(PLAN):
        update = (step - torch.eye(3, dtype=torch.float64)) @ (at - bowl.bottom)
        momentum = update if momentum is None else (1 - BETA) * update + BETA * momentum
        torch.testing.assert_close(sent - at, momentum)


def test_without_momentum_nothing_changes() -> None:
    for (_, one), (_, other) in zip(
        heard(RobustPlan("median")), heard(replace(PLAN, client_momentum=0.0)), strict=True
    ):
        assert torch.equal(one, other)
    assert not torch.equal(heard(PLAN)[-1][1], heard(RobustPlan("median"))[-1][1])


@pytest.mark.parametrize("evaluate_every", [1, 2])
def test_a_hospital_that_starts_anew_remembers_its_momentum(tmp_path, evaluate_every) -> None:
    settings = replace(SETTINGS, evaluate_every=evaluate_every)
    due = federate(BowlTask(), settings, robust=PLAN).last["at"]
    out = tmp_path / "run"
    federate(BowlTask(), replace(settings, rounds=4), out, robust=PLAN)
    found = federate(BowlTask(), settings, out, resume=True, robust=PLAN).last["at"]
    assert torch.equal(found, due)


class WithNorm(TrialTask):
    """Hospitals whose network has running averages."""

    def initial(self) -> dict[str, torch.Tensor]:
        return {n: v.clone() for n, v in self.resident.state_dict().items()}


def test_buffers_have_no_momentum() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 3, 1), nn.BatchNorm2d(3))
    task = WithNorm(resident=network)
    first = {n: v.clone() for n, v in network.state_dict().items()}
    config = FederationSettings(rounds=2).to_config()
    sent = []
    for more in ({}, PLAN.to_config()):
        app = make_client_app(lambda _: task, [momentum_mod(lambda _: task)])
        with running():
            grid = InProcessGrid(app, 1, config | more)
            for number in (1, 2):
                at = ConfigRecord({"server-round": number})
                content = RecordDict({"arrays": to_record(first), "config": at})
                message = grid.create_message(content, MessageType.TRAIN, 2, "")
                (reply,) = grid.send_and_receive([message])
        sent.append(to_tensors(reply.content["arrays"]))
        names = set(grid.contexts[2].state[MOMENTUM]) if more else set()
        assert names == ({n for n, _ in network.named_parameters()} if more else set())
    plain, with_momentum = sent
    for name in first:
        same = torch.equal(plain[name], with_momentum[name])
        assert same == (name not in dict(network.named_parameters())), name


def test_an_update_that_is_not_finite_is_not_repeated() -> None:
    """The server leaves it out; without this, a single one would spoil all later rounds."""
    broken = {2}

    def overflow(message, context, call_next):
        reply = call_next(message, context)
        if message.content["config"]["server-round"] in broken:
            reply.content["arrays"] = to_record({"at": torch.full((3,), torch.nan).double()})
        return reply

    task = BowlTask()
    config, kept = SETTINGS.to_config() | PLAN.to_config(), []
    app = make_client_app(lambda _: task, [momentum_mod(lambda _: task), overflow])
    with running():
        grid = InProcessGrid(app, 4, config)
        for number in (1, 2, 3):
            at = ConfigRecord({"server-round": number})
            content = RecordDict({"arrays": to_record(task.initial()), "config": at})
            (reply,) = grid.send_and_receive([grid.create_message(content, "train", 2, "")])
            kept.append(to_tensors(reply.content["arrays"])["at"])
    assert kept[1].isnan().all()
    assert kept[2].isfinite().all()
    torch.testing.assert_close(kept[2], kept[0])  # the same update, mixed with itself
