"""The audit: never above the truth too often, and close to it where guessing is at its best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.audit import guess_extremes, least_epsilon, p_value


def test_without_delta_it_is_a_test_of_coins() -> None:
    head = math.e / (1 + math.e)
    due = sum(math.comb(60, k) * head**k * (1 - head) ** (60 - k) for k in range(52, 61))
    assert p_value(100, 60, 52, 1.0, 0.0) == pytest.approx(due)
    assert p_value(100, 60, 0, 1.0, 0.0) == 1
    low = least_epsilon(100, 60, 52, 0.0)
    share = binomtest(52, 60, alternative="greater").proportion_ci(0.95, "exact").low
    assert low == pytest.approx(math.log(share / (1 - share)), abs=1e-3)


def test_delta_costs_what_the_theorem_says() -> None:
    """Brute force over the sums that the maximum runs over."""
    canaries, guesses, correct, delta = 300, 80, 70, 1e-4
    head = 1 / (1 + math.exp(-1.5))
    density = max(
        sum(binom.pmf(k, guesses, head) for k in range(correct - i, correct)) / i
        for i in range(1, correct + 1)
    )
    due = binom.sf(correct - 1, guesses, head) + 2 * canaries * delta * density
    assert p_value(canaries, guesses, correct, 1.5, delta) == pytest.approx(due)
    assert least_epsilon(300, 80, 70, 1e-4) <= least_epsilon(300, 80, 70, 0.0)


@pytest.mark.parametrize("epsilon", [0.5, 2.0, 4.0])
def test_randomised_response_is_caught_closely_and_rarely_overcharged(epsilon: float) -> None:
    """Its promise is exact: each coin is told rightly with probability e^eps / (1 + e^eps)."""
    rng, head = np.random.default_rng(0), 1 / (1 + math.exp(-epsilon))
    bounds = [least_epsilon(500, 500, int(rng.binomial(500, head)), 1e-5) for _ in range(400)]
    assert np.mean(np.array(bounds) > epsilon) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
    assert np.median(bounds) > 0.6 * epsilon


def test_all_right_proves_much_and_half_right_nothing() -> None:
    assert least_epsilon(500, 500, 500, 1e-5) > 4.5
    assert least_epsilon(500, 500, 250, 1e-5) == 0
    assert least_epsilon(500, 0, 0, 1e-5) == 0


def test_the_outermost_are_guessed() -> None:
    scores = np.array([0.3, -2.0, 5.0, 0.1, 4.0, -1.0])
    assert guess_extremes(scores, 4).tolist() == [0, -1, 1, 0, 1, -1]
    assert guess_extremes(scores, 0).tolist() == [0] * 6
    for guesses in (3, 8, -2):
        with pytest.raises(PrivacyError, match="guesses of 6 canaries"):
            guess_extremes(scores, guesses)


@pytest.mark.parametrize("counts", [(10, 11, 5), (10, 5, 6), (10, 5, -1)])
def test_counts_that_do_not_fit_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(PrivacyError, match="are right, of 10 canaries"):
        p_value(*counts, 1.0, 1e-5)
