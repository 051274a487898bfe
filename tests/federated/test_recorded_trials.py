"""Choice on validation, on trials whose answers are known."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.recorded_trials import (
    TRIED,
    best_setting,
    chosen,
    fairest,
    settings_of,
    trials_of,
    validated,
)
from tests.federated.trials import SEEDS, trial


def test_the_setting_is_chosen_on_validation_whatever_the_test_says() -> None:
    of = [
        trial("fedprox", "volume", seed, rate, mu, validation, test)
        for seed in SEEDS
        for rate, mu, validation, test in (
            (0.1, 0.0, 0.50, 0.9),
            (0.1, 1.0, 0.60, 0.2),
            (0.3, 1.0, 0.55, 0.8),
        )
    ]
    assert {settings_of(t) for t in chosen(of, "fedprox", "volume")} == {(0.1, 1.0, 0.0)}
    assert [t["seed"] for t in chosen(of, "fedprox", "volume")] == list(SEEDS)
    with pytest.raises(FederationError, match="nothing is recorded"):
        chosen(of, "scaffold", "volume")


def test_only_seeds_that_all_settings_share_decide() -> None:
    of = [
        trial("fedavg", "IID", 0, 0.1, 0.0, 0.5, 0.5),
        trial("fedavg", "IID", 1, 0.1, 0.0, 0.1, 0.5),  # a hard seed that the other one lacks
        trial("fedavg", "IID", 0, 0.3, 0.0, 0.4, 0.5),
    ]
    assert validated(of, "fedavg", "IID") == {(0.1, 0.0, 0.0): 0.5, (0.3, 0.0, 0.0): 0.4}


def test_a_seed_for_trying_settings_decides_and_is_not_reported() -> None:
    tries = [trial("fedavg", "IID", 9, r, 0.0, v, 0.5) for r, v in ((0.1, 0.4), (0.3, 0.6))]
    tries = [t | {"tried": True} for t in tries]
    later = [trial("fedavg", "IID", seed, 0.3, 0.0, 0.1, 0.5) for seed in SEEDS]
    assert chosen(tries + later, "fedavg", "IID") == later
    assert chosen(tries, "fedavg", "IID") == []
    assert best_setting(tries, "fedavg", "IID") == (0.3, 0.0, 0.0)


def test_trials_are_read_from_a_study_s_rows() -> None:
    rows = [
        {
            "settings": {"kind": kind, "skew": skew, "method": method, "seed": 0},
            "result": {
                "scores": {"H1": [0.5]},
                "tuned": {"H1": [0.6]},
                "validation_by_hospital": {"H1": 0.4},
                "tuned_validation_by_hospital": {"H1": 0.45},
                "validation": 0.4,
                "setting": setting,
            },
        }
        for kind, skew, method, setting in (
            ("iid", 0.0, "fedavg", {"learning_rate": 1}),
            ("missing_sequence", 0.5, "fedadam", {"learning_rate": 1, "server_rate": 0.1}),
        )
    ]
    found = trials_of(rows)
    assert [(t["method"], t["condition"]) for t in found] == [
        ("fedavg", "IID"),
        ("tuned", "IID"),
        ("fedadam", "missing sequence, skew 0.5"),
    ]
    assert [settings_of(t) for t in found] == [(1, 0, 0), (1, 0, 0), (1, 0, 0.1)]
    assert [t["scores"]["H1"] for t in found] == [[0.5], [0.6], [0.5]]
    assert [t["validation_by_hospital"]["H1"] for t in found] == [0.4, 0.45, 0.4]


def judged(method: str, seed: int, *by_hospital: float, tried: bool = False) -> dict:
    """A trial of which only its hospitals' validation is of interest; on test it is the best."""
    found = trial(method, "IID", seed, 0.1, 0.0, 0.9, 0.9) | {"tried": tried}
    return found | {"validation_by_hospital": dict(zip(("H1", "H2"), by_hospital, strict=True))}


def test_the_fairest_method_is_the_one_whose_worst_hospital_validates_best() -> None:
    of = [
        *(judged("fedavg", seed, 0.7, 0.5) for seed in (0, 1)),
        judged("scaffold", 0, 0.6, 0.6),  # worst 0.6 and 0.3
        judged("scaffold", 1, 0.3, 0.9),
        judged("fedbn", 0, 0.51, 0.55),
        judged("fedbn", 1, 0.55, 0.51),
        *(judged("pooled", seed, 0.8, 0.8) for seed in (0, 1)),  # no federation
        judged("fedadam", 0, 0.9, 0.9),  # the other seed is not done yet
        judged("fedprox", 99, 0.9, 0.9, tried=True),
    ]
    assert fairest(of, "IID") == "fedbn"
    with pytest.raises(FederationError, match="Run the study further"):
        fairest(of, "volume")


def test_only_the_setting_that_validates_best_speaks_for_a_method() -> None:
    """FedBN's other rate would win, and its mean validation score says no."""
    of = [judged("fedavg", seed, 0.7, 0.5) for seed in (0, 1)]
    of += [judged("fedbn", seed, 0.6, 0.4) for seed in (0, 1)]
    other = {"learning_rate": 0.3, "validation": 0.8}
    of += [judged("fedbn", seed, 0.9, 0.9) | other for seed in (0, 1)]
    assert fairest(of, "IID") == "fedavg"


@pytest.mark.parametrize(("seed", "tried"), [(0, False), (TRIED - 1, False), (TRIED, True)])
def test_the_seed_says_whether_settings_were_tried(seed: int, tried: bool) -> None:
    told = {"kind": "iid", "skew": 0.0, "method": "local", "seed": seed, "learning_rate": 0.1}
    result = {"scores": {}, "validation": 0.4, "setting": {"learning_rate": 0.1}}
    assert [t["tried"] for t in trials_of([{"settings": told, "result": result}])] == [tried]
