"""An audit of the training loop itself: the right mechanism passes, three planted faults do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy import Ledger, PrivateGradient, SimulatedRandomness, noise_for
from fedlab_utils.privacy.canaries import audit_claim, canary_scores
from fedlab_utils.privacy.planted_faults import ClippedPerBatch, LedgerForgets, NoiseLeftOut
from fedlab_utils.privacy.private_gradient import PrivacySettings

CANARIES, GUESSES, DELTA, CLAIM = 1000, 400, 1e-5, 4.0


def quiet(seed: int) -> SimulatedRandomness:
    return SimulatedRandomness(seed, say=lambda _: None)


def audited(kind=PrivateGradient, seed: int = 0, steps: int = 4, rounds: int = 1, rate=1.0):
    """Audit a way to make gradients private, at the epsilon that its own ledger claims."""
    settings = PrivacySettings(1.0, noise_for(CLAIM, DELTA, rate, steps), rate)
    randomness, made = quiet(seed), []

    def train(included: np.ndarray) -> np.ndarray:
        ledger = Ledger(CLAIM, delta=DELTA)
        gradient = kind(settings, int(included.sum()), ledger, randomness)
        gradient.round_steps = steps
        made.append(gradient)
        return canary_scores(gradient, included, rate, steps * rounds, randomness)

    found = audit_claim(train, CANARIES, GUESSES, CLAIM, DELTA, randomness)
    assert made[0].ledger.spent() <= CLAIM  # what it claims, rightly or wrongly
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_right_mechanism_keeps_its_promise_and_the_bound_has_power(seed: int) -> None:
    found = audited(seed=seed)
    assert 1.0 < found.least < CLAIM
    assert not found.refuted


def test_patients_drawn_by_coin_are_harder_to_find() -> None:
    assert not audited(steps=20, rate=0.2).refuted


@pytest.mark.parametrize(
    ("kind", "more"),
    [(NoiseLeftOut, {}), (ClippedPerBatch, {}), (LedgerForgets, {"rounds": 20, "steps": 2})],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_planted_faults_are_exposed(kind: type, more: dict) -> None:
    found = audited(kind, **more)
    assert found.refuted, found


def test_guesses_are_as_often_right_as_two_bells_say() -> None:
    """Scores of those in and out are bells of the same width, ``sqrt(T) / sigma`` apart."""
    settings, steps, correct, made = PrivacySettings(1.0, 2.0, 1.0), 4, 0, 0
    for seed in range(4):
        randomness = quiet(seed)

        def train(included: np.ndarray, randomness=randomness) -> np.ndarray:
            ledger = Ledger(100.0, delta=DELTA)
            gradient = PrivateGradient(settings, int(included.sum()), ledger, randomness)
            return canary_scores(gradient, included, 1.0, steps, randomness)

        found = audit_claim(train, 500, 500, 100.0, DELTA, randomness)
        correct, made = correct + found.correct, made + found.guesses
    due = norm.cdf(np.sqrt(steps) / 2.0 / 2)
    low, high = binom.ppf((1e-4, 1 - 1e-4), made, due)
    assert low < correct < high


def test_an_odd_number_of_guesses_is_refused() -> None:
    for guesses in (3, 12):
        with pytest.raises(PrivacyError, match="even number"):
            audit_claim(lambda included: included * 1.0, 10, guesses, 1.0, DELTA, quiet(0))


def test_sure_knowledge_of_every_coin_proves_about_six() -> None:
    """900 right guesses: no epsilon below log(p / (1 - p)) with p ** 900 = 0.05 fits."""
    found = audit_claim(lambda included: included * 1.0, 1000, 900, 4.0, 0.0, quiet(0))
    p = 0.05 ** (1 / 900)
    assert found.correct == 900
    assert found.least == pytest.approx(np.log(p / (1 - p)), abs=0.01)
