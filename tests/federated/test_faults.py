"""Hospitals that fail, lie or leave: the round goes on, says who was left out, and stays finite."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedlab_utils.federated import FederationSettings, array_screening, federate
from fedlab_utils.federated.client import make_client_app
from fedlab_utils.federated.engine_inprocess import InProcessGrid, run_in_process, running
from fedlab_utils.federated.records import Array
from fedlab_utils.federated.rounds import Server
from fedlab_utils.federated.server import make_server_app, make_strategy
from tests.federated.test_strategies import mean_variate
from tests.federated.toys import BowlTask, optimum

SETTINGS = FederationSettings(
    optimiser="sgd", learning_rate=0.1, weight_decay=0.0, local_steps=3, rounds=3
)
BAD = 2
"""Partition of the hospital that misbehaves."""


def same_without_the_bad(found: torch.Tensor) -> None:
    """The others by themselves end there too, up to rounding: shares were of all who were asked."""
    task = BowlTask()
    keep = [n for n in range(4) if n != BAD]
    bowls, counts = [task.bowls[n] for n in keep], tuple(task.counts[n] for n in keep)
    due = federate(BowlTask(bowls, counts), SETTINGS).last["at"]
    torch.testing.assert_close(found, due, rtol=1e-14, atol=1e-14)


def test_a_hospital_that_raises_is_left_out_and_its_words_are_kept() -> None:
    def stumble(message, context, call_next):
        if context.node_config["partition-id"] == BAD:
            raise RuntimeError("the disk is full")
        return call_next(message, context)

    found = federate(BowlTask(), SETTINGS, mods=[stumble])
    assert found.history[0].left_out == {"H2": "it failed: RuntimeError: the disk is full"}
    same_without_the_bad(found.last["at"])


def test_a_hospital_that_answers_late_is_left_out() -> None:
    def sleep(message, context, call_next):
        if context.node_config["partition-id"] == BAD:
            time.sleep(3.2)
        return call_next(message, context)

    federate(BowlTask(), SETTINGS)  # what is imported late must not make a hospital late
    found = federate(BowlTask(), replace(SETTINGS, timeout=3.0), mods=[sleep])
    assert found.history[0].left_out["H2"] == "it did not answer in time"
    same_without_the_bad(found.last["at"])


def raise_error(content) -> None:  # noqa: ARG001
    raise RuntimeError("the disk is full")


def sleep(content) -> None:  # noqa: ARG001
    time.sleep(5.5)


def ruin(content) -> None:
    content["arrays"]["at"] = Array(np.full(3, np.nan))


def ruin_all(content) -> None:
    """Finite, but not their sum: the server undoes the round."""
    for record in content.array_records.values():
        record["at"] = Array(np.full(3, np.finfo(np.float64).max))


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    ("change", "who", "resumed"),
    [
        (ruin, {BAD}, False),
        (ruin, {BAD}, True),
        (raise_error, {BAD}, False),
        (sleep, {BAD}, False),
        (ruin_all, {0, 1, 2, 3}, False),
    ],
    ids=["NaN", "NaN, resumed", "raises", "late", "undone"],
)
def test_scaffold_reaches_the_optimum_after_answers_that_did_not_count(
    change, who: set[int], resumed: bool, tmp_path, monkeypatch
) -> None:
    """Server and hospitals go on agreeing: the control variate stays the hospitals' mean."""
    monkeypatch.setattr(array_screening, "LARGEST_WEIGHT", np.inf)  # or no sum could overflow

    class Even(BowlTask):
        def patients(self, hospital: int) -> int:  # noqa: ARG002
            return 3

    def mod(message, context, call_next):
        reply = call_next(message, context)
        if (
            message.content["config"]["server-round"] == 5
            and context.node_config["partition-id"] in who
        ):
            change(reply.content)
        return reply

    task, ended, kept = Even(), [], []
    more = {"strategy": "scaffold", "server_rate": 1.1, "timeout": 5.0, "evaluate_every": 5}

    def strategy_of(settings):
        kept.append(make_strategy(settings))
        return kept[-1]

    server = make_server_app(lambda _: task, strategy_of, None, ended.append)
    client = make_client_app(lambda _: task, [mod])
    for rounds in [5, 90] if resumed else [90]:
        config = replace(SETTINGS, rounds=rounds, local_steps=8, **more).to_config()
        config |= {"out": str(tmp_path), "resume": True} if resumed else {}
        grid = run_in_process(client, server, config, 4)
    assert ended[-1].history[4].left_out
    equal = np.full(4, 0.25)
    assert (ended[-1].last["at"] - optimum(task.bowls, equal)).abs().max() < 1e-6
    mean = mean_variate(grid.contexts.values(), kept[-1].accepted, equal)
    np.testing.assert_allclose(kept[-1].variate["at"], mean, atol=1e-12)


@pytest.mark.parametrize("strategy", ["fedavg", "fedavgm", "fedadam", "scaffold", "fedprox"])
def test_if_all_fail_the_model_stays_as_it_was(strategy: str) -> None:
    def ruin(message, context, call_next):
        reply = call_next(message, context)
        reply.content["arrays"]["at"] = Array(np.full(3, np.nan))
        return reply

    found = federate(BowlTask(), replace(SETTINGS, strategy=strategy), mods=[ruin])
    assert not any(report.counted for report in found.history)
    assert torch.equal(found.last["at"], torch.zeros(3, dtype=torch.float64))
    assert set(found.history[-1].left_out) == {"H0", "H1", "H2", "H3"}


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("strategy", ["fedavgm", "fedadam", "scaffold"])
def test_an_average_that_overflows_changes_nothing_and_is_not_remembered(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each answer is finite; their sum, or what the strategy makes of it, is not."""
    monkeypatch.setattr(array_screening, "LARGEST_WEIGHT", np.inf)

    def exaggerate(message, context, call_next):
        reply = call_next(message, context)
        if message.content["config"]["server-round"] == 2:
            huge = np.full(3, np.finfo(np.float64).max)
            reply.content["arrays"]["at"] = Array(huge)
            if "variate-change" in reply.content:
                reply.content["variate-change"]["at"] = Array(huge)
        return reply

    class Careless(BowlTask):
        def patients(self, hospital: int) -> int:  # noqa: ARG002
            return 3

    settings = replace(SETTINGS, strategy=strategy, rounds=4, server_rate=1.5)
    found = federate(Careless(), settings, mods=[exaggerate])
    assert found.history[1].left_out.get("server") == "the average was not finite"
    assert not found.history[1].counted
    assert found.history[3].counted
    assert torch.isfinite(found.last["at"]).all()


class Flaky:
    """A server whose hospitals come and go between rounds."""

    def __init__(self, absent: dict[int, set[int]], **more: object) -> None:

        from flwr.app import Context, RecordDict

        self.task = BowlTask()
        settings = replace(SETTINGS, **more)
        self.grid = InProcessGrid(make_client_app(lambda _: self.task), 4, settings.to_config())
        self.nodes = list(self.grid.contexts)
        self.absent = absent
        context = Context(1, 1, {}, RecordDict(), settings.to_config())
        self.server = Server(self.grid, context, self.task, settings, make_strategy(settings))

    def run(self):
        self._leave(1)
        with running():
            return self.server.run(lambda report: self._leave(report.round + 1))

    def _leave(self, upcoming: int) -> None:
        self.grid.absent = {self.nodes[n] for n in self.absent.get(upcoming, set())}


def test_hospitals_may_leave_and_come_back() -> None:
    found = Flaky({1: {0}, 2: {1, 3}}).run()
    assert [list(r.trained) for r in found.history] == [
        ["H1", "H2", "H3"],
        ["H0", "H2"],
        ["H0", "H1", "H2", "H3"],
    ]
    assert [list(r.validation) for r in found.history] == [list(r.trained) for r in found.history]


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("absent", [{1: {3}}, {1: {0, 3}, 2: {3}, 4: {1}}], ids=["one", "several"])
def test_scaffold_reaches_the_optimum_of_hospitals_that_join_later(
    absent: dict[int, set[int]], uniform: bool
) -> None:
    """Who joins makes the others' shares smaller; the server's variate stays their mean."""
    more = {"strategy": "scaffold", "rounds": 120, "local_steps": 8, "evaluate_every": 120}
    flaky = Flaky(absent, uniform=uniform, **more)
    found = flaky.run()
    shares = np.full(4, 0.25) if uniform else flaky.task.shares
    assert (found.last["at"] - optimum(flaky.task.bowls, shares)).abs().max() < 1e-6


def test_a_hospital_that_lost_its_control_variate_is_left_out() -> None:
    """Begun at zero again, it would keep the others from the optimum for good."""

    class Forgetful(Flaky):
        def _leave(self, upcoming: int) -> None:
            super()._leave(upcoming)
            if upcoming == 3:
                self.grid.contexts[self.nodes[BAD]].state.clear()

    found = Forgetful({}, strategy="scaffold", rounds=4).run()
    assert [list(report.left_out) for report in found.history] == [[], [], ["H2"], ["H2"]]
    assert "control variate of round 2 is gone" in found.history[2].left_out["H2"]


def test_if_all_leave_the_rounds_pass_and_the_model_stays() -> None:
    everyone = {0, 1, 2, 3}
    found = Flaky({1: everyone, 2: everyone}).run()
    assert [report.counted for report in found.history] == [False, False, True]
    assert found.history[0].trained == {} == found.history[0].validation
    assert np.isnan(found.history[0].loss)
    assert found.best_round == 3


def test_a_round_needs_as_many_answers_as_asked_for() -> None:
    found = Flaky({2: {0, 1, 2}}, fewest=2).run()
    assert [report.counted for report in found.history] == [True, False, True]


@pytest.mark.parametrize("patients", [-1, 0, 10**7, 2.5])
def test_a_hospital_that_enrols_with_a_senseless_number_is_refused(patients: float) -> None:
    class Liar(BowlTask):
        def patients(self, hospital: int) -> int:
            return patients if hospital == BAD else super().patients(hospital)

    found = federate(Liar(), SETTINGS)
    assert "H2" not in found.history[0].trained
    (why,) = found.history[0].left_out.values()
    assert f"it says that it has {patients:g} patients" in why
    same_without_the_bad(found.last["at"])


def test_a_hospital_that_claims_to_be_another_is_refused() -> None:
    grid = InProcessGrid(make_client_app(lambda _: BowlTask()), 4, SETTINGS.to_config())
    last = list(grid.contexts.values())[-1]
    last.node_config["partition-id"] = 0
    from fedlab_utils.federated.roster import Roster

    roster = Roster()
    with running():
        roster.enrol(grid)
    assert sorted(m.name for m in roster.members.values()) == ["H0", "H1", "H2"]
    assert "hospital 0, which another node is" in next(iter(roster.refused.values()))


def test_a_hospital_without_validation_patients_is_told_so_and_trains() -> None:
    class Small(BowlTask):
        def evaluate(self, network, hospital, part) -> dict:
            if hospital == BAD and part == "validation":
                return {}
            return super().evaluate(network, hospital, part)

    found = federate(Small(), SETTINGS)
    assert found.history[0].unjudged == {"H2": "it has no patient to judge the model on"}
    assert list(found.history[0].trained) == ["H0", "H1", "H2", "H3"]
    assert list(found.test) == ["H0", "H1", "H2", "H3"]


class Marked(BowlTask):
    """Every hospital's score moves by ``step`` a round; the last hospital's is far lower."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step, self.asked = step, [0, 0, 0, 0]

    def evaluate(self, network, hospital, part) -> dict:  # noqa: ARG002
        self.asked[hospital] += 1
        score = self.step * self.asked[hospital] - (10 if hospital == 3 else 0)
        return {"num-examples": 3, "score": score}


@pytest.mark.parametrize(("step", "best"), [(-0.1, 1), (0.1, 3)])
def test_a_round_is_not_the_best_because_the_worst_hospital_is_missing(
    step: float, best: int
) -> None:
    flaky = Flaky({2: {3}, 3: {3}})
    flaky.task = Marked(step)
    found = flaky.run()
    assert found.history[1].score > found.history[0].score
    assert found.best_round == best
