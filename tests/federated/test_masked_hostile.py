"""Secure aggregation among hospitals, and servers, that do not keep to the rules."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.common.serde import recorddict_from_proto, recorddict_to_proto

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import federate
from fedlab_utils.federated.masked_hospital import ASKED, PEERS, ROUND_STATE
from fedlab_utils.federated.strategies import FedAvg
from tests.federated.test_masked_strategy import absent, at, dead, faulty, federated, how
from tests.federated.toys import BowlTask, bowls


def as_on_a_wire(message: Message, context, call_next) -> Message:
    """A mod that turns messages and state into Flower's bytes and back, as engines b and c do."""
    there = recorddict_from_proto(recorddict_to_proto(message.content))
    reply = call_next(Message(there, metadata=message.metadata), context)
    context.state = recorddict_from_proto(recorddict_to_proto(context.state))
    back = recorddict_from_proto(recorddict_to_proto(reply.content))
    return Message(back, reply_to=message)


def changed(record: str, **now):
    """What a hospital does that says something else in a record."""

    def change(message: Message, reply: Message) -> Message:
        content = RecordDict(dict(reply.content.items()))
        content[record] = ConfigRecord({**content[record], **now})
        return Message(content, reply_to=message)

    return change


@pytest.mark.parametrize("name", ["fedavg", "scaffold"])
def test_masks_pass_through_flower_s_serialisation(name: str) -> None:
    gone = faulty(dead, at("mask"), (2,))  # hospital 2 leaves between boxes and numbers
    plain = federate(BowlTask(), how(name), mods=[absent(2)])
    hidden = federated(how(name), outside=[gone, as_on_a_wire])
    assert all(report.counted for report in hidden.history)
    for key, value in plain.last.items():
        assert np.allclose(hidden.last[key], value, rtol=0, atol=1e-8)


@pytest.mark.parametrize("peers", [[0, 1, 2, 3, 99], [-1, 0, 1, 2, 3], [0, 1, 2, 3, 2**70]])
def test_a_hospital_that_names_strangers_as_peers_is_left_out(peers: list[int]) -> None:
    liar = faulty(changed(PEERS, numbers=peers), at("mask"), (3,))
    found = federated(how(rounds=1), outside=[liar])
    assert found.history[0].counted
    assert set(found.history[0].left_out) == {"H3"}
    plain = federate(BowlTask(), how(rounds=1), mods=[absent(3)])
    for key, value in plain.last.items():
        assert np.allclose(found.last[key], value, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    "said",
    [
        {"mask_key": b"short"},
        {"mask_key": bytes(32)},
        {"signature": bytes(64)},
        {"seed_print": b""},
    ],
)
def test_a_bad_advert_costs_its_sender_alone(said: dict) -> None:
    """Each other hospital finds it out by the signature, and goes on without."""
    found = federated(
        how(rounds=1), outside=[faulty(changed(ASKED, **said), at("advertise"), (1,))]
    )
    assert found.history[0].counted
    assert set(found.history[0].left_out) == {"H1"}


def test_bad_adverts_of_most_hospitals_end_the_round_and_not_the_server() -> None:
    for said in ({"mask_key": b"short"}, {"mask_key": bytes(32)}):
        most = faulty(changed(ASKED, **said), at("advertise"), (1, 2, 3))
        found = federated(how(rounds=1), outside=[most])
        assert not found.history[0].counted


@pytest.mark.parametrize("numbers", [[99, -5, 2**70], [1, 1, 1], [0, 0, 0]])
def test_boxes_for_nobody_leave_their_sender_out(numbers: list[int]) -> None:
    liar = faulty(changed(ASKED, numbers=numbers), at("share"), (3,))
    found = federated(how(rounds=1), outside=[liar])
    assert "H3" in found.history[0].left_out


def test_two_left_of_three_are_too_few() -> None:
    """Of two, each could take its own numbers off the sum."""
    task = BowlTask(bowls(3), (1, 2, 3))
    found = federated(how(rounds=1), task, outside=[faulty(dead, at("mask"), (0,))])
    assert not found.history[0].counted


def test_a_round_needs_as_many_valid_answers_as_the_settings_say() -> None:
    """Also where a hospital is found out when the masks come off."""
    liar = faulty(changed(PEERS, numbers=[3]), at("mask"), (3,))
    found = federated(how(rounds=1, fewest=4), outside=[liar])
    assert not found.history[0].counted


def test_a_number_beyond_the_bound_is_not_told_to_the_server() -> None:
    task = BowlTask()
    task.bowls[1].bottom.mul_(1e6)
    found = federated(how(rounds=1), task)
    assert "beyond the bound of 256" in found.history[0].left_out["H1"]
    assert "a number is " not in found.history[0].left_out["H1"]


def test_no_secret_is_kept_when_the_round_is_over() -> None:
    states = []

    def look(message: Message, context, call_next) -> Message:
        reply = call_next(message, context)
        states.append((message.content[ASKED]["stage"], ROUND_STATE in context.state))
        return reply

    federated(how(rounds=1), outside=[look])
    assert all(kept == (stage != "reveal") for stage, kept in states)


def test_a_hospital_trains_once_in_a_round() -> None:
    """Asked twice it refuses before it trains: a private one would pay for steps again."""
    trained = []

    def twice(message: Message, context, call_next) -> Message:
        reply = call_next(message, context)
        if message.content[ASKED]["stage"] == "mask":
            with pytest.raises(PrivacyError, match="asked to mask"):
                call_next(message, context)
        return reply

    def count(message: Message, context, call_next) -> Message:
        trained.append(context.node_config["partition-id"])
        return call_next(message, context)

    federated(how(rounds=1), outside=[twice], mods=[count])
    assert sorted(trained) == [0, 1, 2, 3]


def test_a_round_s_name_is_remembered_by_a_hospital_that_was_killed(tmp_path) -> None:
    """Whoever forgets it could be told of old keys again, some of which were revealed."""
    federated(how(rounds=1), out=tmp_path)
    names = []

    def killed_then_asked_again(message: Message, context, call_next) -> Message:
        """The process dies after each message; in round 3 the server takes round 2's name again."""
        context.state = RecordDict()
        asked = dict(message.content[ASKED])
        if asked["stage"] == "advertise" and context.node_config["partition-id"] == 0:
            names.append(asked["round-name"])
            asked["round-name"] = names[0]
            content = RecordDict({ASKED: ConfigRecord(asked)})
            message = Message(content, metadata=message.metadata)
        return call_next(message, context)

    found = federated(how(rounds=3), out=tmp_path, resume=True, outside=[killed_then_asked_again])
    assert "named" not in found.history[1].left_out["H0"]
    assert "one was named" in found.history[2].left_out["H0"]


def test_a_strategy_that_looks_at_single_answers_is_refused() -> None:
    class Median(FedAvg):
        def add(self, node: int, content: RecordDict) -> None:  # noqa: ARG002
            self.kept = [*getattr(self, "kept", ()), content]

    with pytest.raises(PrivacyError, match="Median: it looks at each hospital's numbers"):
        federated(how(rounds=1), strategy_of=lambda _: Median())
