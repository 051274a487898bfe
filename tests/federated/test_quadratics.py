"""The fixed point against rounds run until they stand still, and a walk against the federation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.quadratics import (
    Quadratic,
    QuadraticTask,
    fixed_point,
    optimum,
    walk,
)
from tests.federated.toys import BowlTask, bowls
from tests.federated.toys import optimum as due_optimum

SGD = {"optimiser": "sgd", "weight_decay": 0.0, "evaluate_every": 1000}


def by_iteration(
    of: list[Quadratic], shares: np.ndarray, steps: int, rate: float, mu: float
) -> np.ndarray:
    """FedAvg's or FedProx's model after many rounds, step by step in numpy."""
    at = np.zeros(len(of[0].bottom))
    for _ in range(3000):
        ends = []
        for bowl in of:
            y = at.copy()
            for _ in range(steps):
                slope = bowl.curvature.numpy() @ (y - bowl.bottom.numpy())
                y -= rate * (slope + mu * (y - at))
            ends.append(y)
        new = np.average(ends, axis=0, weights=shares)
        if np.abs(new - at).max() < 1e-14:
            break
        at = new
    return at


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    steps=st.integers(1, 20),
    rate=st.floats(0.02, 0.25),
    mu=st.sampled_from([0.0, 0.3, 2.0]),
)
def test_the_fixed_point_is_where_rounds_end(seed: int, steps: int, rate: float, mu: float) -> None:
    of = bowls(3, 2, seed)
    shares = np.random.default_rng(seed).dirichlet(np.ones(3))
    found = fixed_point(of, shares, steps, rate, mu)
    np.testing.assert_allclose(found, by_iteration(of, shares, steps, rate, mu), atol=1e-8)


def test_one_step_is_unbiased_and_endless_ones_end_in_the_mean_of_the_bottoms() -> None:
    of, shares = bowls(), np.array([0.1, 0.2, 0.3, 0.4])
    torch.testing.assert_close(optimum(of, shares), due_optimum(of, shares))
    for mu in (0.0, 1.0):
        torch.testing.assert_close(fixed_point(of, shares, 1, 0.2, mu), optimum(of, shares))
    mean = sum(p * bowl.bottom for p, bowl in zip(shares, of, strict=True))
    torch.testing.assert_close(fixed_point(of, shares, 500, 0.2), mean)


def test_equal_curvatures_leave_no_bias_however_far_the_bottoms_lie_apart() -> None:
    curvature = bowls(1)[0].curvature
    of = [Quadratic(curvature, bowl.bottom) for bowl in bowls()]
    shares = np.full(4, 0.25)
    torch.testing.assert_close(fixed_point(of, shares, 30, 0.1), optimum(of, shares))


def test_a_stronger_pull_leaves_less_bias() -> None:
    of, shares = bowls(), np.full(4, 0.25)
    away = [
        float((fixed_point(of, shares, 20, 0.05, mu) - optimum(of, shares)).norm())
        for mu in (0.0, 0.5, 2.0, 8.0)
    ]
    assert away == sorted(away, reverse=True)
    assert away[-1] > 0


@pytest.mark.parametrize("strategy", ["fedavg", "fedprox", "scaffold"])
def test_a_walk_goes_where_the_federation_goes(strategy: str) -> None:
    task = BowlTask(noise=0.2)
    chosen = FederationSettings(
        **SGD, strategy=strategy, rounds=6, local_steps=4, learning_rate=0.1, mu=0.5
    )
    found = walk(task, chosen)
    assert found.averages.shape == (7, 3)
    assert found.paths.shape == (6, 4, 5, 3)
    torch.testing.assert_close(torch.tensor(found.averages[-1]), federate(task, chosen).last["at"])
    for number in range(6):
        np.testing.assert_array_equal(found.paths[number, :, 0], [found.averages[number]] * 4)
        ends = np.average(found.paths[number, :, -1], axis=0, weights=task.shares)
        np.testing.assert_allclose(found.averages[number + 1], ends)


def test_what_cannot_be_walked_is_refused() -> None:
    with pytest.raises(FederationError, match="fedadam"):
        walk(BowlTask(), FederationSettings(strategy="fedadam"))
    with pytest.raises(FederationError, match="4 hospitals and 2 counts"):
        QuadraticTask(bowls(), (1, 2))
