"""Epsilon: closed forms, an independent accountant, and what must hold of any."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy import accounting
from fedlab_utils.privacy.accounting import epsilon_of, noise_for, steps_within

GRID = [
    (q, sigma, steps, (1e-5, 1e-6)[number % 2])
    for number, (q, sigma, steps) in enumerate(
        product((0.01, 0.05, 0.2), (0.7, 1.0, 2.0, 5.0), (10, 100, 1000))
    )
]


WHOLE = tuple(order for order in accounting.ORDERS if order == int(order))


def _independent(q: float, sigma: float, steps: int, delta: float, tight: bool = True) -> float:
    from dp_accounting import dp_event
    from dp_accounting.pld import PLDAccountant
    from dp_accounting.rdp import RdpAccountant

    step = dp_event.PoissonSampledDpEvent(q, dp_event.GaussianDpEvent(sigma))
    accountant = PLDAccountant() if tight else RdpAccountant(orders=WHOLE)
    return accountant.compose(step, steps).get_epsilon(delta)


@pytest.mark.parametrize(("q", "sigma", "steps", "delta"), GRID)
def test_prv_is_within_one_per_cent_of_an_independent_accountant(
    q: float, sigma: float, steps: int, delta: float
) -> None:
    due = _independent(q, sigma, steps, delta)
    assert epsilon_of([(sigma, q, steps)], delta) == pytest.approx(due, rel=0.01, abs=1e-3)


@pytest.mark.parametrize(("q", "sigma", "steps", "delta"), GRID[::5])
def test_rdp_agrees_with_an_independent_accountant_and_is_no_smaller_than_prv(
    q: float, sigma: float, steps: int, delta: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = epsilon_of([(sigma, q, steps)], delta, "rdp")
    assert found >= epsilon_of([(sigma, q, steps)], delta)
    monkeypatch.setattr(accounting, "ORDERS", WHOLE)  # the other one gives up on some fractions
    accounting._epsilon.cache_clear()
    whole = epsilon_of([(sigma, q, steps)], delta, "rdp")
    accounting._epsilon.cache_clear()
    assert whole == pytest.approx(_independent(q, sigma, steps, delta, tight=False), rel=0.01)
    assert found <= whole


@pytest.mark.parametrize("sigma", [0.8, 2.0, 10.0])
def test_one_look_at_everybody_is_the_gaussian_mechanism(sigma: float) -> None:
    """Balle and Wang 2018, arXiv:1805.06530, theorem 8, solved for epsilon."""

    def gap(epsilon: float) -> float:
        a, b = 1 / (2 * sigma), epsilon * sigma
        return norm.cdf(a - b) - math.exp(epsilon) * norm.cdf(-a - b) - 1e-5

    due = brentq(gap, 1e-6, 50)
    assert epsilon_of([(sigma, 1.0, 1)], 1e-5) == pytest.approx(due, rel=0.01)


def test_unlike_steps_are_added_whatever_their_order() -> None:
    some = [(1.0, 0.1, 30), (2.0, 0.05, 40), (1.0, 0.1, 20)]
    whole = epsilon_of(some, 1e-5)
    assert whole == epsilon_of(some[::-1], 1e-5)
    assert whole == epsilon_of([(2.0, 0.05, 40), (1.0, 0.1, 50)], 1e-5)
    assert whole > epsilon_of([(1.0, 0.1, 50)], 1e-5)
    assert epsilon_of([], 1e-5) == epsilon_of([(1.0, 0.1, 0)], 1e-5) == 0


@settings(max_examples=8, deadline=None)
@given(
    noise=st.floats(0.6, 5), rate=st.floats(0.01, 0.5), steps=st.integers(1, 200), more=st.data()
)
def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise(noise, rate, steps, more) -> None:
    before = epsilon_of([(noise, rate, steps)], 1e-5, "rdp")
    assert epsilon_of([(noise, rate, steps + more.draw(st.integers(1, 9)))], 1e-5, "rdp") >= before
    assert epsilon_of([(1.2 * noise, rate, steps)], 1e-5, "rdp") <= before
    assert epsilon_of([(noise, min(1, 1.2 * rate), steps)], 1e-5, "rdp") >= before


@pytest.mark.parametrize("accountant", ["prv", "rdp"])
def test_the_steps_within_a_budget_fit_and_one_more_does_not(accountant: str) -> None:
    history = [(1.5, 0.1, 40)]
    steps = steps_within(3.0, 1e-5, 1.2, 0.1, history, accountant)
    assert steps > 1
    assert epsilon_of([*history, (1.2, 0.1, steps)], 1e-5, accountant) <= 3.0
    assert epsilon_of([*history, (1.2, 0.1, steps + 1)], 1e-5, accountant) > 3.0
    assert steps_within(0.1, 1e-5, 0.7, 0.5, history, accountant) == 0


@pytest.mark.parametrize("budget", [0.5, 2.0, 8.0])
def test_the_noise_for_a_budget_is_enough_and_hardly_more(budget: float) -> None:
    noise = noise_for(budget, 1e-5, 0.2, 100)
    spent = epsilon_of([(noise, 0.2, 100)], 1e-5)
    assert 0.98 * budget < spent <= budget


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: epsilon_of([(0.0, 0.1, 1)], 1e-5), "noise 0"),
        (lambda: epsilon_of([(1.0, 1.1, 1)], 1e-5), "rate 1.1"),
        (lambda: epsilon_of([(1.0, 0.1, -1)], 1e-5), "-1 steps"),
        (lambda: epsilon_of([(float("nan"), 0.1, 1)], 1e-5), "noise nan"),
        (lambda: epsilon_of([(1.0, 0.1, 1)], 0.0), "delta"),
        (lambda: epsilon_of([(1.0, 0.1, 1)], 1e-5, "gdp"), "'gdp'"),
        (lambda: noise_for(0.0, 1e-5, 0.1, 1), "epsilon is 0"),
        (lambda: noise_for(1e-6, 1e-5, 1.0, 10_000), "needs more noise"),
    ],
)
def test_numbers_out_of_range_are_named(call, says: str) -> None:
    with pytest.raises(PrivacyError, match=says):
        call()
