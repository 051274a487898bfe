"""How large the noise of hospitals' privacy is beside what the hospitals have learned."""

from __future__ import annotations

from math import sqrt

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.settings import FederationSettings


def noise_on_mean(
    hospitals: int,
    rounds: int,
    epsilon: float,
    weights: int,
    way: str = "server",
    delta: float = 1e-5,
    rate: float = 1.0,
) -> float:
    """Return the length of the noise on a round's mean update, over the bound on one update.

    No mean of updates is longer than the bound: at 1 there is at least as much noise as model. With
    the noise multiplier z, a model of D weights, N hospitals and the rate q it is z sqrt(D) / (q N)
    where the server adds noise to the sum; where each hospital adds it to its own, q N such noises
    are averaged, and it is z sqrt(D) / sqrt(q N), the z being that of rate 1.

    Parameters
    ----------
    hospitals, rounds
        N, and how often noise is added.
    epsilon, delta
        Per hospital, for all rounds.
    weights
        D.
    way
        One of ``WAYS``.
    rate
        Probability of a hospital to take part in a round.

    Raises
    ------
    PrivacyError
        If a number is out of range.
    """
    counts = {"hospitals": hospitals, "rounds": rounds, "weights": weights}
    for name, count in counts.items():
        if count < 1:
            raise PrivacyError(name, f"it is {count}", "Pass 1 or more")
    if not 0 < rate <= 1:
        raise PrivacyError("rate", f"it is {rate}", "Pass a probability above 0, up to 1")
    settings = FederationSettings(rounds=rounds, fraction=rate)
    plan = HospitalPrivacy(way, epsilon, delta).fitted(settings)
    expected = rate * hospitals
    noise, _ = plan.shares(expected)
    return noise * sqrt(weights) / (sqrt(expected) if plan.local else expected)
