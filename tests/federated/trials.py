"""A comparison as a study leaves it: four methods, two conditions, three seeds, small grids."""

from __future__ import annotations

import numpy as np

SEEDS = (0, 1, 2)
HOSPITALS = ("H1", "H2", "H3")
CONDITIONS = {"IID": 0.0, "volume": 1.0}


def trial(
    method: str, condition: str, seed: int, rate: float, mu: float, validation: float, test: float
) -> dict:
    """One training, whose test patients scatter about ``test``; volume hits the last."""
    rng = np.random.default_rng((seed, 77))  # the same patients for every method
    scores = {
        hospital: (
            test - 0.2 * CONDITIONS[condition] * (number == 2) + rng.normal(0, 0.08, 6)
        ).tolist()
        for number, hospital in enumerate(HOSPITALS)
    }
    return {
        "method": method,
        "condition": condition,
        "seed": seed,
        "learning_rate": rate,
        "mu": mu,
        "server_rate": 0.0,
        "validation": validation,
        "scores": scores,
    }


def trials() -> list[dict]:
    """FedProx at three strengths, the others at one; larger learning rates validate better."""
    found = []
    for method, gain, pulls in (
        ("fedavg", 0.0, (0.0,)),
        ("fedprox", 0.02, (0.01, 0.1, 1.0)),
        ("scaffold", 0.05, (0.0,)),
        ("fedbn", 0.03, (0.0,)),
    ):
        for condition, skew in CONDITIONS.items():
            for seed in SEEDS:
                for rate in (0.1, 0.3):
                    for mu in pulls:
                        score = 0.6 + gain * skew + 0.1 * rate - 0.02 * mu
                        found.append(trial(method, condition, seed, rate, mu, score, score))
    return found
