"""The noise on a mean update, in closed form."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import noise_on_mean


@trying(max_examples=12, deadline=None)
@given(
    hospitals=st.integers(1, 10_000), weights=st.integers(1, 10**7), epsilon=st.floats(0.5, 20.0)
)
def test_noise_on_the_mean_of_one_round_is_in_closed_form(hospitals, weights, epsilon) -> None:
    """One round at rate 1: the multiplier is the root of Balle and Wang's formula."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    def over(noise: float) -> float:
        tail = norm.cdf(0.5 / noise - epsilon * noise)
        return tail - np.exp(epsilon) * norm.cdf(-0.5 / noise - epsilon * noise) - 1e-5

    due = max(0.2, brentq(over, 0.15, 20.0))
    server = noise_on_mean(hospitals, 1, epsilon, weights)
    assert server == pytest.approx(due * sqrt(weights) / hospitals, rel=5e-3)
    local = noise_on_mean(hospitals, 1, epsilon, weights, "local")
    assert local == pytest.approx(server * sqrt(hospitals), rel=1e-9)


def test_hospitals_by_the_thousand_drown_the_noise_and_five_do_not() -> None:
    shares = [noise_on_mean(n, 50, 8.0, 10**5) for n in (5, 50, 500, 5000)]
    assert shares[0] > 100
    assert np.allclose(np.divide(shares[:-1], shares[1:]), 10)
    assert noise_on_mean(5000, 50, 8.0, 10**5, rate=0.1) > shares[3]  # fewer share it, per round


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"hospitals": 0}, {"rounds": 0}, {"weights": 0}, {"rate": 0.0}):
        numbers = {"hospitals": 5, "rounds": 5, "epsilon": 8.0, "weights": 9} | wrong
        with pytest.raises(PrivacyError, match=r"above 0|1 or more"):
            noise_on_mean(**numbers)
