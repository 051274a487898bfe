"""Secure aggregation in a federation: the same model, and a server that sees sums alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import FederationSettings, MaskingPlan, PrivacyPlan, federate
from fedlab_utils.federated.masked_hospital import ASKED, MASKED
from fedlab_utils.federated.server import make_strategy
from tests.federated.test_private_training import PrivateBowls
from tests.federated.toys import BowlTask

SECURE = MaskingPlan(secure=True)
HOW = {
    "rounds": 4,
    "local_steps": 3,
    "optimiser": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 0.0,
}
STRATEGIES = {
    "fedavg": {},
    "fedprox": {"mu": 0.3},
    "fedadam": {"server_rate": 0.1},
    "fedavgm": {},
    "scaffold": {},
    "scaffold, uniform": {"uniform": True, "server_rate": 0.7},
}


def how(name: str = "fedavg", **more) -> FederationSettings:
    return FederationSettings(**HOW | STRATEGIES[name] | {"strategy": name.split(",")[0]} | more)


def dead(message: Message, reply: Message) -> Message:
    """What a line does that is dead."""
    raise ConnectionError(f"no way from {message.metadata.dst_node_id} ({type(reply).__name__})")


def absent(*whose: int):
    """A mod of hospitals that never answer."""

    def mod(message: Message, context, call_next) -> Message:
        if context.node_config["partition-id"] in whose:
            raise ConnectionError
        return call_next(message, context)

    return mod


def at(*stages: str):
    return lambda stage: stage in stages


def faulty(what, when, whose=(0,)):
    """A mod, before the hospital's own, that does something to answers of some stages."""

    def mod(message: Message, context, call_next) -> Message:
        stage = message.content[ASKED]["stage"] if ASKED in message.content else ""
        reply = call_next(message, context)
        if context.node_config["partition-id"] in whose and when(stage):
            return what(message, reply)
        return reply

    return mod


class Listening:
    """Keeps each message that reaches the server, before any strategy has seen it."""

    def __init__(self) -> None:
        self.replies: list[Message] = []

    def __call__(self, message: Message, context, call_next) -> Message:
        reply = call_next(message, context)
        self.replies.append(reply)
        return reply


def federated(settings, task=None, outside=(), **more):
    """Train with masks; ``outside`` are mods around the hospitals' own, as a wire would be."""
    from fedlab_utils.federated import federation as module

    real = module.make_client_app
    module.make_client_app = lambda task_of, mods: real(task_of, [*outside, *mods])
    try:
        return federate(task or BowlTask(), settings, masking=SECURE, **more)
    finally:
        module.make_client_app = real


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_model_is_that_of_a_run_without_masks(name: str) -> None:
    plain, hidden = federate(BowlTask(), how(name)), federated(how(name))
    for report in hidden.history:
        assert (report.counted, report.left_out) == (True, {})
    for name, value in plain.last.items():
        # each number is rounded to 2**-32, and four hospitals' errors are averaged, round by round
        assert np.allclose(hidden.last[name], value, rtol=0, atol=1e-8)


@pytest.mark.parametrize("gone", [(0,), (3,), (1,)])
@pytest.mark.parametrize("stage", ["advertise", "share", "mask", "confirm", "reveal"])
def test_a_hospital_that_leaves_at_any_step_is_no_harm(stage: str, gone: tuple[int, ...]) -> None:
    """It is left out before its numbers came, and counted after; the sum is exact either way."""

    settings = how(rounds=1)
    hidden = federated(settings, outside=[faulty(dead, at(stage), gone)])
    counted = stage in ("confirm", "reveal")

    plain = federate(BowlTask(), settings, mods=[absent(*(() if counted else gone))])
    assert hidden.history[0].counted
    assert bool(hidden.history[0].left_out) == (not counted)
    for name, value in plain.last.items():
        assert np.allclose(hidden.last[name], value, rtol=0, atol=1e-8)


def test_with_too_few_left_the_round_changes_nothing_and_says_why() -> None:
    for stage, why in (("advertise", "exchanged keys"), ("mask", "are needed")):
        found = federated(how(rounds=1), outside=[faulty(dead, at(stage), (0, 1))])
        assert not found.history[0].counted
        assert why in found.history[0].left_out["server"]
        for value in found.last.values():
            assert not value.any()


def test_the_server_never_gets_a_hospital_s_numbers() -> None:
    """What comes is uniform on all 64-bit numbers: no digit of it is nearer to the true ones."""
    wire = Listening()
    federated(how(rounds=30), outside=[wire])
    numbers = np.concatenate(
        [r.content[MASKED][MASKED].numpy() for r in wire.replies if MASKED in r.content]
    )
    assert len(numbers) == 30 * 4 * 3
    bits = np.unpackbits(numbers.view(np.uint8))
    ones = np.unpackbits(numbers.view(np.uint8).reshape(-1, 8), axis=1).mean(0)
    assert abs(bits.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(bits))
    assert (abs(ones - 0.5) < 5 * 0.5 / np.sqrt(len(numbers))).all()
    for reply in wire.replies:
        for name, record in reply.content.items():
            if isinstance(record, ArrayRecord):
                assert name == MASKED


def test_a_hospital_refuses_a_server_that_asks_without_masks() -> None:
    """A server that runs the plain strategy under a plan to hide numbers gets none."""
    from fedlab_utils.federated import make_client_app, run_in_process
    from fedlab_utils.federated.hospital_keys import make_keys
    from fedlab_utils.federated.masked_hospital import masking_mod
    from fedlab_utils.federated.server import make_server_app

    task, keys, ended = BowlTask(), make_keys(4), []
    mod = masking_mod(lambda context: keys[context.node_config["partition-id"]])
    client = make_client_app(lambda _: task, [mod])

    def downgraded(message: Message, context, call_next) -> Message:
        content = RecordDict({n: r for n, r in message.content.items() if n != ASKED})
        return call_next(Message(content, metadata=message.metadata), context)

    client = make_client_app(lambda _: task, [downgraded, mod])
    config = how(rounds=1).to_config() | MaskingPlan(True, 4).to_config()
    run_in_process(client, make_server_app(lambda _: task, on_end=ended.append), config, 4)
    assert not ended[0].history[0].counted
    whys = " ".join(ended[0].history[0].left_out.values())
    assert "asks for numbers without masks" in whys


def test_a_round_s_name_is_never_taken_twice() -> None:
    """Of an old round the keys of who dropped out were revealed: its adverts must not come back."""
    names = []

    def old(message: Message, context, call_next) -> Message:
        if message.content[ASKED]["stage"] == "advertise":
            names.append(message.content[ASKED]["round-name"])
            asked = {"stage": "advertise", "round-name": names[0]}
            content = RecordDict({ASKED: ConfigRecord(asked)})
            message = Message(content, metadata=message.metadata)
        return call_next(message, context)

    found = federated(how(rounds=2), outside=[old])
    assert [report.counted for report in found.history] == [True, False]
    assert all("named" in w for n, w in found.history[1].left_out.items() if n != "server")


def test_a_false_box_leaves_its_sender_out_and_the_sum_is_right() -> None:
    def spoil(message: Message, reply: Message) -> Message:
        said = dict(reply.content[ASKED])
        said["boxes"] = [bytes(len(box)) for box in said["boxes"]]
        return Message(RecordDict({ASKED: ConfigRecord(said)}), reply_to=message)

    found = federated(how(rounds=1), outside=[faulty(spoil, at("share"), (2,))])
    assert found.history[0].counted
    assert set(found.history[0].left_out) == {"H2"}
    assert set(found.history[0].trained) == {"H0", "H1", "H3"}

    plain = federate(BowlTask(), how(rounds=1), mods=[absent(2)])
    for name, value in plain.last.items():
        assert np.allclose(found.last[name], value, rtol=0, atol=1e-8)


def test_garbage_in_the_place_of_numbers_makes_the_round_void() -> None:
    def garbage(message: Message, reply: Message) -> Message:
        content = RecordDict(dict(reply.content.items()))
        count = len(content[MASKED][MASKED].numpy())
        rng = np.random.default_rng(1)
        from fedlab_utils.federated.records import Array

        numbers = rng.integers(0, 2**64, count, np.uint64)
        content[MASKED] = ArrayRecord({MASKED: Array(numbers)})
        return Message(content, reply_to=message)

    found = federated(how(rounds=1), outside=[faulty(garbage, at("mask"), (1,))])
    assert not found.history[0].counted
    assert "one sent garbage" in found.history[0].left_out["server"]


@pytest.mark.parametrize(
    ("stage", "said", "why"),
    [
        ("advertise", {}, "does not hold what was asked"),
        ("advertise", {"mask_key": 3}, "not of bytes"),
        ("advertise", {"mask_key": [b"x"]}, "is a list"),
        ("share", {"boxes": b""}, "is one value"),
        ("share", {"boxes": [b""]}, "differ in length"),
        ("share", {"numbers": [0.5, 1.0, 2.0]}, "not of int"),
    ],
)
def test_answers_of_the_wrong_shape_leave_a_hospital_out(stage: str, said: dict, why: str) -> None:
    def wrong(message: Message, reply: Message) -> Message:
        now = {**reply.content[ASKED], **said} if said else {"nothing": 0}
        return Message(RecordDict({ASKED: ConfigRecord(now)}), reply_to=message)

    found = federated(how(rounds=1), outside=[faulty(wrong, at(stage), (1,))])
    assert found.history[0].counted
    assert why in found.history[0].left_out["H1"]


def test_two_hospitals_cannot_hide() -> None:
    with pytest.raises(PrivacyError, match="2 hospitals"):
        federate(BowlTask(BowlTask().bowls[:2], (1, 2)), how(), masking=SECURE)


def test_masks_and_differential_privacy_go_together() -> None:
    plan = PrivacyPlan(epsilon=8.0, noise=2.0, patient_rate=0.5, simulated=True)
    plain = federate(PrivateBowls(), how(), privacy=plan)
    hidden = federated(how(), PrivateBowls(), privacy=plan)
    for name, value in plain.last.items():
        assert np.allclose(hidden.last[name], value, rtol=0, atol=1e-8)
    assert set(hidden.history[-1].trained["H0"]) == {"num-examples", "steps", "epsilon"}


def test_a_run_is_resumed_with_masks_and_round_secrets_are_not_written(tmp_path) -> None:
    whole = federated(how(rounds=4))
    federated(how(rounds=2), out=tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"unwritten" not in path.read_bytes()
    found = federated(how(rounds=4), out=tmp_path, resume=True)
    for name, value in whole.last.items():
        assert np.allclose(found.last[name], value, rtol=0, atol=1e-8)


def test_half_of_the_hospitals_in_a_round_are_too_few_for_the_threshold() -> None:
    found = federated(how(rounds=2, fraction=0.5))
    assert not any(report.counted for report in found.history)
    assert make_strategy(how()).__class__.__name__ == "FedAvg"  # the class itself stays as it was


def test_partial_participation_within_the_threshold() -> None:
    settings = how(rounds=5, fraction=0.75)
    plain, hidden = federate(BowlTask(), settings), federated(settings)
    for name, value in plain.last.items():
        assert np.allclose(hidden.last[name], value, rtol=0, atol=1e-8)


@pytest.mark.parametrize("stages", list(itertools.combinations(("share", "mask", "reveal"), 2)))
def test_two_of_five_leave_at_different_steps(stages: tuple[str, str]) -> None:
    from tests.federated.toys import bowls

    mods = [faulty(dead, at(s), (n,)) for n, s in zip((1, 4), stages, strict=True)]
    task = BowlTask(bowls(5), (1, 2, 3, 4, 5))
    found = federated(how(rounds=1), task, outside=mods)
    lost = {n for n, s in zip((1, 4), stages, strict=True) if s != "reveal"}

    plain = federate(BowlTask(bowls(5), (1, 2, 3, 4, 5)), how(rounds=1), mods=[absent(*lost)])
    assert found.history[0].counted
    for name, value in plain.last.items():
        assert np.allclose(found.last[name], value, rtol=0, atol=1e-8)
