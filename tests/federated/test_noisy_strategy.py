"""Both ends of a hospital's privacy: what one hospital can move, and how much noise there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_array
from scipy.stats import binom, chi2, chisquare, kstest

from fedlab_utils.errors import FederationError, PrivacyBudgetError, PrivacyError
from fedlab_utils.federated import (
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    PrivacyPlan,
    federate,
)
from fedlab_utils.federated.checkpoint import NAME
from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.hospital_noise import noise_mod, shortened
from fedlab_utils.federated.noisy_strategy import hospital_private
from fedlab_utils.federated.norm_lab import tiny_network
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.roster import Member, Roster
from fedlab_utils.federated.server import make_strategy
from fedlab_utils.federated.strategies import FedAvg, Screened
from tests.federated.toys import BowlTask

HOW = FederationSettings(
    rounds=3, local_steps=4, optimiser="sgd", learning_rate=0.1, weight_decay=0.0, seed=5
)
START = {"w": np.array([1.0, -2.0, 0.5]), "b": np.array([[3.0]])}
BOUND = 0.7


class Grid:
    """Nodes that are there."""

    def __init__(self, count: int) -> None:
        self.count = count

    def get_node_ids(self) -> list[int]:
        return [10 + n for n in range(self.count)]


def silent(_, shape):
    """Noise that is none, to see what lies under it."""
    return np.zeros(shape)


def strategy_of(
    plan: HospitalPrivacy, hospitals: int, settings: FederationSettings = HOW, start=START
) -> Screened:
    strategy = hospital_private(make_strategy(settings), replace(plan, members=hospitals), settings)
    roster = Roster()
    roster.members = {10 + n: Member(n, f"H{n}", 1 + n**3 % 997) for n in range(hospitals)}
    strategy.join(roster, settings.seed).begin(list(start), to_record(start))
    return strategy


def round_of(strategy: Screened, moves: list[np.ndarray], number: int = 1, start=START):
    """Return where the model stands after a round in which hospitals moved by rows ``(D,)``."""
    at, nodes = to_record(start), Grid(len(moves))
    with running():
        replies = []
        for asked in strategy.configure_train(number, at, ConfigRecord(), nodes):
            who, row, arrays = asked.metadata.dst_node_id - 10, 0, {}
            for name, value in start.items():
                arrays[name] = value + moves[who][row : row + value.size].reshape(value.shape)
                row += value.size
            told = {"num-examples": strategy.roster.members[10 + who].patients, "loss": 0.1}
            content = RecordDict({"arrays": to_record(arrays), "metrics": MetricRecord(told)})
            replies.append(Message(content, reply_to=asked))
        found, _ = strategy.aggregate_train(number, replies)
    return np.concatenate([value.ravel() for value in to_arrays(found).values()])


START_ROW = np.concatenate([value.ravel() for value in START.values()])
MOVES = any_array(np.float64, (4, 4), elements=st.floats(-1e6, 1e6))


@pytest.mark.parametrize("way", ["server", "client", "adaptive"])
@trying(max_examples=25, deadline=None)
@given(moves=MOVES, who=st.integers(0, 3))
def test_a_hospital_moves_the_mean_by_the_bound_over_their_number(way, moves, who) -> None:
    """Whatever its update and its patients; and a hospital that stays away is one of length 0."""
    plan = HospitalPrivacy(way, epsilon=8.0, bound=BOUND, simulated=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedlab_utils.privacy.SimulatedRandomness.normal", silent)
        whole, strategy = round_of(strategy_of(plan, 4), list(moves)), strategy_of(plan, 4)
        strategy.roster.members.pop(10 + who)
        without = round_of(strategy, list(moves))
    lengths = np.linalg.norm(moves, axis=1, keepdims=True)
    short = moves * np.minimum(1, BOUND / np.maximum(lengths, 1e-300))
    assert whole == pytest.approx(START_ROW + short.sum(0) / 4, abs=1e-9)
    assert np.linalg.norm(whole - without) <= BOUND / 4 * (1 + 1e-9)
    assert whole - without == pytest.approx(short[who] / 4, abs=1e-9)


@trying(max_examples=50, deadline=None)
@given(moves=MOVES, bound=st.floats(1e-6, 1e6))
def test_a_shortened_update_has_its_direction_and_no_more_than_the_bound(moves, bound) -> None:
    sent = to_record({"a": np.zeros((2, 4)), "b": np.zeros((2, 4))})
    answer = to_record({"a": moves[:2], "b": moves[2:]})
    found, length = shortened(answer, sent, bound)
    row = np.concatenate([found["a"], found["b"]])
    assert length == pytest.approx(np.linalg.norm(moves))
    assert np.linalg.norm(row) <= min(bound, np.linalg.norm(moves)) * (1 + 1e-12)
    assert row * length == pytest.approx(moves * np.linalg.norm(row), rel=1e-6)


def spread(sample: np.ndarray, due: float) -> None:
    """Check that numbers are normal with a deviation, but for one chance in a million."""
    low, high = chi2.ppf([5e-7, 1 - 5e-7], len(sample)) / len(sample)
    assert low < np.mean(np.square(sample)) / due**2 < high
    assert kstest(sample / due, "norm").pvalue > 1e-6


@pytest.mark.parametrize("way", ["server", "client", "adaptive"])
@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_the_noise_on_the_mean_is_the_multiplier_times_bound_over_expected(way, fraction) -> None:
    """From the operating system; hospitals do not move, so that the noise is all there is."""
    many = {"w": np.ones(20_000)}
    settings = FederationSettings(**{**HOW.__dict__, "fraction": fraction})
    plan = HospitalPrivacy(way, epsilon=50.0, noise=1.5, bound=BOUND)
    strategy = strategy_of(plan, 6, settings, many)
    found = round_of(strategy, [np.zeros(20_000)] * 6, start=many) - 1
    multiplier = 1.5 if way != "adaptive" else (1.5**-2 - (2 * 1.5) ** -2) ** -0.5
    spread(found, multiplier * BOUND / (fraction * 6))


def test_a_round_in_which_nobody_takes_part_has_noise_too() -> None:
    strategy = strategy_of(HospitalPrivacy(epsilon=8.0, bound=BOUND), 3)
    strategy.roster.members.clear()
    found = round_of(strategy, [])
    assert (found != START_ROW).all()


def test_who_had_not_agreed_is_not_drawn() -> None:
    """The noise is for three hospitals; a fourth number has no coin."""
    strategy = strategy_of(HospitalPrivacy(epsilon=8.0), 3)
    strategy.roster.members[13] = Member(3, "H3", 5)
    with running():
        asked = strategy.configure_train(1, to_record(START), ConfigRecord(), Grid(4))
    assert [message.metadata.dst_node_id for message in asked] == [10, 11, 12]


def test_hospitals_are_drawn_by_coins_and_not_a_fixed_number() -> None:
    settings = FederationSettings(**{**HOW.__dict__, "fraction": 0.3})
    strategy = strategy_of(HospitalPrivacy(epsilon=8.0), 8, settings)
    present = [10 + n for n in range(8)]
    drawn = [strategy.draw(present, number) for number in range(1, 1001)]
    counts = np.bincount([len(who) for who in drawn], minlength=9)
    due = 1000 * binom.pmf(range(9), 8, 0.3)
    merged = [np.append(x[:5], x[5:].sum()) for x in (counts, due)]
    assert chisquare(*merged).pvalue > 1e-6
    each = np.array([sum(node in who for who in drawn) for node in present])
    assert (np.abs(each - 300) < 5 * np.sqrt(1000 * 0.21)).all()


@pytest.mark.parametrize("quantile", [0.3, 0.5, 0.8])
def test_an_adaptive_bound_walks_to_the_quantile_of_the_lengths(quantile) -> None:
    """From below and from above; 200 hospitals whose updates have lengths 0.01 to 2."""
    rng = np.random.default_rng(3)
    lengths = np.linspace(0.01, 2, 200)
    turned = rng.normal(size=(200, 4))
    moves = list(turned / np.linalg.norm(turned, axis=1, keepdims=True) * lengths[:, None])
    settings = FederationSettings(**{**HOW.__dict__, "rounds": 120})
    for first in (0.05, 20.0):
        plan = HospitalPrivacy(
            "adaptive", 1e3, bound=first, noise=1.0, quantile=quantile, simulated=True
        )
        strategy, walked = strategy_of(plan, 200, settings), []
        for number in range(1, 121):
            round_of(strategy, moves, number)
            walked.append(strategy.bound)
        assert np.mean(walked[-40:]) == pytest.approx(np.quantile(lengths, quantile), rel=0.1)


@pytest.mark.parametrize("strategy", ["fedavg", "fedprox", "fedadam", "fedavgm"])
@pytest.mark.parametrize("way", ["server", "client", "adaptive", "local"])
def test_a_federation_trains_with_each_strategy(strategy, way, capsys) -> None:
    settings = FederationSettings(**{**HOW.__dict__, "strategy": strategy})
    plan = HospitalPrivacy(way, epsilon=8.0, simulated=True)
    found = federate(BowlTask(), settings, hospital_privacy=plan)
    assert all(report.counted and not report.left_out for report in found.history)
    assert capsys.readouterr().out.count("simulated: no guarantee") == 1
    if way != "local":
        return
    for number, report in enumerate(found.history, 1):
        due = plan.fitted(settings).spent(settings, number)
        for row in report.trained.values():
            assert set(row) == {"num-examples", "epsilon"}
            assert row["epsilon"] == due


def test_with_much_room_and_hardly_any_noise_it_is_the_mean_of_hospitals() -> None:
    """Fixed bound that nobody reaches: as plain averaging where all have as many patients."""
    task = BowlTask(counts=(3, 3, 3, 3))
    plan = HospitalPrivacy(epsilon=1e5, bound=1e3, noise=0.2, simulated=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedlab_utils.privacy.SimulatedRandomness.normal", silent)
        found = federate(task, HOW, hospital_privacy=plan).last["at"]
    assert found.numpy() == pytest.approx(federate(task, HOW).last["at"].numpy(), abs=1e-9)


def answered(plan: HospitalPrivacy, move: np.ndarray, rounds=(1,), slips=None) -> list[RecordDict]:
    """Ask one hospital in some rounds; it moves by a row, and tells its loss."""
    settings = FederationSettings(**{**HOW.__dict__, "rounds": 2})
    mod = noise_mod(plan.fitted(settings), settings)
    context = Context(1, 2, {"partition-id": 0}, RecordDict(), {})
    sent = to_record({"w": np.ones(move.shape)})

    def train(message: Message, _) -> Message:
        if slips:
            raise slips
        told = MetricRecord({"num-examples": 3, "loss": 0.3, "samples": 77})
        content = {"arrays": to_record({"w": 1 + move}), "metrics": told}
        return Message(RecordDict(content), reply_to=message)

    found = []
    with running():
        for number in rounds:
            config = ConfigRecord({"server-round": number})
            message = Message(RecordDict({"arrays": sent, "config": config}), 2, "train")
            message.metadata.__dict__["_message_id"] = str(number)
            found.append(mod(message, context, train).content)
    return found


def test_local_noise_is_the_multiplier_times_the_bound_and_figures_stay_at_home() -> None:
    plan = HospitalPrivacy("local", epsilon=50.0, noise=1.5, bound=BOUND)
    (content,) = answered(plan, np.zeros(20_000))
    spread(content["arrays"]["w"].numpy() - 1, 1.5 * BOUND)
    assert set(content["metrics"]) == {"num-examples", "epsilon"}


def test_local_noise_goes_on_a_shortened_update() -> None:
    plan = HospitalPrivacy("local", epsilon=50.0, noise=1.5, bound=BOUND, simulated=True)
    still, moved = (answered(plan, np.full(9, x))[0]["arrays"]["w"].numpy() for x in (0.0, 1e3))
    assert moved - still == pytest.approx(np.full(9, BOUND / 3))


def test_a_hospital_adds_noise_for_no_more_rounds_than_its_budget_is_for() -> None:
    plan = HospitalPrivacy("local", epsilon=8.0)
    answered(plan, np.zeros(3), (1, 2))
    for rounds in ((1, 1, 1), (1, 3), (2, 1)):  # a server may count as it likes
        with pytest.raises(PrivacyBudgetError, match="is for 2 rounds"):
            answered(plan, np.zeros(3), rounds)


def test_a_reason_that_may_tell_of_a_hospital_stays_there() -> None:
    with pytest.raises(FederationError, match="stays at the hospital") as caught:
        answered(HospitalPrivacy("local", epsilon=8.0), np.zeros(3), slips=ValueError("Mrs Smith"))
    assert "Smith" not in str(caught.value)


@pytest.mark.parametrize("way", ["server", "adaptive", "local"])
def test_a_simulation_resumes_bit_for_bit(way: str, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(report):
        if report.round == 2:
            raise KilledError

    plan = HospitalPrivacy(way, epsilon=8.0, simulated=True)
    whole = federate(BowlTask(), HOW, hospital_privacy=plan)
    with pytest.raises(KilledError):
        federate(BowlTask(), HOW, tmp_path, hospital_privacy=plan, on_round=kill)
    other = HospitalPrivacy(way, epsilon=9.0, simulated=True)
    with pytest.raises(FederationError, match="hospital-epsilon"):
        federate(BowlTask(), HOW, tmp_path, resume=True, hospital_privacy=other)
    resumed = federate(BowlTask(), HOW, tmp_path, resume=True, hospital_privacy=plan)
    assert np.array_equal(whole.last["at"], resumed.last["at"])
    epsilons = [row.get("epsilon") for row in resumed.history[-1].trained.values()]
    assert epsilons == [row.get("epsilon") for row in whole.history[-1].trained.values()]


def test_a_run_that_protects_is_not_resumed(tmp_path: Path) -> None:
    """A round may have shown its model before its checkpoint was written."""
    plan = HospitalPrivacy(epsilon=8.0)
    federate(BowlTask(), HOW, tmp_path, hospital_privacy=plan)
    assert (tmp_path / NAME).is_file()
    with pytest.raises(PrivacyError, match="count both runs"):
        federate(BowlTask(), HOW, tmp_path, resume=True, hospital_privacy=plan)


def test_other_ways_to_protect_are_refused_beside_it() -> None:
    plan = HospitalPrivacy(epsilon=8.0)
    for more, name in (
        ({"privacy": PrivacyPlan(epsilon=8.0)}, "patients' privacy"),
        ({"masking": MaskingPlan(True)}, "masks"),
    ):
        with pytest.raises(PrivacyError, match=name):
            federate(BowlTask(), HOW, hospital_privacy=plan, **more)


def test_a_model_with_running_averages_is_refused() -> None:
    network = tiny_network("batch")
    arrays = to_record(network.state_dict())
    names = [name for name, _ in network.named_parameters()]
    for way in ("server", "local"):
        plan = HospitalPrivacy(way, epsilon=8.0, members=3)
        strategy = hospital_private(FedAvg(), plan, HOW)
        with pytest.raises(PrivacyError, match="running average"):
            strategy.join(Roster()).begin(names, arrays)


def test_a_strategy_that_looks_at_single_answers_is_refused() -> None:
    class Median(FedAvg):
        def add(self, *_):
            raise AssertionError

    with pytest.raises(PrivacyError, match="more with each hospital's numbers"):
        hospital_private(Median(), HospitalPrivacy(epsilon=8.0, members=3), HOW)


def test_that_an_update_overflowed_is_not_told() -> None:
    sent = to_record({"at": np.zeros(3)})
    for bad in (np.nan, np.inf):
        moved, length = shortened(to_record({"at": np.array([1.0, bad, 2.0])}), sent, 1.0)
        assert length == 0
        assert not moved["at"].any()
