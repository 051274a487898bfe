"""Private training in a federation: what leaves a hospital, its ledger, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import ConfigRecord, Context, Message, RecordDict

from fedlab_utils.errors import FederationError, PrivacyError
from fedlab_utils.federated import FederationSettings, PrivacyPlan, federate
from fedlab_utils.federated.client import make_client_app
from fedlab_utils.federated.engine_inprocess import run_in_process, running
from fedlab_utils.federated.private_training import LEDGER, LEDGER_FILE
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.server import make_server_app
from fedlab_utils.privacy import Ledger, epsilon_of, poisson_sample
from tests.federated.toys import BowlTask

PLAN = PrivacyPlan(epsilon=8.0, noise=2.0, patient_rate=0.5, simulated=True)
STEPS = {"rounds": 3, "local_steps": 4, "optimiser": "sgd", "learning_rate": 0.1}
HOW = FederationSettings(**STEPS, weight_decay=0.0, seed=5)


class PrivateBowls(BowlTask):
    """Bowls whose patients are drawn by coin; each patient of a hospital has the same loss."""

    def __init__(self, counts: tuple[int, ...] = (10, 20, 30, 40)) -> None:
        super().__init__(counts=counts)
        self.drawn: list[tuple[int, int, int]] = []

    def private_batches(self, hospital, server_round, steps, rate, randomness):
        for _ in range(steps):
            who = poisson_sample(self.patients(hospital), rate, randomness)
            self.drawn.append((hospital, server_round, len(who)))
            image = torch.full((len(who), 1), float(hospital), dtype=torch.float64)
            yield {"image": image, "target": image, "patient": torch.tensor(who, dtype=torch.int64)}

    def loss(self, logits, target, patient):
        which = int(target[0, 0]) if len(target) else 0
        return self.bowls[which].loss(logits).repeat(len(patient.unique()))


def spent(ledger: Ledger) -> int:
    return sum(steps for *_, steps in ledger.history)


def run(plan=PLAN, settings=HOW, task=None, **more):
    return federate(task or PrivateBowls(), settings, privacy=plan, **more)


def test_what_leaves_a_hospital_is_weights_counts_and_epsilon() -> None:
    due = epsilon_of([(2.0, 0.5, 4)], 1e-5)
    found = run()
    for number, report in enumerate(found.history, start=1):
        assert report.left_out == {}
        assert math.isnan(report.loss)
        for row in report.trained.values():
            assert set(row) == {"num-examples", "steps", "epsilon"}
            assert row["epsilon"] == pytest.approx(epsilon_of([(2.0, 0.5, 4 * number)], 1e-5))
    assert due < PLAN.epsilon


def test_the_update_is_the_clipped_noisy_sum_by_hand() -> None:
    """One hospital, one round, one step: the weights move by the formula of the paper."""
    from fedlab_utils.privacy import SimulatedRandomness

    class One(PrivateBowls):
        def __init__(self) -> None:
            super().__init__((40, 40, 40, 40))

    task, settings = One(), FederationSettings(**STEPS | {"rounds": 1, "local_steps": 1}, seed=5)
    settings = FederationSettings(**{**settings.__dict__, "weight_decay": 0.0})
    found = run(task=task, settings=settings)
    start = task.initial()
    (name,) = start
    moves = []
    for hospital, bowl in enumerate(task.bowls):
        randomness = SimulatedRandomness((5, hospital, 1), say=lambda _: None)
        who = poisson_sample(40, 0.5, randomness)
        gradient = bowl.curvature @ (start[name] - bowl.bottom)
        clipped = gradient * min(1.0, 1.0 / float(gradient.norm()))
        noise = torch.from_numpy(randomness.normal(tuple(gradient.shape)))
        moves.append(-0.1 * (len(who) * clipped + 2.0 * noise) / 20)
    due = start[name] + sum(moves) / 4
    assert torch.allclose(found.last[name], due, atol=1e-5)


def test_the_noise_that_fits_is_computed_from_the_budget() -> None:
    plan = PrivacyPlan(epsilon=1.0, patient_rate=0.2)
    noise = plan.steps(HOW).noise
    assert epsilon_of([(noise, 0.2, 12)], 1e-5) <= 1.0
    assert epsilon_of([(0.99 * noise, 0.2, 12)], 1e-5) > 1.0


def test_a_hospital_whose_budget_is_spent_is_left_out_and_says_why(tmp_path: Path) -> None:
    plan = PrivacyPlan(epsilon=epsilon_of([(2.0, 0.5, 9)], 1e-5), noise=2.0, patient_rate=0.5)
    found = run(plan, out=tmp_path)
    assert [report.counted for report in found.history] == [True, True, False]
    for why in found.history[2].left_out.values():
        assert "PrivacyBudgetError" in why
        assert "1 more steps fit in, and a round has 4" in why
    for hospital in range(4):
        ledger = Ledger(plan.epsilon, tmp_path / "hospitals" / f"{hospital:03d}" / LEDGER_FILE)
        assert spent(ledger) == 8  # nothing of the round that was refused


def test_a_round_that_is_run_again_is_charged_again(tmp_path: Path) -> None:
    whole = run(out=tmp_path / "whole")

    class KilledError(Exception):
        pass

    def kill(report):
        if report.round == 2:
            raise KilledError

    again = tmp_path / "again"
    with pytest.raises(KilledError):
        run(out=again, on_round=kill)
    # The server forgets its second round, as if it had been killed before the checkpoint.
    from fedlab_utils.federated.checkpoint import read_checkpoint

    found = read_checkpoint(again)
    assert len(found.history) == 2
    one = run(settings=FederationSettings(**{**HOW.__dict__, "rounds": 1}), out=tmp_path / "one")
    assert len(one.history) == 1
    (again / "checkpoint.safetensors").write_bytes(
        (tmp_path / "one" / "checkpoint.safetensors").read_bytes()
    )
    resumed = run(out=again, resume=True)
    for hospital in range(4):
        file = again / "hospitals" / f"{hospital:03d}" / LEDGER_FILE
        assert spent(Ledger(8.0, file)) == 16  # 3 rounds of 4 steps, and one of them twice
    # A simulation resumes bit for bit: the noise is the seed's. Its ledger tells of the rerun.
    for name, value in whole.last.items():
        assert np.array_equal(resumed.last[name], value)
    told = [row["epsilon"] for row in resumed.history[-1].trained.values()]
    assert told == pytest.approx([epsilon_of([(2.0, 0.5, 16)], 1e-5)] * 4)


def test_the_ledger_is_in_the_context_where_there_is_no_folder() -> None:
    task = PrivateBowls()
    config = HOW.to_config() | PLAN.to_config()
    server = make_server_app(lambda _: task)
    grid = run_in_process(make_client_app(lambda _: task), server, config, 4)
    for context in grid.contexts.values():
        record = context.state[LEDGER]
        assert (record["noise"], record["rate"], record["steps"]) == ([2.0], [0.5], [12])


def test_a_failing_round_is_in_the_context_too() -> None:
    class Falls(PrivateBowls):
        def loss(self, logits, target, patient):
            if len(self.drawn) > 2:
                raise RuntimeError("the power went off")
            return super().loss(logits, target, patient)

    task = Falls()
    config = HOW.to_config() | PLAN.to_config() | {"rounds": 1}
    server = make_server_app(lambda _: task)
    grid = run_in_process(make_client_app(lambda _: task), server, config, 4)
    steps = [sum(c.state[LEDGER]["steps"]) for c in grid.contexts.values()]
    assert steps == [3, 1, 1, 1]  # the step under way is charged


def test_noise_comes_from_the_operating_system_unless_it_is_asked_for_otherwise(capsys) -> None:
    real = PrivacyPlan(epsilon=8.0, noise=2.0, patient_rate=0.5)
    first, second = run(real), run(real)
    assert "simulated" not in capsys.readouterr().out
    (name,) = first.last
    assert not np.array_equal(first.last[name], second.last[name])
    first, second = run(), run()
    assert capsys.readouterr().out.count("simulated: no guarantee") == 2
    assert np.array_equal(first.last[name], second.last[name])


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"strategy": "scaffold", "option": 1}, "option 1 takes one more gradient"),
        ({"tune_steps": 3}, "would be without noise"),
    ],
)
def test_what_no_noise_covers_is_refused_before_anyone_trains(settings: dict, match: str) -> None:
    task = PrivateBowls()
    with pytest.raises(PrivacyError, match=match):
        run(settings=FederationSettings(**{**HOW.__dict__, **settings}), task=task)
    assert task.drawn == []


@pytest.mark.parametrize("strategy", ["fedprox", "scaffold", "fedadam", "fedavgm"])
def test_other_strategies_train_privately(strategy: str) -> None:
    found = run(settings=FederationSettings(**{**HOW.__dict__, "strategy": strategy}))
    assert all(report.counted and not report.left_out for report in found.history)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"epsilon": -1.0}, "0 for no privacy"),
        ({"epsilon": math.inf}, "finite"),
        ({"delta": 0.0}, "between 0 and 1"),
        ({"noise": -1.0}, "multiplier"),
        ({"bound": 0.0}, "above 0"),
        ({"patient_rate": 1.5}, "up to 1"),
        ({"simulated": 1}, "True or False"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict, match: str) -> None:
    with pytest.raises(PrivacyError, match=match):
        PrivacyPlan(**wrong)


def test_a_plan_survives_the_way_through_flower_s_config() -> None:
    assert PrivacyPlan.from_config(PLAN.to_config() | {"rounds": 3}) == PLAN
    assert not PrivacyPlan.from_config({"rounds": 3}).on


def test_a_loss_that_a_hospital_lets_slip_is_not_counted() -> None:
    """A modifier that adds what training told would undo the noise; the answer is left out."""

    def slip(message: Message, context, call_next) -> Message:
        reply = call_next(message, context)
        content = RecordDict(dict(reply.content.items()))
        content["metrics"]["loss"] = 0.3
        return Message(content, reply_to=message)

    found = run(mods=[slip])
    assert not found.history[0].counted
    assert set(found.history[0].left_out.values()) == {"its loss is not asked for"}


def hospital(plan: PrivacyPlan, task: PrivateBowls, settings=HOW, **more):
    """One hospital that is asked something: a function from content to answer."""
    config = settings.to_config() | plan.to_config()
    context = Context(1, 2, {"partition-id": 0}, RecordDict(), config)
    app = make_client_app(lambda _: task, **more)

    def ask(kind: str, records: dict) -> RecordDict:
        with running():
            message = Message(RecordDict(records), 2, kind)
            message.metadata.__dict__["_message_id"] = "1"
            return app(message, context).content

    return ask


def weights(task: PrivateBowls):
    return to_record(task.initial())


@pytest.mark.parametrize("part", ["train", "hospital", ""])
def test_a_hospital_is_not_judged_on_training_patients(part: str) -> None:
    """Their scores would leave without noise; a server may ask for validation and test alone."""
    task = PrivateBowls()
    config = ConfigRecord({"server-round": 1, "part": part, "best-round": 0})
    for plan in (PLAN, PrivacyPlan()):
        with pytest.raises(FederationError, match="validation or test"):
            hospital(plan, task)("evaluate", {"arrays": weights(task), "config": config})


def test_option_1_is_refused_whatever_the_strategy_for_a_server_may_send_a_variate() -> None:
    task, settings = PrivateBowls(), FederationSettings(**{**HOW.__dict__, "option": 1})
    with pytest.raises(PrivacyError, match="option 1 takes one more gradient"):
        run(settings=settings, task=task)
    records = {
        "arrays": weights(task),
        "variate": weights(task),
        "config": ConfigRecord({"server-round": 1, "accepted-round": 0}),
    }
    with pytest.raises(PrivacyError, match="option 1 takes one more gradient"):
        hospital(PLAN, task, settings)("train", records)


def test_steps_at_home_are_refused_by_the_hospital_itself() -> None:
    """Whatever the server let pass: it may ask for test patients before any training."""
    task, settings = PrivateBowls(), FederationSettings(**{**HOW.__dict__, "tune_steps": 3})
    config = ConfigRecord({"server-round": 1, "part": "test", "best-round": 0})
    with pytest.raises(PrivacyError, match="without noise"):
        hospital(PLAN, task, settings)("evaluate", {"arrays": weights(task), "config": config})


def test_why_a_private_training_failed_stays_at_home(caplog) -> None:
    """An error may name a patient, or tell one of its numbers."""

    class Falls(PrivateBowls):
        def loss(self, *_):
            raise RuntimeError("BraTS-GLI-00042 has a tumour of 3 litres")

    found = run(task=Falls())
    for why in found.history[0].left_out.values():
        assert "00042" not in why
        assert "the reason stays at the hospital" in why
    assert "00042" in caplog.text


@pytest.mark.parametrize(
    "given", [{"noise": 2.0}, {"patient_rate": 0.5}, {"bound": 2.0}, {"simulated": True}]
)
def test_a_plan_without_a_budget_is_no_plan_and_says_so(given: dict) -> None:
    with pytest.raises(PrivacyError, match="a budget"):
        PrivacyPlan(**given)


@pytest.mark.parametrize("told", [-1.0, 8.5, 1e30])
def test_an_epsilon_that_cannot_be_is_not_believed(told: float) -> None:
    def lie(message: Message, context, call_next) -> Message:
        reply = call_next(message, context)
        if context.node_config["partition-id"] == 2:
            reply.content["metrics"]["epsilon"] = told
        return reply

    found = run(mods=[lie])
    assert set(found.history[0].left_out) == {"H2"}
    assert "epsilon" in found.history[0].left_out["H2"]


def test_a_round_costs_no_search_for_how_many_steps_are_left(monkeypatch) -> None:
    """With the tight accountant that takes many times as long as the round's steps."""
    monkeypatch.setattr("fedlab_utils.privacy.ledger.steps_within", None)
    assert all(report.counted and not report.left_out for report in run().history)
