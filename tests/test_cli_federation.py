"""What ``fedlab simulate`` hands to a simulation, and what it refuses."""

from __future__ import annotations

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.federated import (
    AttackPlan,
    FederationSettings,
    HospitalPrivacy,
    PrivacyPlan,
    RobustPlan,
    run,
)


def handed_over(monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[Result, list[object]]:
    """Run the command with a simulation that only notes what it is handed."""
    seen = []

    def simulation(*given: object, **_: object) -> dict:
        seen.extend(given)
        raise RuntimeError("far enough")

    monkeypatch.setattr(run, "simulate", simulation)
    return CliRunner().invoke(app, ["simulate", "--data", "d", "--out", "o", *more]), seen


def test_a_learning_rate_of_zero_is_not_replaced(monkeypatch) -> None:
    ran, seen = handed_over(monkeypatch, "--learning-rate", "0")
    assert (ran.exit_code, seen) == (2, [])
    assert "learning_rate: it is 0" in ran.stderr


@pytest.mark.parametrize(
    ("words", "due"),
    [("fedavgm", 1.0), ("fedadam", 0.1), ("fedadam --server-rate=0.03", 0.03)],
)
def test_the_servers_step_is_that_of_the_strategy_unless_told(monkeypatch, words, due) -> None:
    """Flower's Adam takes 0.1; a step of 1 in every weight would be no training."""
    _, seen = handed_over(monkeypatch, "--strategy", *words.split())
    [settings] = [one for one in seen if isinstance(one, FederationSettings)]
    assert settings.server_step == due


@pytest.mark.parametrize(
    ("words", "due"),
    [
        (
            "--rule=krum --hostile=2 --bucket=2 --client-momentum=0.9",
            RobustPlan("krum", 2, bucket=2, client_momentum=0.9),
        ),
        ("--rule=multi-krum --hostile=1 --chosen=3", RobustPlan("multi-krum", 1, 3)),
        ("--rule=clip --clip-bound=0.5", RobustPlan("clip", clip_bound=0.5)),
        ("--attack=noise --attackers=0,3 --strength=5", AttackPlan("noise", "0,3", 5.0)),
        (
            "--hospital-epsilon=8 --hospital-delta=1e-3 --hospital-noise=2 --hospital-bound=0.5",
            HospitalPrivacy("server", 8.0, 1e-3, 0.5, 2.0),
        ),
        (
            "--hospital-epsilon=8 --hospital-way=adaptive --hospital-quantile=0.4 "
            "--hospital-bound-rate=0.1",
            HospitalPrivacy("adaptive", 8.0, quantile=0.4, bound_rate=0.1),
        ),
        (
            "--hospital-epsilon=8 --simulated-noise",
            HospitalPrivacy(epsilon=8.0, simulated=True),
        ),
        ("--epsilon=8 --simulated-noise", PrivacyPlan(8.0, simulated=True)),
    ],
)
def test_options_reach_the_simulation_as_the_plan_that_they_name(
    monkeypatch, words: str, due: object
) -> None:
    _, seen = handed_over(monkeypatch, *words.split())
    handed = {type(one): one for one in seen}
    assert handed[type(due)] == due
    others = [PrivacyPlan(), HospitalPrivacy(), RobustPlan(), AttackPlan()]
    assert all(handed[type(off)] == off for off in others if type(off) is not type(due))


@pytest.mark.parametrize(
    "more",
    [
        "--noise=1",
        "--simulated-noise",
        "--threshold=3",
        "--hospital-noise=1",
        "--hospital-way=local",
        "--hospital-bound=2",
        "--hospital-epsilon=8 --hospital-way=cloud",
        "--hospital-epsilon=8 --hospital-delta=2",
    ],
)
def test_half_a_wish_for_privacy_is_refused(monkeypatch, more: str) -> None:
    ran, seen = handed_over(monkeypatch, *more.split())
    assert (ran.exit_code, seen) == (2, [])
    assert "PrivacyError" in ran.stderr


@pytest.mark.parametrize(
    "more",
    [
        "--hostile=2",
        "--attack=nan",
        "--rule=best",
        "--chosen=2",
        "--rule=krum --chosen=2",
        "--rule=median --clip-bound=1",
    ],
)
def test_half_a_wish_for_robustness_is_refused(monkeypatch, more: str) -> None:
    ran, seen = handed_over(monkeypatch, *more.split())
    assert (ran.exit_code, seen) == (2, [])
    assert "Error: " in ran.stderr
