"""Noise: distributed as it should be, from the system unless a lesson says so aloud."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import fedlab_utils.privacy.randomness as module
from fedlab_utils.privacy.randomness import SimulatedRandomness, SystemRandomness

QUIET = {"say": lambda _: None}


@pytest.mark.parametrize("source", [SystemRandomness(), SimulatedRandomness(3, **QUIET)])
def test_numbers_have_their_distributions(source) -> None:
    numbers = source.normal((200, 100))
    assert numbers.shape == (200, 100)
    assert stats.kstest(numbers.ravel(), "norm").pvalue > 1e-6
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.04
    squared = numbers**2  # a length that two neighbours share must not show either
    assert abs(np.corrcoef(squared[:, :-1].ravel(), squared[:, 1:].ravel())[0, 1]) < 0.04
    uniform = source.uniform(20_000)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    assert stats.kstest(uniform, "uniform").pvalue > 1e-6


def test_bytes_of_the_operating_system_become_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "urandom", lambda count: b"\xff" * count)
    assert SystemRandomness().uniform(2).tolist() == [1 - 2.0**-53] * 2
    assert np.isfinite(SystemRandomness().normal((2,))).all()
    monkeypatch.setattr(module.os, "urandom", lambda count: b"\x00" * count)
    assert SystemRandomness().uniform(1).tolist() == [0.0]
    assert np.isfinite(SystemRandomness().normal((2,))).all()


def test_a_seed_decides_and_says_that_it_protects_nothing() -> None:
    said = []
    first, again = (SimulatedRandomness((1, 2), said.append) for _ in range(2))
    assert np.array_equal(first.normal((3,)), again.normal((3,)))
    assert len(said) == 2
    assert "no guarantee" in said[0]
    assert not np.array_equal(SystemRandomness().normal((3,)), SystemRandomness().normal((3,)))


def test_nothing_is_drawn_for_nobody() -> None:
    assert SystemRandomness().uniform(0).shape == (0,)
    assert SystemRandomness().normal(()).shape == ()
