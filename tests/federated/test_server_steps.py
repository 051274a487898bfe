"""Servers that step along the average: parameters move beyond it, running statistics do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.roster import Member, Roster
from fedlab_utils.federated.scaffold import Scaffold
from fedlab_utils.federated.server_steps import FedAdam, FedAvgM
from fedlab_utils.federated.strategies import FedAvg, Screened
from tests.federated.test_norm_lab import TwoUnits
from tests.federated.two_part import TwoPartTask, settings_of

STEPPING = {
    "fedavgm": lambda: FedAvgM(server_learning_rate=1.5, server_momentum=0.9),
    "fedadam": lambda: FedAdam(eta=0.1),
    "scaffold": lambda: Scaffold(server_rate=1.5),
}
START = {"w": np.array([1.0, 2.0]), "variance": np.array([4.0, 5.0]), "bias": np.array([0.0])}


class Grid:
    """Two nodes that are there."""

    def get_node_ids(self) -> list[int]:
        return [10, 11]


def walked(strategy: Screened, ends: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """Return the model after each round, in each of which both hospitals answer the same."""
    roster = Roster()
    roster.members = {10 + n: Member(n, f"H{n}", 2 + n) for n in range(2)}
    roster.known = {member.partition: member for member in roster.members.values()}
    at, found = to_record(START), []
    strategy.join(roster)
    strategy.begin(["bias", "w"], at)
    with running():
        for number, end in enumerate(ends, 1):
            replies = []
            for asked in strategy.configure_train(number, at, ConfigRecord(), Grid()):
                count = roster.members[asked.metadata.dst_node_id].patients
                content = RecordDict({"arrays": to_record(end)})
                if isinstance(strategy, Scaffold):
                    zeros = {name: np.zeros_like(v) for name, v in strategy.variate.items()}
                    content["variate-change"] = to_record(zeros)
                content["metrics"] = MetricRecord({"num-examples": count, "loss": 0.1})
                replies.append(Message(content, reply_to=asked))
            at, _ = strategy.aggregate_train(number, replies)
            found.append(to_arrays(at))
    return found


@pytest.mark.parametrize("name", STEPPING)
def test_parameters_step_and_buffers_are_the_plain_average(name: str) -> None:
    ends = [
        {"w": np.array([0.5, 1.0]), "variance": np.array([0.1, 9.0]), "bias": np.array([1.0])},
        {"w": np.array([0.2, 0.0]), "variance": np.array([0.2, 0.1]), "bias": np.array([2.0])},
    ]
    found, plain = walked(STEPPING[name](), ends), walked(FedAvg(), ends)
    for stepped, average in zip(found, plain, strict=True):
        assert list(stepped) == list(START)
        np.testing.assert_array_equal(stepped["variance"], average["variance"])
        assert (stepped["w"] != average["w"]).all()
        assert (stepped["bias"] != average["bias"]).all()


@pytest.mark.parametrize("name", STEPPING)
def test_running_variances_of_honest_hospitals_stay_above_zero(name: str) -> None:
    settings = FederationSettings(
        rounds=6,
        local_steps=3,
        optimiser="sgd",
        learning_rate=0.01,
        weight_decay=0.0,
        strategy=name,
        server_rate=1.5 if name == "scaffold" else 1.0,
        server_momentum=0.9,
    )
    found = federate(TwoUnits("batch"), settings)
    assert all(report.counted and not report.unjudged for report in found.history)
    counts = {n: int(v) for n, v in found.last.items() if n.endswith("num_batches_tracked")}
    assert counts
    assert set(counts.values()) == {settings.rounds * settings.local_steps}
    for name_, value in found.last.items():
        assert torch.isfinite(value).all()
        assert not name_.endswith("running_var") or (value > 0).all()


@pytest.mark.parametrize("name", ["fedavg", "fedavgm", "fedadam", "scaffold"])
def test_the_order_of_names_in_an_answer_changes_nothing(name: str) -> None:
    """The first hospital's answer names the same arrays backwards, and is as honest."""

    def backwards(message, context, call_next):
        reply = call_next(message, context)
        if context.node_config["partition-id"] == 0:
            arrays = reply.content["arrays"]
            reply.content["arrays"] = ArrayRecord(dict(reversed(arrays.items())))
        return reply

    settings = settings_of(name)
    found = federate(TwoPartTask(), settings, mods=[backwards])
    due = federate(TwoPartTask(), settings)
    assert all(report.counted for report in found.history)
    assert list(found.last) == list(due.last)
    assert all(torch.equal(found.last[n], due.last[n]) for n in due.last)


@pytest.mark.parametrize("strategy", [FedAdam(), FedAvgM(server_momentum=0.9)])
def test_what_is_remembered_of_other_arrays_is_not_taken_up(strategy: Screened) -> None:
    ends = [{name: value + 1 for name, value in START.items()}]
    walked(strategy, ends)
    memory = strategy.state()
    strategy.load_state(memory)
    strategy.begin(["w"], to_record(START))
    with pytest.raises(FederationError, match="is of 2 arrays, and the model has 1 trained ones"):
        strategy.load_state(memory)
