"""Bytes of a message: what Flower serialises, and what SuperLink and SuperNodes send of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects

from fedlab_utils.federated import CompressionPlan, FederationSettings, federate
from fedlab_utils.federated.engine_deployment import run_deployment
from fedlab_utils.federated.engine_inprocess import InProcessGrid, running
from fedlab_utils.federated.records import Array, to_record
from fedlab_utils.federated.traffic import MEGABYTE, Metered, message_bytes
from tests.federated import metered_app, runs

pytestmark = pytest.mark.xdist_group("flower")


def content(seed: int = 0) -> RecordDict:
    values = np.random.default_rng(seed).normal(size=(40, 30))
    arrays = {"a": values.astype(np.float32), "b": np.arange(7), "same": np.arange(7)}
    return RecordDict(
        {
            "arrays": to_record(arrays),
            "config": ConfigRecord({"server-round": 3, "names": ["x", "y"]}),
            "metrics": MetricRecord({"num-examples": 12, "loss": 0.5}),
        }
    )


def test_bytes_are_those_of_flowers_objects_each_counted_once() -> None:
    """The numbers take 4,800 and 56 bytes; the two equal arrays are sent once."""
    found = content()
    with running():
        whole = Message(found, 5, MessageType.TRAIN)
    objects = get_all_nested_objects(whole)
    envelope = objects.pop(whole.object_id)
    assert message_bytes(content()) == sum(len(part.deflate()) for part in objects.values())
    assert 4_856 < message_bytes(content()) < 4_856 + 1_700
    assert len(envelope.deflate()) < 400
    alone = RecordDict({"arrays": to_record({"b": np.arange(7)})})
    twice = RecordDict({"arrays": to_record({"b": np.arange(7), "same": np.arange(7)})})
    assert 0 < message_bytes(twice) - message_bytes(alone) < 56 + 128


def test_flowers_own_arrays_count_as_ours() -> None:
    def plain(record: ArrayRecord) -> ArrayRecord:
        return ArrayRecord(
            {name: type(record[name]).__base__(a.numpy()) for name, a in record.items()}
        )

    ours = content()
    theirs = RecordDict({**ours, "arrays": plain(ours["arrays"])})
    assert type(theirs["arrays"]["a"]) is not Array
    assert message_bytes(theirs) == message_bytes(ours)


def test_nothing_serialised_is_kept() -> None:
    found = content()
    message_bytes(found)
    assert not any("_chunks" in array.__dict__ for array in found["arrays"].values())


def test_a_grid_counts_answers_that_are_no_good_and_not_those_that_cannot_travel() -> None:
    class Odd(InProcessGrid):
        def __init__(self) -> None:
            super().__init__(None, 3)

        def _answer(self, message: Message) -> Message:
            odd = RecordDict({"arrays": to_record({"a": np.array([object()])})})
            answers = [content(1), odd, content(2)]
            return Message(answers[message.metadata.dst_node_id - 2], reply_to=message)

    with running():
        metered, shared = Metered(Odd()), content()
        nodes = list(metered.get_node_ids())
        messages = [Message(shared, node, MessageType.TRAIN) for node in nodes]
        assert len(list(metered.send_and_receive(messages))) == 3
    assert metered.sent == 3 * message_bytes(shared)
    assert metered.received == message_bytes(content(1)) + message_bytes(content(2))


def test_bytes_are_those_that_superlink_and_supernodes_send(tmp_path: Path) -> None:
    """Noted object by object where Flower pushes and pulls them, in engine (c)."""
    settings = FederationSettings(rounds=1, local_steps=1, optimiser="sgd", strategy="scaffold")
    plan = CompressionPlan(up_keep=0.2, up_bits=4, down_keep=0.5, down_bits=8)
    app = "tests.federated.metered_app"
    config = settings.to_config() | plan.to_config() | {"out": str(tmp_path)}
    apps = f"{app}:client_app", f"{app}:server_app"
    with runs.nothing_left():
        run_deployment(config, 2, *apps, timeout=2 * runs.TIMEOUT)
    said = json.loads((tmp_path / "told.json").read_text("utf-8"))

    def sent(**about: str) -> int:
        lines = [line for line in said["told"] if about.items() <= line.items()]
        assert len(lines) % 2 == 0
        assert lines
        return sum(line["bytes"] for line in lines)

    ((down, up, judging),) = said["reports"]
    assert round(down * MEGABYTE) == sent(way="down", kind="train")
    assert round(up * MEGABYTE) == sent(way="up", kind="train")
    assert round(judging * MEGABYTE) == sent(kind="evaluate", part="validation")
    here = federate(metered_app.task(), settings, compression=plan).history[0]
    assert (here.sent, here.received, here.judging) == (down, up, judging)
