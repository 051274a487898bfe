"""Membership: scikit-learn as the oracle, exact intervals, and what chance alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm
from sklearn.metrics import roc_auc_score, roc_curve

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.membership import (
    MANY,
    advantage,
    area,
    found_at,
    likelihood_ratio,
    roc,
)

few = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(few, few)
def test_the_curve_is_scikit_learn_s_ties_and_all(members: list, others: list) -> None:
    truth = [1] * len(members) + [0] * len(others)
    false_alarms, found, _ = roc_curve(truth, members + others, drop_intermediate=False)
    ours = roc(members, others)
    assert np.allclose(ours[0], false_alarms)
    assert np.allclose(ours[1], found)
    assert area(members, others) == pytest.approx(roc_auc_score(truth, members + others))
    lead = found - false_alarms
    assert advantage(members, others) == pytest.approx((lead.max(), -lead.min()))
    turned = advantage([-m for m in members], [-o for o in others])
    assert turned == pytest.approx(advantage(members, others)[::-1])


def test_members_found_at_one_per_cent_of_false_alarms() -> None:
    others = np.arange(1000.0)
    members = np.array([2000.0] * 30 + [990.5] * 10 + [988.5] * 5 + [0.0] * 55)
    found = found_at(members, others)
    assert (found.rate, found.false_alarms) == (0.4, 0.01)  # those from 990 on are accused
    low, high = beta.ppf(0.025, 40, 61), beta.ppf(0.975, 41, 60)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found_at(members, others, 0.5).rate == 0.45


def test_nobody_found_has_an_interval_too() -> None:
    found = found_at(np.zeros(50), np.ones(1000))
    assert (found.rate, found.low, found.false_alarms) == (0.0, 0.0, 0.0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 50))


def test_ties_at_the_threshold_are_not_accused_beyond_what_is_allowed() -> None:
    found = found_at(np.ones(20), np.ones(1000))
    assert (found.rate, found.false_alarms) == (0.0, 0.0)


def test_scores_that_tell_nothing_lead_by_chance_as_the_docstring_says() -> None:
    rng = np.random.default_rng(0)
    leads = [advantage(rng.normal(size=100), rng.normal(size=1000))[0] for _ in range(300)]
    assert np.mean(leads) == pytest.approx(0.063, abs=0.007)


def test_too_few_others_are_refused() -> None:
    with pytest.raises(PrivacyError, match="Take at least 1000"):
        found_at(np.ones(5), np.ones(999))


@pytest.mark.parametrize(("members", "others"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_scores_that_are_none_are_refused(members: list, others: list) -> None:
    with pytest.raises(PrivacyError, match="have no score"):
        roc(members, others)


def test_the_ratio_is_that_of_two_normal_densities() -> None:
    rng = np.random.default_rng(1)
    trained, left_out = (
        np.exp(rng.normal(mean, sd, (40_000, 3))) for mean, sd in ((-1.0, 0.3), (-0.2, 0.5))
    )
    loss = np.array([0.2, 0.5, 1.1])
    due = norm(-1.0, 0.3).logpdf(np.log(loss)) - norm(-0.2, 0.5).logpdf(np.log(loss))
    assert likelihood_ratio(loss, trained, left_out) == pytest.approx(due, rel=0.05, abs=0.1)
    assert np.all(np.diff(likelihood_ratio(loss, trained, left_out)) < 0)


def test_patients_who_waver_more_are_measured_on_their_own_scale() -> None:
    rng = np.random.default_rng(2)
    spread = np.array([0.05, 0.2, 0.8])
    left_out = np.exp(rng.normal(-0.2, spread, (40_000, 3)))
    trained = np.exp(rng.normal(-0.2 - 2 * spread, 1.5 * spread, (40_000, 3)))
    loss = np.exp(-0.2 - np.array([1.0, -0.5, 2.5]) * spread)
    due = norm(-2, 1.5).logpdf([-1.0, 0.5, -2.5]) - norm.logpdf([-1.0, 0.5, -2.5])
    assert likelihood_ratio(loss, trained, left_out) == pytest.approx(due, rel=0.05, abs=0.1)
    few = likelihood_ratio(loss, trained[:4], left_out[: MANY - 1])
    assert np.abs(few - due).max() > 0.5  # one deviation for all: wrong for each of them


def test_a_shadow_that_says_nothing_is_passed_over() -> None:
    trained = np.array([[0.2, 0.3], [0.4, np.nan], [0.3, 0.5]])
    left_out = np.array([[0.6, 0.8], [0.9, 0.7]])
    assert np.isfinite(likelihood_ratio(np.array([0.4, 0.5]), trained, left_out)).all()
    with pytest.raises(PrivacyError, match="1 shadows trained"):
        likelihood_ratio(np.array([0.4, 0.5]), trained[:2], left_out)


@pytest.mark.parametrize("loss", [0.0, -1.0])
def test_a_loss_that_is_none_is_refused(loss: float) -> None:
    with pytest.raises(PrivacyError, match="not a number above 0"):
        likelihood_ratio(np.array([loss]), np.full((2, 1), 0.3), np.full((2, 1), 0.4))
