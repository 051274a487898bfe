"""Why the course does not use Flower's wrappers for differential privacy: where their claims end.

Each test shows a condition of the promise that Flower 1.41's wrapper does not see to, and that
:mod:`fedlab_utils.federated.noisy_strategy` does. When one of them fails, Flower has changed: read
it again.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp.mod import LocalDpMod
from flwr.serverapp import strategy as flower
from flwr.supercore.differential_privacy import compute_adaptive_noise_params
from scipy.stats import norm

from fedlab_utils.federated import FederationSettings, HospitalPrivacy
from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.strategies import FedAvg
from tests.federated.test_noisy_strategy import round_of, silent, strategy_of

BOUND, STILL = 1.0, 1e-12
"""Largest length of an update; what hospitals that hardly move do, for Flower divides by length."""


class Sits(flower.FedAvg):
    """Flower's average, without the messages that come before it."""

    def configure_train(self, server_round, arrays, config, grid):  # noqa: ARG002
        return []


class Steps(flower.FedAdam):
    """Flower's FedAdam, likewise."""

    def configure_train(self, server_round, arrays, config, grid):  # noqa: ARG002
        self.current_arrays = {name: array.numpy() for name, array in arrays.items()}
        return []


def replies(rows: list[np.ndarray], patients: list[int]) -> list[Message]:
    found = []
    for node, (row, count) in enumerate(zip(rows, patients, strict=True), start=10):
        asked = Message(RecordDict(), node, "train")
        arrays, told = ArrayRecord([row]), MetricRecord({"num-examples": count})
        content = RecordDict({"arrays": arrays, "metrics": told})
        found.append(Message(content, reply_to=asked))
    return found


def mean_of(wrapper, rows: list[np.ndarray], patients: list[int] | None = None) -> np.ndarray:
    """Return the model after a round from zero."""
    with running():
        sent = ArrayRecord([np.zeros_like(rows[0])])
        wrapper.configure_train(1, sent, ConfigRecord(), None)
        found, _ = wrapper.aggregate_train(1, replies(rows, patients or [1] * len(rows)))
    return found.to_numpy_ndarrays()[0]


def fixed(noise: float, inner=None, clients: int = 4):
    return flower.DifferentialPrivacyServerSideFixedClipping(inner or Sits(), noise, BOUND, clients)


def test_a_hospital_of_most_patients_moves_flower_s_mean_by_more_than_its_noise_is_for() -> None:
    rows, patients = [np.full(3, STILL)] * 3 + [np.ones(3)], [1, 1, 1, 97]
    whole = mean_of(fixed(0.0), rows, patients)
    without = mean_of(fixed(0.0), [np.full(3, STILL)] * 4, patients)
    assert np.linalg.norm(whole - without) == pytest.approx(0.97 * BOUND)  # and not BOUND / 4


def test_who_stays_away_makes_flower_s_mean_one_of_fewer_and_the_noise_does_not_grow() -> None:
    np.random.seed(0)
    one = mean_of(fixed(1.0), [np.full(20_000, STILL)])
    assert one.std() == pytest.approx(BOUND / 4, rel=0.03)  # of four, where a single one answered
    moved = mean_of(fixed(0.0), [np.ones(3)]) - mean_of(fixed(0.0), [-np.ones(3)])
    assert np.linalg.norm(moved) == pytest.approx(2 * BOUND)


def test_flower_s_noise_is_guessed_by_who_knows_numpy_s_global_generator() -> None:
    np.random.seed(7)
    found = mean_of(fixed(1.0), [np.full(5, STILL)] * 4)
    np.random.seed(7)
    assert found == pytest.approx(np.random.normal(0, BOUND / 4, 5), abs=1e-9)
    state = np.random.get_state()[1]
    plan, many = HospitalPrivacy(epsilon=8.0), [np.zeros(4)] * 4
    ours = [round_of(strategy_of(plan, 4), many) for _ in range(2)]
    assert not np.array_equal(*ours)
    assert np.array_equal(state, np.random.get_state()[1])


def test_flower_s_noise_comes_after_the_server_s_step_which_one_hospital_turns_around() -> None:
    """FedAdam's first step is as long for the shortest mean; ours is noisy before it."""
    rows = [np.full(3, STILL)] * 3
    ends = [mean_of(fixed(0.0, Steps(eta=1.0)), [*rows, x * np.ones(3)]) for x in (0.1, -0.1)]
    assert np.linalg.norm(ends[0] - ends[1]) > BOUND  # the noise is for BOUND / 2
    settings = FederationSettings(strategy="fedadam", server_rate=1.0, rounds=3)
    plan = HospitalPrivacy(epsilon=8.0, simulated=True)
    steps = []
    for noise in (None, silent):
        with pytest.MonkeyPatch.context() as patch:
            if noise:
                patch.setattr("fedlab_utils.privacy.SimulatedRandomness.normal", noise)
            steps.append(round_of(strategy_of(plan, 4, settings), [np.zeros(4)] * 4))
    noisy, still = steps
    assert np.abs(noisy - still).max() <= 1.01  # as long as Adam's step, not as the noise


def test_flower_sees_to_some_of_this_where_it_keeps_the_books() -> None:
    """It then refuses unequal weights and missing answers, and any average but its own."""
    from flwr.supercore.privacy_accounting import (
        NeighboringRelation,
        PrivacyConfig,
        SamplingMethod,
    )
    from flwr.supercore.privacy_accounting.rdp_accountant import RdpAccountant

    book = RdpAccountant(
        PrivacyConfig(
            target_delta=1e-5,
            population_size=4,
            neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
            sampling_method=SamplingMethod.NO_AMPLIFICATION,
        )
    )
    with pytest.raises(ValueError, match=r"FedAvg\.aggregate_train"):
        flower.DifferentialPrivacyServerSideFixedClipping(FedAvg(), 1.0, 1.0, 4, accountant=book)
    strict = flower.DifferentialPrivacyServerSideFixedClipping(Sits(), 1.0, 1.0, 4, accountant=book)
    rows = [np.full(3, STILL)] * 4
    with pytest.raises(ValueError, match="equal client weights"):
        mean_of(strict, rows, [1, 1, 1, 97])
    with running():
        strict.configure_train(2, ArrayRecord([rows[0]]), ConfigRecord(), None)
        assert strict.aggregate_train(2, replies(rows[:3], [1] * 3)) == (None, None)


@pytest.mark.parametrize(("first", "walks"), [(0.9, -1), (1.1, 1)])
def test_flower_s_adaptive_bound_walks_away_from_the_quantile(first: float, walks: int) -> None:
    """It counts updates that are too long where the paper counts those short enough.

    The step's sign is the paper's, and so the wrong one (Andrew et al. 2021, algorithm 1: b is 1
    where the norm is at most C). The median length is 1.
    """
    lengths = np.linspace(0.5, 1.5, 21)
    rows = [np.array([x, 0.0, 0.0, 0.0]) for x in lengths]
    theirs = flower.DifferentialPrivacyServerSideAdaptiveClipping(Sits(), 0.0, 21, first)
    walked = [first]
    for _ in range(60):
        mean_of(theirs, rows)
        walked.append(theirs.clipping_norm)
    assert all(walks * (b - a) > 0 for a, b in pairwise(walked[:-1]))
    assert walked[-1] > 30 or walked[-1] < 0.01
    plan = HospitalPrivacy("adaptive", 1e3, bound=first, noise=1.0, simulated=True)
    ours = strategy_of(plan, 21, FederationSettings(rounds=60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fedlab_utils.privacy.SimulatedRandomness.normal", silent)
        for number in range(1, 61):
            round_of(ours, rows, number)
    assert ours.bound == pytest.approx(1.0, abs=0.06)


def test_flower_s_count_moves_by_one_and_its_noise_is_for_a_half() -> None:
    """The paper's count is of halves with a sign; Flower's is of ones, and spends more."""
    deviation, on_sum = compute_adaptive_noise_params(1.0, 20, 1.0)
    assert on_sum**-2 + (0.5 / deviation) ** 2 == pytest.approx(1.0)  # what it means to spend
    spends = (on_sum**-2 + (1 / deviation) ** 2) ** -0.5
    assert spends == pytest.approx(0.756, abs=1e-3)  # a noise multiplier of 0.76, not 1
    with pytest.raises(ValueError, match="too low"):  # and five hospitals cannot begin
        compute_adaptive_noise_params(1.0, 5, None)


def asked(epsilon: float, move: np.ndarray) -> RecordDict:
    mod = LocalDpMod(BOUND, BOUND, epsilon, 1e-5)
    with running():
        message = Message(RecordDict({"arrays": ArrayRecord([np.zeros_like(move)])}), 2, "train")
        message.metadata.__dict__["_message_id"] = "1"
        told = MetricRecord({"num-examples": 3, "loss": 0.3})
        content = RecordDict({"arrays": ArrayRecord([move]), "metrics": told})
        context = Context(1, 2, {}, RecordDict(), {})
        return mod(message, context, lambda m, _: Message(content, reply_to=m)).content


def test_flower_s_local_epsilon_is_of_one_message_without_its_figures() -> None:
    """The formula is that of Dwork and Roth for epsilon below 1; beyond 8.4 delta is exceeded."""
    for epsilon in (8.0, 10.0):
        found = asked(epsilon, np.full(20_000, 1e-9))
        noise = math.sqrt(2 * math.log(1.25e5)) / epsilon
        assert found["arrays"].to_numpy_ndarrays()[0].std() == pytest.approx(noise, rel=0.03)
        delta = norm.cdf(0.5 / noise - epsilon * noise)
        delta -= math.exp(epsilon) * norm.cdf(-0.5 / noise - epsilon * noise)
        assert (delta > 1e-5) == (epsilon > 8.4)
    assert found["metrics"]["loss"] == 0.3
    from fedlab_utils.privacy import epsilon_of

    noise = math.sqrt(2 * math.log(1.25e5)) / 8.0
    assert epsilon_of([(noise, 1.0, 6)], 1e-5) > 20  # of six messages, each with an epsilon of 8


def test_an_update_of_length_zero_makes_flower_fail() -> None:
    with pytest.raises(ZeroDivisionError):
        mean_of(fixed(1.0), [np.zeros(3)] * 4)
