"""The explorer of epsilon: its noise against the accountant, its lines and its words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from fedlab_utils.privacy import epsilon_of
from fedlab_utils.ui.epsilon import EPSILONS, EpsilonExplorer
from tests.ui.drive import drive


def test_the_noise_is_the_least_that_keeps_the_budget() -> None:
    explorer = EpsilonExplorer()
    for epsilon, rate, steps in ((1, 0.1, 300), (16, 1.0, 10)):
        explorer.epsilon.value, explorer.rate.value = epsilon, rate
        explorer.steps.value = steps
        noise = explorer.shown["noise"]
        assert epsilon_of([(noise, rate, steps)], 1e-5, "rdp") <= epsilon
        assert epsilon_of([(0.99 * noise, rate, steps)], 1e-5, "rdp") > epsilon
        assert explorer.shown["spent"][-1] == pytest.approx(epsilon, rel=0.01)
        assert explorer.shown["spent"] == sorted(explorer.shown["spent"])


def test_bells_lie_one_bound_apart_and_are_as_wide_as_the_noise() -> None:
    explorer = EpsilonExplorer()
    explorer.epsilon.value = 2
    without, having, spent = explorer.plot.data
    noise = explorer.shown["noise"]
    np.testing.assert_allclose(without.y, norm.pdf(without.x, 0, noise))
    np.testing.assert_allclose(having.y, norm.pdf(having.x, 1, noise))
    assert list(spent.x) == explorer.shown["counts"]
    assert list(spent.y) == explorer.shown["spent"]


def test_more_patients_make_the_same_noise_small_and_less_epsilon_makes_it_large() -> None:
    explorer = EpsilonExplorer()
    explorer.patients.value = 100
    before = explorer.shown["share"]
    explorer.patients.value = 1000
    assert explorer.shown["share"] == pytest.approx(before / 10)
    noises = []
    for epsilon in EPSILONS:
        explorer.epsilon.value = epsilon
        noises.append(explorer.shown["noise"])
    assert noises == sorted(noises, reverse=True)


def test_words_give_unit_delta_and_adjacency() -> None:
    explorer = EpsilonExplorer()
    words = explorer.describe()
    for due in ("Epsilon 8 per patient", "delta 1e-05", "one patient added or removed"):
        assert due in words
    assert f"{explorer.shown['noise']:.2f} clipping bounds" in words
    assert explorer.twin().alt == words


def test_it_follows_its_sliders() -> None:
    assert drive(EpsilonExplorer()) == 6 + 7 + 6 + 6
