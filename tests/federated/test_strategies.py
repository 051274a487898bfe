"""Strategies on bowls, through Flower's messages: where they end, and where they are FedAvg."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from flwr.app import Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.client import make_client_app
from fedlab_utils.federated.engine_inprocess import run_in_process, running
from fedlab_utils.federated.records import to_record, to_tensors
from fedlab_utils.federated.roster import Member, Roster
from fedlab_utils.federated.server import make_server_app
from fedlab_utils.federated.strategies import FedAvg, Screened
from tests.federated.toys import BowlTask, optimum

SGD = {
    "optimiser": "sgd",
    "learning_rate": 0.1,
    "weight_decay": 0.0,
    "local_steps": 8,
    "evaluate_every": 1000,
}


def last(task: BowlTask, **settings: object) -> torch.Tensor:
    """Where the model stands after the last round."""
    return federate(task, FederationSettings(**SGD | settings)).last["at"]


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("option", [1, 2])
def test_scaffold_reaches_the_optimum_and_fedavg_does_not(option: int, uniform: bool) -> None:
    task = BowlTask()
    weights = np.full(4, 0.25) if uniform else task.shares
    due = optimum(task.bowls, weights)
    found = last(task, strategy="scaffold", rounds=90, option=option, uniform=uniform)
    assert (found - due).abs().max() < 1e-6
    even = BowlTask(counts=(3, 3, 3, 3)) if uniform else task
    assert (last(even, rounds=90) - due).norm() > 0.05


@pytest.mark.parametrize("uniform", [True, False])
def test_scaffold_with_half_of_the_hospitals_in_a_round(uniform: bool) -> None:
    task = BowlTask()
    due = optimum(task.bowls, np.full(4, 0.25) if uniform else task.shares)
    found = last(
        task,
        strategy="scaffold",
        rounds=600,
        fraction=0.5,
        uniform=uniform,
        local_steps=3,
        learning_rate=0.05,
    )
    assert (found - due).abs().max() < 1e-6


def mean_variate(contexts, accepted: dict[int, int], weights) -> torch.Tensor:
    """Weighted mean of what hospitals hold, or will once they hear that their answer counted."""
    own = []
    for number, context in enumerate(contexts):
        made = context.state.get("variate-pending-round", {"round": -1})["round"]
        name = "variate-pending" if made == accepted.get(number, 0) else "variate"
        held = context.state.get(name)
        own.append(to_tensors(held)["at"] if held else torch.zeros(3))
    return sum(w * v for w, v in zip(weights, own, strict=True))


@pytest.mark.parametrize("fraction", [0.5, 1.0])
@pytest.mark.parametrize("uniform", [True, False])
def test_the_servers_variate_is_the_mean_of_the_hospitals(uniform: bool, fraction: float) -> None:
    task, ended = BowlTask(noise=0.3), []
    settings = FederationSettings(
        **SGD, strategy="scaffold", rounds=7, uniform=uniform, fraction=fraction
    )
    kept = {}

    def strategy_of(settings):
        from fedlab_utils.federated.server import make_strategy

        kept["strategy"] = make_strategy(settings)
        return kept["strategy"]

    server = make_server_app(lambda _: task, strategy_of, None, ended.append)
    config = settings.to_config()
    grid = run_in_process(make_client_app(lambda _: task), server, config, len(task.hospitals))
    weights = np.full(4, 0.25) if uniform else task.shares
    mean = mean_variate(grid.contexts.values(), kept["strategy"].accepted, weights)
    np.testing.assert_allclose(kept["strategy"].variate["at"], mean, atol=1e-12)


def test_a_servers_step_below_one_goes_part_of_the_way() -> None:
    task = BowlTask()
    one = last(task, strategy="scaffold", rounds=1)
    half = last(task, strategy="scaffold", rounds=1, server_rate=0.5)
    torch.testing.assert_close(half, one / 2)  # it begins at zero


def test_fedprox_without_a_pull_and_scaffold_before_it_knows_anything_give_fedavgs_bits() -> None:
    task = BowlTask(noise=0.5)
    assert torch.equal(last(task, rounds=5), last(task, rounds=5, strategy="fedprox", mu=0.0))
    assert torch.equal(last(task, rounds=1), last(task, rounds=1, strategy="scaffold"))
    assert not torch.equal(last(task, rounds=5), last(task, rounds=5, strategy="fedprox", mu=1.0))
    assert not torch.equal(last(task, rounds=2), last(task, rounds=2, strategy="scaffold"))


def test_control_variates_held_at_zero_give_fedavgs_bits() -> None:
    def hold(message, context, call_next):
        """Forget what is known of others, and of oneself."""
        zeros = {n: torch.zeros_like(v) for n, v in to_tensors(message.content["variate"]).items()}
        message.content["variate"] = to_record(zeros)
        if "variate-pending" in context.state:
            context.state["variate-pending"] = to_record(zeros)
        return call_next(message, context)

    task = BowlTask(noise=0.5)
    settings = FederationSettings(**SGD, strategy="scaffold", rounds=6)
    assert torch.equal(federate(task, settings, mods=[hold]).last["at"], last(task, rounds=6))


def test_fedprox_ends_where_its_pull_says() -> None:
    """Many local steps reach the minimum of loss and pull, which is known in closed form."""
    task, mu = BowlTask(), 0.7
    found = last(task, strategy="fedprox", mu=mu, rounds=1, local_steps=400)
    ends = [
        torch.linalg.solve(
            b.curvature + mu * torch.eye(3, dtype=torch.float64), b.curvature @ b.bottom
        )
        for b in task.bowls
    ]
    due = sum(w * end for w, end in zip(task.shares, ends, strict=True))
    torch.testing.assert_close(found, due, atol=1e-9, rtol=0)


def test_fedavgm_and_fedadam_step_as_their_papers_say() -> None:
    task = BowlTask()
    one, two = last(task, rounds=1), last(task, rounds=2)
    # FedAvgM's second step repeats a share of the first.
    momentum = last(task, strategy="fedavgm", server_momentum=0.5, rounds=2)
    torch.testing.assert_close(momentum, two + 0.5 * one)
    # FedAdam's first step is as long in each direction: eta, up to tau and its bias correction.
    step = last(task, strategy="fedadam", server_rate=0.1, rounds=1)
    moment, spread = 0.1 * one, 0.01 * one**2
    rate = 0.1 * np.sqrt(1 - 0.99**2) / (1 - 0.9**2)
    torch.testing.assert_close(step, rate * moment / (spread.sqrt() + 1e-3))


def reddis_steps(deltas: np.ndarray, eta: float) -> np.ndarray:
    """The steps of Reddi et al., Algorithm 2, FedAdam: a row per round, written from the paper."""
    beta_1, beta_2, tau = 0.9, 0.99, 1e-3
    moment, spread, steps = np.zeros(deltas.shape[1]), np.full(deltas.shape[1], tau**2), []
    for delta in deltas:
        moment = beta_1 * moment + (1 - beta_1) * delta
        spread = beta_2 * spread + (1 - beta_2) * delta**2
        steps.append(eta * moment / (np.sqrt(spread) + tau))
    return np.array(steps)


def test_flowers_fedadam_takes_shorter_steps_than_the_papers_at_first() -> None:
    rounds, eta = 400, 0.1
    rng = np.random.default_rng(0)
    deltas = rng.uniform(1, 2, (rounds, 3)) * np.array([1, -1, 1])
    sent = []

    def walk(message, context, call_next):
        """Answer a training message with what came and this round's delta."""
        reply = call_next(message, context)
        if message.metadata.message_type == MessageType.TRAIN:
            at = to_tensors(message.content["arrays"])["at"]
            step = torch.from_numpy(deltas[int(message.content["config"]["server-round"]) - 1])
            sent.append(at.numpy())
            reply.content["arrays"] = to_record({"at": at + step})
        return reply

    alone = BowlTask(BowlTask().bowls[:1], (1,))
    settings = FederationSettings(
        **SGD | {"local_steps": 1}, strategy="fedadam", rounds=rounds, server_rate=eta
    )
    end = federate(alone, settings, mods=[walk]).last["at"].numpy()
    flowers = np.diff(np.array([*sent, end]), axis=0)
    ratios = flowers / reddis_steps(deltas, eta)
    t = np.arange(1, rounds + 1)[:, None]
    due = np.sqrt(1 - 0.99 ** (t + 1)) / (1 - 0.9 ** (t + 1))
    np.testing.assert_allclose(ratios, np.broadcast_to(due, ratios.shape), rtol=1e-3)
    told = {1: 0.74, 10: 0.47, 400: 0.99}  # by FedAdam's docstring: 1 "in the end"
    assert {n: round(float(ratios[n - 1, 0]), 2) for n in told} == told


def test_the_average_is_weighted_by_patients_in_the_order_of_partitions() -> None:
    task = BowlTask()
    alone = [last(BowlTask([bowl], (1,)), rounds=1) for bowl in task.bowls]
    due = sum(end * w for w, end in zip(task.shares.tolist(), alone, strict=True))
    assert torch.equal(last(task, rounds=1), due)


def answers(models: list[np.ndarray], patients: list[int]) -> list[Message]:
    """Return what hospitals at nodes 10, 11 and so on answer to a training message."""
    found = []
    for number, (model, count) in enumerate(zip(models, patients, strict=True)):
        asked = Message(RecordDict(), 10 + number, MessageType.TRAIN)
        metrics = MetricRecord({"num-examples": count, "loss": 0.1})
        content = RecordDict({"arrays": to_record({"w": model}), "metrics": metrics})
        found.append(Message(content, reply_to=asked))
    return found


def asking(strategy: Screened, model: np.ndarray, patients: list[int]) -> Screened:
    """Return a strategy that has just written to hospitals at nodes 10, 11 and so on."""
    roster = Roster()
    roster.members = {10 + n: Member(n, f"H{n}", count) for n, count in enumerate(patients)}
    roster.known = {member.partition: member for member in roster.members.values()}
    strategy.join(roster)
    strategy.asked, strategy.sent = list(roster.members), to_record({"w": model})
    return strategy


@trying(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_the_running_average_has_the_bits_of_flowers_whatever_order_answers_come_in(
    patients: list[int], shuffler: random.Random
) -> None:
    rng = np.random.default_rng(sum(patients))
    models = [rng.normal(size=(5, 3)).astype(np.float32) for _ in patients]
    with running():
        due = aggregate_arrayrecords([m.content for m in answers(models, patients)], "num-examples")
        came = answers(models, patients)
        shuffler.shuffle(came)
        found, _ = asking(FedAvg(), models[0], patients).aggregate_train(1, iter(came))
    assert found["w"].numpy().tobytes() == due["w"].numpy().tobytes()


@pytest.mark.parametrize("shape", [(), (2,)])
def test_shares_are_of_those_who_answered_validly(shape: tuple[int, ...]) -> None:
    # Also of a lone number, of which numpy makes a scalar at every turn.
    models = [np.full(shape, value, np.float32) for value in (1.0, np.nan, 5.0, 9.0)]
    with running():
        came = answers(models, [1, 2, 3, 4])
        strategy = asking(FedAvg(), models[0], [1, 2, 3, 4])
        found, _ = strategy.aggregate_train(1, [came[2], came[0], came[1]])  # the last one never
    assert found["w"].numpy().shape == shape
    np.testing.assert_allclose(found["w"].numpy(), (1 * 1 + 3 * 5) / 4, rtol=1e-6)
    assert set(strategy.trained.left_out) == {"H1", "H3"}


def test_a_part_of_the_hospitals_is_drawn_again_in_each_round_the_same_for_a_seed() -> None:
    settings = FederationSettings(**SGD, fraction=0.5, rounds=8)
    first, again = (federate(BowlTask(), settings).history for _ in range(2))
    drawn = [tuple(report.trained) for report in first]
    assert drawn == [tuple(report.trained) for report in again]
    assert {len(names) for names in drawn} == {2}
    assert len(set(drawn)) > 1
