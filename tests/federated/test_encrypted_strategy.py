"""Encrypted averaging in a federation: FedAvg's model, a server without a key, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MessageType, RecordDict

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import (
    EncryptionPlan,
    MaskingPlan,
    PrivacyPlan,
    federate,
    federate_encrypted,
)
from fedlab_utils.federated.encrypted_hospital import (
    ASKED,
    DECRYPTED,
    ENCRYPTED,
    encrypting_mod,
    packed,
    shared_key,
    unpacked,
)
from fedlab_utils.federated.encrypted_strategy import encrypted
from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.records import Array, to_record
from fedlab_utils.federated.server import make_strategy
from fedlab_utils.privacy import CkksSettings, KeyHolder
from tests.federated.test_masked_strategy import STRATEGIES, Listening, absent, at, dead, how
from tests.federated.test_private_training import PrivateBowls
from tests.federated.toys import BowlTask, bowls

ts = pytest.importorskip("tenseal", reason="homomorphic encryption is done by TenSEAL")

PLAN = EncryptionPlan()


def same(found, due) -> bool:
    """Whether each array is within 1e-5 of the other, relative, in the Euclidean norm."""
    return all(
        np.linalg.norm(found.last[name] - value) <= 1e-5 * np.linalg.norm(value)
        for name, value in due.last.items()
    )


def federated(settings, task=None, outside=(), strategies=None, keys=None):
    """Train with encryption; ``outside`` are mods around the hospitals' own, as a wire would be."""
    task = task or BowlTask()
    holders = keys or shared_key(PLAN, len(task.hospitals))
    mod = encrypting_mod(lambda context: holders[context.node_config["partition-id"]], PLAN)

    def strategy_of(how):
        made = encrypted(make_strategy(how), PLAN, holders[0].public())
        if strategies is not None:
            strategies.append(made)
        return made

    return federate(task, settings, mods=[*outside, mod], strategy_of=strategy_of)


def faulty(what, when, whose=(0,)):
    """A mod, before the hospital's own, that does something to answers of some stages."""

    def mod(message: Message, context, call_next) -> Message:
        stage = message.content[ASKED]["stage"]
        reply = call_next(message, context)
        hit = context.node_config["partition-id"] in whose and when(stage)
        return what(message, reply) if hit else reply

    return mod


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_model_is_that_of_a_run_without_encryption(name: str) -> None:
    plain, hidden = federate(BowlTask(), how(name)), federate_encrypted(BowlTask(), how(name))
    for report in hidden.history:
        assert (report.counted, report.left_out) == (True, {})
    assert same(hidden, plain)


@pytest.mark.parametrize("gone", [(0,), (3,)])
def test_a_hospital_that_drops_out_before_it_sends_is_no_harm(gone: tuple[int, ...]) -> None:
    found = federated(how(), outside=[faulty(dead, at("encrypt"), gone)])
    assert all(set(r.left_out) == {f"H{gone[0]}"} for r in found.history)
    assert same(found, federate(BowlTask(), how(), mods=[absent(*gone)]))


def test_one_that_drops_out_after_it_sent_is_counted_and_another_one_decrypts() -> None:
    made = []
    found = federated(how(), outside=[faulty(dead, at("decrypt"), (0, 1))], strategies=made)
    assert all((r.counted, r.left_out) == (True, {}) for r in found.history)
    assert made[0].decrypted_by == "H2"
    assert same(found, federate(BowlTask(), how()))


def test_the_server_has_no_key_and_gets_ciphertexts_and_the_average_alone() -> None:
    wire, made = Listening(), []
    federated(how(rounds=1), outside=[wire], strategies=made)
    server = ts.context_from(made[0].public)
    assert not server.has_secret_key()
    arrays = [(n, r) for reply in wire.replies for n, r in reply.content.items()]
    arrays = [(n, r) for n, r in arrays if isinstance(r, ArrayRecord)]
    assert [name for name, _ in arrays] == [ENCRYPTED] * 4 + [DECRYPTED]
    for name, record in arrays:
        if name == ENCRYPTED:
            (part,) = unpacked(record[ENCRYPTED].numpy())
            with pytest.raises(ValueError, match="secret_key"):
                ts.ckks_vector_from(server, part).decrypt()


def test_the_secret_key_is_not_taken_by_the_strategy() -> None:
    with pytest.raises(PrivacyError, match="handed the secret key"):
        encrypted(make_strategy(how()), PLAN, KeyHolder(PLAN.ckks).secret())


def _instead(content):
    """Bytes in the place of ciphertexts, of the shape that is due."""

    def what(message: Message, reply: Message) -> Message:
        rows = np.array(reply.content[ENCRYPTED][ENCRYPTED].numpy())
        now = {**reply.content, ENCRYPTED: ArrayRecord({ENCRYPTED: Array(content(rows))})}
        return Message(RecordDict(now), reply_to=message)

    return what


def _random(rows: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, rows.shape, np.uint8)


def _no_ciphertext_inside(rows: np.ndarray) -> np.ndarray:
    """What ends a process in which TenSEAL adds it: the tag of the ciphertext is another one."""
    rows[:, 7] ^= 8
    return rows


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (_random, "no ciphertexts as are due"),
        (np.zeros_like, "no ciphertexts as are due"),
        (_no_ciphertext_inside, "no ciphertexts as are due"),
        (lambda rows: rows[:, :-1], "was due"),
        (lambda rows: rows[:0], "was due"),
        (lambda rows: rows.astype(np.float64), "was due"),
    ],
)
def test_garbage_leaves_its_sender_out(content, why: str) -> None:
    found = federated(how(), outside=[faulty(_instead(content), at("encrypt"), (1,))])
    for report in found.history:
        assert report.counted
        assert why in report.left_out["H1"]
        assert set(report.trained) == {"H0", "H2", "H3"}
    assert same(found, federate(BowlTask(), how(), mods=[absent(1)]))


def test_encryption_and_differential_privacy_go_together_and_masks_do_not() -> None:
    plan = PrivacyPlan(epsilon=8.0, noise=2.0, patient_rate=0.5, simulated=True)
    plain = federate(PrivateBowls(), how(), privacy=plan)
    hidden = federate_encrypted(PrivateBowls(), how(), privacy=plan)
    assert same(hidden, plain)
    assert set(hidden.history[-1].trained["H0"]) == {"num-examples", "steps", "epsilon"}
    with pytest.raises(PrivacyError, match="masks with encryption"):
        federate_encrypted(BowlTask(), how(), masking=MaskingPlan(secure=True))


def test_a_run_is_resumed_under_a_new_key(tmp_path) -> None:
    federate_encrypted(BowlTask(), how(rounds=2), out=tmp_path)
    found = federate_encrypted(BowlTask(), how(rounds=4), out=tmp_path, resume=True)
    assert same(found, federate(BowlTask(), how(rounds=4)))
    assert not any(
        b"unwritten" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )


def test_ciphertexts_by_another_key_make_the_round_void() -> None:
    keys = [*shared_key(PLAN, 3), KeyHolder(PLAN.ckks)]
    found = federated(how(rounds=1), keys=keys)
    assert not found.history[0].counted
    assert "no hospital decrypted the sum" in found.history[0].left_out["server"]
    assert not any(value.any() for value in found.last.values())


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "was due"),
        ({DECRYPTED: np.full(3, np.nan)}, "not finite"),
        ({DECRYPTED: np.zeros(4)}, "was due"),
        ({DECRYPTED: np.full(3, 1e9)}, "one sent garbage"),
    ],
)
def test_a_sum_that_comes_back_as_garbage_is_not_taken(told: dict, why: str) -> None:
    def wrong(message: Message, reply: Message) -> Message:  # noqa: ARG001
        return Message(
            RecordDict({n: to_record({n: v}) for n, v in told.items()}), reply_to=message
        )

    all_of_them = faulty(wrong, at("decrypt"), (0, 1, 2, 3))
    found = federated(how(rounds=1), outside=[all_of_them])
    assert not found.history[0].counted
    assert why in found.history[0].left_out["server"]


def test_with_too_few_in_the_sum_the_round_is_void() -> None:
    found = federated(how(rounds=1), outside=[faulty(dead, at("encrypt"), (0, 1))])
    assert not found.history[0].counted
    assert "2 hospitals are in the sum, and 3 are needed" in found.history[0].left_out["server"]
    with pytest.raises(PrivacyError, match="there are 2 hospitals"):
        federate_encrypted(BowlTask(bowls(2), (1, 2)), how())


def test_a_hospital_refuses_a_server_that_asks_without_encryption() -> None:
    def downgraded(message: Message, context, call_next) -> Message:
        content = RecordDict({n: r for n, r in message.content.items() if n != ASKED})
        return call_next(Message(content, metadata=message.metadata), context)

    found = federated(how(rounds=1), outside=[downgraded])
    assert not found.history[0].counted
    assert "asks for numbers without encryption" in found.history[0].left_out["H0"]


class Hospital:
    """One hospital behind its mod, written to by a server that need not keep to the rules."""

    def __init__(self, holder: KeyHolder) -> None:
        self.mod = encrypting_mod(lambda _: holder, PLAN)
        self.context = Context(1, 1, {"partition-id": 0}, RecordDict(), how().to_config())

    def ask(self, content: RecordDict, train=None) -> RecordDict:
        with running():
            message = Message(content, 1, MessageType.TRAIN)
            message.metadata.__dict__["_message_id"] = "1"
            return self.mod(message, self.context, train).content

    def train(self, moved_to: np.ndarray, patients: int) -> np.ndarray:
        from flwr.app import MetricRecord

        def trained(message: Message, context) -> Message:  # noqa: ARG001
            figures = MetricRecord({"num-examples": patients})
            content = RecordDict({"arrays": to_record({"x": moved_to}), "metrics": figures})
            return Message(content, reply_to=message)

        sent = {"arrays": to_record({"x": np.zeros_like(moved_to)})}
        asked = {ASKED: ConfigRecord({"stage": "encrypt"})}
        return self.ask(RecordDict({**sent, **asked}), trained)[ENCRYPTED][ENCRYPTED].numpy()

    def decrypt(self, rows: np.ndarray, count: int, summed: int) -> np.ndarray:
        asked = ConfigRecord({"stage": "decrypt", "count": count, "summed": summed})
        content = {ENCRYPTED: ArrayRecord({ENCRYPTED: Array(rows)}), ASKED: asked}
        return self.ask(RecordDict(content))[DECRYPTED][DECRYPTED].numpy()


def test_a_server_that_breaks_the_rules_gets_one_hospital_s_update() -> None:
    """The limit of this design, unlike that of masks: a sum looks like one hospital's numbers."""
    victim, other = (Hospital(holder) for holder in shared_key(PLAN, 2))
    update = np.random.default_rng(5).normal(0, 1e-3, 50)
    stolen = victim.train(update, 7)
    other.train(np.zeros(50), 3)
    found = other.decrypt(stolen, 50, 3) / 7
    assert np.linalg.norm(found - update) < 1e-5 * np.linalg.norm(update)


def test_a_hospital_decrypts_once_per_training_and_no_sum_of_few() -> None:
    one = Hospital(KeyHolder(PLAN.ckks))
    rows = one.train(np.ones(5), 3)
    one.decrypt(rows, 5, 3)
    with pytest.raises(PrivacyError, match="has not trained since"):
        one.decrypt(rows, 5, 3)
    rows = one.train(np.ones(5), 3)
    with pytest.raises(PrivacyError, match="2 hospitals are said"):
        one.decrypt(rows, 5, 2)


def test_rows_hold_the_ciphertexts_as_they_were() -> None:
    parts = KeyHolder(PLAN.ckks).encrypt(np.arange(9000.0) / 10)
    assert len(parts) == 3
    assert unpacked(packed(parts, PLAN)) == parts


def test_a_plan_whose_sums_cannot_be_published_is_refused() -> None:
    with pytest.raises(PrivacyError, match="FOR_PUBLICATION"):
        EncryptionPlan(CkksSettings())
    with pytest.raises(PrivacyError, match="2 hospitals are to be enough"):
        EncryptionPlan(least=2)


def test_a_number_beyond_the_bound_is_refused_without_a_word_of_it() -> None:
    """The reason goes to the server, which must not learn a number of a hospital's."""
    found = federated(how(learning_rate=1e6, rounds=1))
    [report] = found.history
    assert not report.counted
    for name, why in report.left_out.items():
        if name != "server":
            assert "a number of this hospital's is beyond the bound of" in why
