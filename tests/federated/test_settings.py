"""Settings of a federation: what makes no sense, and the way through Flower's ``run_config``."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings

SGD = {"optimiser": "sgd", "learning_rate": 0.1, "weight_decay": 0.0}


@pytest.mark.parametrize(
    "wrong",
    [
        {"strategy": "fedsgd"},
        {"rounds": 0},
        {"fraction": 0.0},
        {"mu": -1.0},
        {"mu": float("nan")},
        {"option": 3},
        {"schedule": "steps"},
        {"tune_rate": 0.0},
        {"server_momentum": 1.0},
        {"strategy": "scaffold"},
        {"strategy": "scaffold", "optimiser": "sgd", "personal": "norm"},
        {"timeout": float("inf")},
    ],
)
def test_settings_that_make_no_sense(wrong: dict) -> None:
    with pytest.raises(FederationError):
        FederationSettings(**wrong)


def test_a_cosine_lowers_the_rate_from_round_to_round() -> None:
    settings = FederationSettings(rounds=4, learning_rate=0.2, schedule="cosine", tune_rate=0.1)
    rates = [settings.local_optimiser(number).learning_rate for number in range(1, 6)]
    assert rates == pytest.approx([0.2, 0.1707107, 0.1, 0.0292893, 0.0])
    assert settings.tuning_optimiser().learning_rate == pytest.approx(0.02)
    assert FederationSettings(learning_rate=0.2).local_optimiser(9).learning_rate == 0.2


def test_settings_survive_the_way_through_a_run_config() -> None:
    settings = FederationSettings(**SGD, strategy="scaffold", fraction=0.25, seed=9)
    assert FederationSettings.from_config(settings.to_config() | {"data": "x"}) == settings
    with pytest.raises(FederationError, match="local-steps"):
        FederationSettings.from_config({"local-steps": "8"})
