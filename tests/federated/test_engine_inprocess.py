"""Engine (a): bit for bit a plain PyTorch loop, and Flower's mods, contexts and messages."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.clientapp.mod import arrays_size_mod
from flwr.supercore.task_identity import TaskIdentity

from fedlab_utils.data import PreprocessSettings, hospital_patients, load_cohort, make_hospitals
from fedlab_utils.data.tiers import Tier
from fedlab_utils.federated import FederationSettings, UNetTask, federate, make_client_app
from fedlab_utils.federated.engine_inprocess import InProcessGrid, running
from fedlab_utils.segmentation import UNetSettings, dice_ce_loss, make_unet
from tests.federated.toys import BowlTask, bowls

SETTINGS = FederationSettings(rounds=2, local_steps=3, learning_rate=2e-3, seed=5)


@pytest.fixture(scope="module")
def task(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> UNetTask:
    """Two hospitals of phantoms that differ in size."""
    cohort, cache = load_cohort(phantom_dir), tmp_path_factory.mktemp("cache")
    dealt = make_hospitals(cohort, 2)
    how = PreprocessSettings(spacing=4.0)
    members = [hospital_patients(cohort, h, how, cache) for h in dealt.hospitals]
    return UNetTask(members, UNetSettings(width=8), Tier("toy", 4.0, 2, (48, 48)), seed=5, batch=4)


def plain_loop(task: UNetTask, settings: FederationSettings) -> dict[str, torch.Tensor]:
    """Federated averaging as one writes it without Flower."""
    network = make_unet(task.unet, task.seed)
    world = {name: value.clone() for name, value in network.state_dict().items()}
    counts = [task.patients(hospital) for hospital in range(len(task.hospitals))]
    for server_round in range(1, settings.rounds + 1):
        ends = []
        for hospital in range(len(counts)):
            network.load_state_dict(world)
            network.train()
            optimiser = torch.optim.AdamW(
                network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
            )
            for batch in task.batches(hospital, server_round, settings.local_steps):
                optimiser.zero_grad()
                logits = network(batch["image"])
                dice_ce_loss(logits, batch["target"], batch["patient"]).mean().backward()
                optimiser.step()
            ends.append({name: value.clone() for name, value in network.state_dict().items()})
        shares = [count / sum(counts) for count in counts]
        world = {
            name: sum(end[name] * share for end, share in zip(ends, shares, strict=True))
            for name in world
        }
    return world


def test_it_is_a_plain_loop_bit_for_bit(task: UNetTask) -> None:
    found = federate(task, SETTINGS).last
    due = plain_loop(task, SETTINGS)
    assert found.keys() == due.keys()
    assert all(torch.equal(found[name], due[name]) for name in due)
    assert not all(torch.equal(due[name], task.initial()[name]) for name in due)


def test_mods_apply_as_in_flower_and_messages_are_the_hospitals_own() -> None:
    order = []

    def outer(message, context, call_next):
        order.append("outer in")
        message.content["config"]["mark"] = "changed"  # of this hospital's copy alone
        del message.content["arrays"]["more"]
        reply = call_next(message, context)
        order.append("outer out")
        return reply

    def inner(message, context, call_next):
        order.append(f"inner {message.content['config']['mark']}")
        return call_next(message, context)

    task = BowlTask()
    settings = FederationSettings(optimiser="sgd", learning_rate=0.1)
    app = make_client_app(lambda _: task, [outer, inner, arrays_size_mod])
    grid = InProcessGrid(app, 4, settings.to_config())
    arrays = ArrayRecord({"at": torch.zeros(3).double(), "more": torch.zeros(1)})
    content = RecordDict({"arrays": arrays, "config": ConfigRecord({"server-round": 1})})
    with running():
        asked = [Message(content, node, "train") for node in grid.get_node_ids()]
        replies = list(grid.send_and_receive(asked))
    assert order == ["outer in", "inner changed", "outer out"] * 4
    assert "mark" not in content["config"]
    assert "more" in content["arrays"]
    assert [r.metadata.src_node_id for r in replies] == sorted(grid.get_node_ids())
    assert all(r.has_content() for r in replies)


def test_pushing_and_pulling_is_sending_and_receiving() -> None:
    grid = InProcessGrid(make_client_app(lambda _: BowlTask()), 4, {})
    with running():
        ids = list(grid.push_messages(Message(RecordDict(), n, "query") for n in (4, 2)))
        assert len(set(ids)) == 2
        replies = list(grid.pull_messages(ids))
        assert list(grid.pull_messages(ids)) == []
    assert [r.content["hospital"]["name"] for r in replies] == ["H0", "H2"]
    assert [r.metadata.reply_to_message_id for r in replies] == [ids[1], ids[0]]


def test_a_node_that_is_not_there_does_not_answer() -> None:
    grid = InProcessGrid(make_client_app(lambda _: BowlTask()), 4, {})
    grid.absent = {3}
    assert 3 not in list(grid.get_node_ids())
    with running():
        assert list(grid.send_and_receive([Message(RecordDict(), 3, "query")])) == []
        assert list(grid.send_and_receive([Message(RecordDict(), 99, "query")])) == []


@pytest.mark.parametrize("returned", [None, RecordDict()], ids=["None", "RecordDict"])
def test_an_app_that_returns_no_message_has_failed(returned: RecordDict | None) -> None:
    def careless(message, context, call_next):
        reply = call_next(message, context)
        return returned if context.node_config["partition-id"] == 2 else reply

    found = federate(BowlTask(), FederationSettings(rounds=1), mods=[careless])
    due = f"it failed: its app returned {type(returned).__name__}, and a Message was due"
    assert found.history[0].left_out == {"H2": due}
    assert list(found.history[0].trained) == ["H0", "H1", "H3"]


def test_flowers_identity_is_left_as_it_was() -> None:
    def identity() -> list:
        return [getattr(TaskIdentity, n) for n in ("_task_id", "_run_id", "_node_id")]

    before = identity()
    federate(BowlTask(), FederationSettings(rounds=1))
    assert identity() == before


def test_a_hundred_hospitals_take_one_network_and_no_more_messages_than_they_are() -> None:
    from tests.federated.toys import bowls

    task = BowlTask(bowls(100), tuple(range(1, 101)))
    settings = FederationSettings(rounds=1, optimiser="sgd", learning_rate=0.1)
    found, alone = federate(task, settings), federate(BowlTask(bowls(1), (1,)), settings)
    assert len(found.history[0].trained) == 100
    assert found.history[0].sent == pytest.approx(100 * alone.history[0].sent)


class Heavy(BowlTask):
    """Bowls whose model drags a megabyte along."""

    def __init__(self, hospitals: int) -> None:
        super().__init__(bowls(1) * hospitals, [1] * hospitals)
        self._network.register_buffer("ballast", torch.zeros(250_000))

    def initial(self) -> dict[str, torch.Tensor]:
        return super().initial() | {"ballast": torch.zeros(250_000)}


def peak_megabytes(hospitals: int) -> float:
    task, settings = Heavy(hospitals), FederationSettings(rounds=2, local_steps=1)
    tracemalloc.start()
    try:
        federate(task, settings)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_a_hundred_hospitals_take_the_memory_of_four() -> None:
    peak_megabytes(1)  # what is imported on the way counts as well
    few, many = peak_megabytes(4), peak_megabytes(100)
    assert few > 4  # it sees the models: sent, one hospital's own, their sum, the best
    assert many < few + 1.5
