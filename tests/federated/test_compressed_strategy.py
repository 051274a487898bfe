"""Federations with compressed messages: where they end, what travels, and who holds which model."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import ArrayRecord, Context, Message, MessageType, RecordDict

from fedlab_utils.federated import (
    CompressionPlan,
    FederationSettings,
    MaskingPlan,
    compressed_hospital,
    federate,
)
from fedlab_utils.federated.compressed_hospital import PAYLOAD, WHOLE
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.proxy import proxy_network
from fedlab_utils.federated.records import Array, to_record
from fedlab_utils.federated.traffic import MEGABYTE
from tests.federated.listening import Line, listen
from tests.federated.test_resume import judged_throughout, killed_at, same
from tests.federated.toys import BowlTask, bowls, optimum
from tests.federated.two_part import TwoPartTask, cut_off, settings_of

BOTH = CompressionPlan(up_keep=0.2, up_bits=4, down_keep=0.2, down_bits=4)
SGD = {"optimiser": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}


def distance(task: BowlTask, settings: FederationSettings, plan: CompressionPlan) -> float:
    """Where a run ends: its distance from the optimum, in units of where it began."""
    best = optimum(task.bowls, task.shares)
    found = federate(task, replace(settings, evaluate_every=settings.rounds), compression=plan)
    assert all(report.counted and not report.left_out for report in found.history)
    return float((found.last["at"] - best).norm() / best.norm())


@pytest.mark.parametrize(
    "plan",
    [BOTH, CompressionPlan(up_bits=4, down_bits=8), CompressionPlan(up_keep=0.4, parts=2)],
    ids=["top-k and 4 bits", "4 and 8 bits", "parts"],
)
def test_scaffold_still_reaches_the_optimum(plan: CompressionPlan) -> None:
    """Within a thousandth of the way to it, after 60 rounds of four steps."""
    settings = FederationSettings(strategy="scaffold", rounds=60, local_steps=4, **SGD)
    assert distance(BowlTask(bowls(4, 5)), settings, plan) < 1e-3


def test_error_feedback_forgotten_ends_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """FedAvg with one local step: at its end hospitals still pull apart, so it only gets near."""
    task, plan = BowlTask(bowls(4, 5)), CompressionPlan(up_keep=0.2)
    settings = FederationSettings(rounds=60, local_steps=1, schedule="cosine", **SGD)
    assert distance(task, settings, plan) < 0.05
    monkeypatch.setattr(compressed_hospital, "_memory", lambda _s, _a, size: np.zeros(size))
    assert distance(task, settings, plan) > 0.3


def test_all_numbers_in_32_bits_are_the_run_without_a_plan_bit_for_bit() -> None:
    plan = CompressionPlan(up_keep=1.0, up_bits=32, down_keep=1.0, down_bits=32)
    for name in ("fedavg", "scaffold", "personal"):
        settings = settings_of(name)
        whole = federate(TwoPartTask(), settings)
        assert same(federate(TwoPartTask(), settings, compression=plan), whole)


RESUMED = {
    "fedavg": BOTH,
    "half of them": BOTH,
    "fedprox": CompressionPlan(0.3, 8, 0.3, 8),
    "scaffold": CompressionPlan(0.5, 8, 0.5, 8),
    "fedadam": BOTH,
    "fedavgm": CompressionPlan(down_keep=0.4),
    "personal": CompressionPlan(parts=2, up_bits=4),
    "every other round": CompressionPlan(up_keep=0.3),
}


@pytest.mark.parametrize("name", RESUMED)
def test_a_run_cut_off_after_any_round_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    settings, how = settings_of(name), {"compression": RESUMED[name]}
    whole = federate(TwoPartTask(), settings, **how)
    assert judged_throughout(whole, settings.evaluate_every)
    assert not any(report.left_out for report in whole.history)
    for cut in range(1, 5):
        out = tmp_path / str(cut)
        cut_off(TwoPartTask(), settings, out, after=cut, **how)
        assert same(federate(TwoPartTask(), settings, out, resume=True, **how), whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork to kill")
@pytest.mark.parametrize("name", ["half of them", "personal"])
def test_kill_9_at_random_points_loses_nothing(name: str, tmp_path: Path) -> None:
    settings, task, how = settings_of(name), TwoPartTask(), {"compression": RESUMED[name]}
    whole = federate(task, settings, **how)
    rng = np.random.default_rng(list(name.encode()))
    for number in range(3):
        out = tmp_path / str(number)
        killed = sum(
            killed_at(
                int(rng.integers(5_000, 60_000)),
                lambda out=out: federate(task, settings, out, resume=True, **how),
            )
            for _ in range(2)
        )
        assert killed >= 1
        assert same(federate(task, settings, out, resume=True, **how), whole)


def test_hospitals_hold_the_server_s_model_and_changes_are_all_that_travels() -> None:
    """Version 0 comes from the seed; a judgement brings the changes, the next training nothing."""
    settings = FederationSettings(rounds=3, local_steps=1, **SGD)
    _, heard = listen(BowlTask(bowls(4, 50)), settings, BOTH)
    told = [(line.about["base"], line.about["version"]) for line in heard.of(1)]
    assert told == [(0, 0), (1, 1), (2, 2)]
    judged = heard.of(1, MessageType.EVALUATE)
    assert [(line.about["base"], line.about["version"]) for line in judged] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 3),  # the best model is the last one
    ]
    assert not any("arrays" in line.records for line in heard.lines)
    assert [PAYLOAD in line.records for line in judged] == [True, True, True, False]


def test_a_hospital_that_missed_rounds_gets_the_whole_model_once() -> None:
    settings = FederationSettings(rounds=6, local_steps=1, **SGD)
    task = BowlTask(bowls(4, 50))
    found, heard = listen(task, settings, BOTH, absent=lambda r: {1} if r in (3, 4) else set())
    told = {line.round: line.about["base"] for line in heard.of(1)}
    assert told == {1: 0, 2: 1, 5: WHOLE, 6: 5}
    assert {line.round: line.about["base"] for line in heard.of(0)} == {
        n: n - 1 for n in range(1, 7)
    }
    assert all(set(report.trained) == {"H0", "H2", "H3"} for report in found.history[2:4])
    assert all(len(report.trained) == 4 and not report.left_out for report in found.history[4:])
    whole, changes = (next(x for x in heard.of(1) if x.round == r) for r in (5, 6))
    assert "arrays" in whole.records
    assert whole.sent > changes.sent + 50 * 8


def test_a_hospital_that_lost_its_copy_says_so_and_gets_the_whole_model_next() -> None:
    def forget(line: Line, reply: Message, context: Context) -> Message:
        if (line.hospital, line.round, line.kind) == (2, 2, MessageType.EVALUATE):
            for name in list(context.state):
                del context.state[name]
        return reply

    settings = FederationSettings(rounds=5, local_steps=1, **SGD)
    found, heard = listen(BowlTask(bowls(4, 20)), settings, BOTH, meddle=forget)
    assert [list(report.left_out) for report in found.history] == [[], [], ["H2"], [], []]
    assert "changes of version 2, and this hospital holds 0" in found.history[2].left_out["H2"]
    assert list(found.history[2].validation) == ["H0", "H1", "H2", "H3"]  # it came with that
    assert {line.round: line.about["base"] for line in heard.of(2)} == {
        1: 0,
        2: 1,
        3: 2,
        4: 3,
        5: 4,
    }
    look = heard.of(2, MessageType.EVALUATE)
    assert {line.round: line.about["base"] for line in look if line.round < 6} == {
        1: 0,
        2: 1,
        3: WHOLE,
        4: 3,
        5: 4,
    }


def broken(change) -> object:
    def meddle(line: Line, reply: Message, _context: Context) -> Message:
        if line.hospital == 1 and line.kind == MessageType.TRAIN:
            payload = reply.content[PAYLOAD]["arrays"].numpy().copy()
            answer = {name: record for name, record in reply.content.items() if name != PAYLOAD}
            found = change(payload)
            if found is not None:
                answer[PAYLOAD] = ArrayRecord({"arrays": Array(found)})
            return Message(RecordDict(answer), metadata=reply.metadata)
        return reply

    return meddle


def with_scale(scale: float):
    def change(payload: np.ndarray) -> np.ndarray:
        payload[-9:-5] = np.frombuffer(np.array([scale], "<f4").tobytes(), np.uint8)
        return payload

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: p[:-1], r"uint8 .* was due"),
        (lambda _: np.zeros(10**6, np.uint8), r"uint8 \(1000000,\), and uint8"),
        (lambda p: p.astype(np.float32), "float32 .* was due"),
        (lambda _: None, "records .* were due"),
        (lambda p: np.full_like(p, 255), "compressed numbers: it names"),
        (lambda p: np.zeros_like(p), "compressed numbers: it names 0 numbers"),
        (with_scale(np.nan), "compressed numbers: a scale is not from 0"),
        (with_scale(-1.0), "compressed numbers: a scale is not from 0"),
        (with_scale(3e38), "compressed numbers: a scale is not from 0"),
    ],
)
def test_a_hostile_payload_is_left_out_and_the_others_go_on(change, why: str) -> None:
    """Ten of fifty numbers travel: indices, one scale, and five bytes of levels at the end."""
    settings = FederationSettings(rounds=2, local_steps=1, **SGD)
    found, _ = listen(BowlTask(bowls(4, 50)), settings, BOTH, meddle=broken(change))
    for report in found.history:
        assert list(report.left_out) == ["H1"]
        assert report.counted
        assert list(report.trained) == ["H0", "H2", "H3"]
    assert re.search(why, found.history[0].left_out["H1"])


def test_what_was_sent_waits_again_if_the_answer_did_not_count() -> None:
    state = HospitalState(Context(0, 0, {}, RecordDict(), {}), None)
    row = {"row": np.array([1.0, 2.0])}
    for made, accepted, due in ((1, 1, [1.0, 2.0]), (2, 1, [1.0, 2.0]), (3, 3, [3.0, 4.0])):
        state.records[compressed_hospital.SENT] = to_record(row)
        state.records[compressed_hospital.SENT_ROUND] = compressed_hospital.ConfigRecord(
            {"round": made}
        )
        found = compressed_hospital._memory(state, accepted, 2)
        np.testing.assert_array_equal(found, due)
        row = {"row": np.array([3.0, 4.0]) if made == 2 else np.array([9.0, 9.0])}


def test_reports_tell_the_bytes_that_travelled() -> None:
    settings = FederationSettings(rounds=2, local_steps=1, **SGD, strategy="scaffold")
    found, heard = listen(BowlTask(bowls(4, 50)), settings, BOTH)
    for report in found.history:
        now = [line for line in heard.lines if line.round == report.round]
        training = [line for line in now if line.kind == MessageType.TRAIN]
        looks = [line for line in now if line.kind == MessageType.EVALUATE]
        assert report.sent == pytest.approx(sum(x.sent for x in training) / MEGABYTE)
        assert report.received == pytest.approx(sum(x.received for x in training) / MEGABYTE)
        judging = sum(x.sent + x.received for x in looks) / MEGABYTE
        assert report.judging == pytest.approx(judging)


def test_masks_go_with_a_compressed_downlink() -> None:
    task, plan = BowlTask(bowls(4, 20)), CompressionPlan(down_bits=8)
    settings = FederationSettings(rounds=3, local_steps=1, **SGD)
    plain = federate(task, settings, compression=plan)
    hidden = federate(task, settings, masking=MaskingPlan(True), compression=plan)
    assert not any(report.left_out for report in hidden.history)
    # Masks round to 2**-32, and that may send a number to the other level.
    np.testing.assert_allclose(hidden.last["at"], plain.last["at"], atol=0.02)


class ProxyBowl(BowlTask):
    """The proxy's weights, pulled towards an image of ones: as many numbers as a study has."""

    def __post_init__(self) -> None:
        self._network = proxy_network()

    def initial(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in proxy_network().state_dict().items()}

    @staticmethod
    def loss(logits: torch.Tensor, target: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return (logits - target).square().mean().reshape(1)

    def batches(self, hospital, server_round, steps):
        draw = torch.Generator().manual_seed(100 * server_round + hospital)
        for _ in range(steps):
            image = torch.randn(1, 4, 16, 16, generator=draw)
            yield {"image": image, "target": torch.ones(1, 3, 16, 16), "patient": torch.zeros(1)}

    def evaluate(self, network, hospital, part) -> dict:  # noqa: ARG002
        return {"num-examples": self.counts[hospital], "score": 0.0}


@pytest.mark.parametrize("strategy", ["fedavg", "scaffold"])
def test_fifty_times_fewer_bytes_both_ways_with_the_proxy_as_it_is(strategy: str) -> None:
    """Names, figures and headers included, training and looks at validation patients."""
    settings = FederationSettings(rounds=3, local_steps=1, strategy=strategy, **SGD)
    plan = CompressionPlan(up_keep=0.03, up_bits=4, down_keep=0.03, down_bits=4)
    whole = federate(ProxyBowl(bowls(2), (1, 2)), settings)
    small = federate(ProxyBowl(bowls(2), (1, 2)), settings, compression=plan)

    def total(found) -> float:
        return sum(report.megabytes for report in found.history)

    assert not any(report.left_out for report in small.history)
    assert total(whole) > 50 * total(small)
