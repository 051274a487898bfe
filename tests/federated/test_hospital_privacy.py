"""What a run promises each hospital: its epsilon, in whose view, and how much noise that takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import FederationSettings, HospitalPrivacy
from fedlab_utils.federated.hospital_privacy import WAYS


def pld_epsilon(noise: float, rate: float, rounds: int, delta: float) -> float:
    """Epsilon by Google's accountant, which composes other distributions in another way."""
    from dp_accounting import dp_event
    from dp_accounting.pld import PLDAccountant

    step = dp_event.GaussianDpEvent(noise)
    if rate < 1:
        step = dp_event.PoissonSampledDpEvent(rate, step)
    return PLDAccountant().compose(step, rounds).get_epsilon(delta)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("rounds", "fraction", "noise"), [(6, 1.0, 2.0), (30, 0.25, 1.0)])
def test_epsilon_of_a_run_is_that_of_another_accountant(way, rounds, fraction, noise) -> None:
    """Whom the server draws hides nothing from itself: where it is not trusted the rate is 1."""
    plan = HospitalPrivacy(way, epsilon=100.0, noise=noise)
    found = plan.promise(FederationSettings(rounds=rounds, fraction=fraction))
    due = pld_epsilon(noise, 1.0 if way == "local" else fraction, rounds, 1e-5)
    assert found["epsilon"] == pytest.approx(due, rel=5e-3)


def test_noise_for_a_budget_is_the_least_that_fits() -> None:
    settings = FederationSettings(rounds=12, fraction=0.5)
    noise = HospitalPrivacy(epsilon=3.0).fitted(settings).noise
    assert pld_epsilon(noise, 0.5, 12, 1e-5) <= 3.0 * 1.002
    assert pld_epsilon(0.99 * noise, 0.5, 12, 1e-5) > 3.0


def test_too_little_noise_for_the_budget_is_refused() -> None:
    with pytest.raises(PrivacyError, match="in 10 rounds, and the budget is 2"):
        HospitalPrivacy(epsilon=2.0, noise=1.0).fitted(FederationSettings(rounds=10))


def test_a_promise_names_unit_view_and_what_is_not_covered() -> None:
    settings = FederationSettings(rounds=3)
    central, local = (HospitalPrivacy(w, epsilon=8.0).promise(settings) for w in WAYS[::3])
    assert central["unit"] == local["unit"] == "hospital, with all patients"
    assert "neither the server" in central["view"]
    assert "the server too" in local["view"]
    assert "validation and test" in central["not covered"]
    assert "simulated" not in central
    simulated = HospitalPrivacy(epsilon=8.0, simulated=True).promise(settings)
    assert "no guarantee" in simulated["simulated"]


@given(noise=st.floats(0.3, 50.0), expected=st.floats(0.5, 5000.0))
def test_what_the_count_spends_is_taken_from_the_sum(noise: float, expected: float) -> None:
    """Two Gaussians at once lose as one of the multiplier in which their precisions add up."""
    plan = HospitalPrivacy("adaptive", epsilon=1.0, noise=noise)
    on_sum, on_count = plan.shares(expected)
    count_moves = 0.5
    assert 1 / on_sum**2 + (count_moves / on_count) ** 2 == pytest.approx(1 / noise**2)
    assert noise < on_sum <= 1.16 * noise
    assert on_count >= expected / 20


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"way": "flower"}, "server, client, adaptive, local"),
        ({"epsilon": -1.0}, "0 for no privacy"),
        ({"delta": 1.0}, "between 0 and 1"),
        ({"bound": 0.0}, "length above 0"),
        ({"noise": -1.0}, "multiplier"),
        ({"quantile": 1.0}, "share"),
        ({"bound_rate": 0.0}, "above 0"),
        ({"simulated": 1}, "True or False"),
        ({"epsilon": 0.0, "noise": 1.0}, "without a budget nothing is private"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict, match: str) -> None:
    with pytest.raises(PrivacyError, match=match):
        HospitalPrivacy(**{"epsilon": 8.0, **wrong})


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"strategy": "scaffold", "optimiser": "sgd"}, "control variates too"),
        ({"fewest": 2}, "tells of who was there"),
    ],
)
def test_settings_under_which_the_promise_fails_are_refused(settings: dict, match: str) -> None:
    with pytest.raises(PrivacyError, match=match):
        HospitalPrivacy(epsilon=8.0).fitted(FederationSettings(**settings))
