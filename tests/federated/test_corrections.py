"""FedProx and SCAFFOLD on quadratics, whose optimum is known, and where they are neutral."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from fedlab_utils.errors import TrainingError
from fedlab_utils.federated.corrections import (
    ControlVariates,
    Proximal,
    gradient_at,
    zero_variates,
)
from fedlab_utils.segmentation import OptimiserSettings, local_update, make_optimiser
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from tests.federated.toys import Bowl, Point, bowls, optimum

RATE, STEPS, ROUNDS = 0.1, 8, 80
SGD = OptimiserSettings("sgd", RATE, weight_decay=0.0)
EMPTY = {"image": torch.zeros(1), "target": torch.zeros(1), "patient": torch.zeros(1)}


def walk(bowl: Bowl, start: torch.Tensor, corrections=(), steps: int = STEPS) -> torch.Tensor:
    model = Point(start)
    optimiser = make_optimiser(model, SGD)
    local_update(model, [EMPTY] * steps, optimiser, corrections, loss=bowl.loss)
    return model.at.detach()


def federate(
    of: list[Bowl], weights: np.ndarray, rounds: int, option: str | None
) -> tuple[torch.Tensor, list[dict], dict]:
    """FedAvg (no option) or SCAFFOLD with a server step of 1, all hospitals in each round."""
    at = torch.zeros(3, dtype=torch.float64)
    server = zero_variates(Point(at))
    own = [zero_variates(Point(at)) for _ in of]
    for _ in range(rounds):
        ends, news = [], []
        for bowl, mine in zip(of, own, strict=True):
            correction = ControlVariates(server, mine)
            ends.append(walk(bowl, at, [correction] if option else []))
            if option == "I":
                news.append(gradient_at(Point(at), [EMPTY], bowl.loss))
            else:
                news.append(correction.new)
        at = sum(w * end for w, end in zip(weights, ends, strict=True))
        if option:
            change = sum(
                w * (new["at"] - old["at"]) for w, new, old in zip(weights, news, own, strict=True)
            )
            server, own = {"at": server["at"] + change}, news
    return at, own, server


WEIGHTS = {"uniform": np.full(4, 0.25), "by patients": np.array([0.1, 0.2, 0.3, 0.4])}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("option", ["I", "II"])
def test_scaffold_reaches_the_optimum_and_fedavg_stays_biased(
    option: str, weights: np.ndarray
) -> None:
    of = bowls()
    due = optimum(of, weights)
    biased, _, _ = federate(of, weights, ROUNDS, None)
    assert (biased - due).norm() > 0.05
    at, own, server = federate(of, weights, ROUNDS, option)
    assert (at - due).abs().max() < 1e-6
    # At the optimum each hospital's variate is its own slope there, and they cancel.
    for bowl, mine in zip(of, own, strict=True):
        torch.testing.assert_close(mine["at"], bowl.slope(due), atol=1e-5, rtol=0)
    total = sum(w * mine["at"] for w, mine in zip(weights, own, strict=True))
    torch.testing.assert_close(total, server["at"], atol=1e-9, rtol=0)


def test_one_step_of_fedavg_has_no_bias_so_that_the_bias_above_is_drift() -> None:
    of, weights = bowls(), WEIGHTS["uniform"]
    at = torch.zeros(3, dtype=torch.float64)
    for _ in range(400):
        at = sum(w * walk(bowl, at, steps=1) for w, bowl in zip(weights, of, strict=True))
    assert (at - optimum(of, weights)).abs().max() < 1e-6


def test_option_2_is_the_mean_gradient_along_the_walk() -> None:
    """With both variates at zero: the walk divided by K * eta is what was walked on."""
    [bowl] = bowls(1)
    start = torch.ones(3, dtype=torch.float64)
    correction = ControlVariates(zero_variates(Point(start)), zero_variates(Point(start)))
    walk(bowl, start, [correction])
    at, slopes = start, []
    for _ in range(STEPS):
        slopes.append(bowl.slope(at))
        at = at - RATE * slopes[-1]
    torch.testing.assert_close(correction.new["at"], torch.stack(slopes).mean(0))


@pytest.mark.parametrize("mu", [0.1, 3.0])
def test_fedprox_adds_mu_times_the_way_to_the_gradient(mu: float) -> None:
    [bowl] = bowls(1)
    start = torch.full((3,), 2.0, dtype=torch.float64)
    at = start
    for _ in range(STEPS):
        at = at - RATE * (bowl.slope(at) + mu * (at - start))
    torch.testing.assert_close(walk(bowl, start, [Proximal(mu)]), at)


def test_a_strong_pull_keeps_a_hospital_near_its_start() -> None:
    [bowl] = bowls(1)
    start = torch.full((3,), 2.0, dtype=torch.float64)
    ways = [(walk(bowl, start, [Proximal(mu)]) - start).norm() for mu in (0, 1, 10)]
    assert ways[0] > ways[1] > ways[2]


def zero_scaffold(model: nn.Module) -> ControlVariates:
    return ControlVariates(zero_variates(model), zero_variates(model))


@pytest.mark.parametrize(
    "neutral", [lambda _: Proximal(0.0), zero_scaffold], ids=["mu = 0", "variates = 0"]
)
def test_neutral_settings_give_the_bits_of_fedavg_on_the_unet(
    neutral: Callable[[nn.Module], object],
) -> None:
    generator = torch.Generator().manual_seed(4)
    batches = [
        {
            "image": torch.randn(4, 4, 32, 32, generator=generator),
            "target": (torch.rand(4, 3, 32, 32, generator=generator) < 0.2).float(),
            "patient": torch.tensor([0, 0, 1, 1]),
        }
        for _ in range(3)
    ]
    plain, corrected = (make_unet(UNetSettings(width=8), seed=1) for _ in range(2))
    local_update(plain, batches, make_optimiser(plain, SGD))
    local_update(corrected, batches, make_optimiser(corrected, SGD), [neutral(corrected)])
    for name, value in plain.state_dict().items():
        assert torch.equal(corrected.state_dict()[name], value), name


def test_gradient_at_leaves_the_model_alone_and_averages_batches() -> None:
    first, second = bowls(2)
    model = Point(torch.ones(3, dtype=torch.float64))
    batches = [{**EMPTY, "patient": torch.tensor([n])} for n in range(2)]

    def loss(at: torch.Tensor, _: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
        return (first, second)[int(patient)].loss(at)

    found = gradient_at(model, batches, loss)["at"]
    torch.testing.assert_close(found, (first.slope(model.at) + second.slope(model.at)) / 2)
    assert model.at.grad is None
    with pytest.raises(TrainingError, match="no batch"):
        gradient_at(model, [], loss)


@pytest.mark.parametrize("mu", [-0.1, float("nan"), float("inf")])
def test_mu_must_be_a_number(mu: float) -> None:
    with pytest.raises(TrainingError, match="FedProx: mu is"):
        Proximal(mu)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ({}, "control variate of at has the shape None"),
        ({"at": torch.zeros(2)}, r"of at has the shape \(2,\), its parameter \(3,\)"),
        ({"at": torch.zeros(3), "more": torch.zeros(1)}, r"of more has the shape \(1,\)"),
    ],
)
def test_variates_that_do_not_fit_are_refused_before_the_first_step(server, words: str) -> None:
    model = Point(torch.zeros(3))
    with pytest.raises(TrainingError, match=words):
        local_update(
            model,
            [EMPTY],
            make_optimiser(model, SGD),
            [ControlVariates(server, zero_variates(model))],
            loss=bowls(1)[0].loss,
        )
    assert torch.equal(model.at.detach(), torch.zeros(3))
