"""What ``fedlab simulate`` says of hospitals and rounds that do not count."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.federated import run
from fedlab_utils.federated.screening import NO_PATIENT

HARMLESS = {"left_out": {}, "unjudged": {"H2": NO_PATIENT}, "counted": True}


def simulate(
    monkeypatch: pytest.MonkeyPatch, rounds: list[dict], unjudged: dict, *more: str, privacy=None
):
    """Run the command with a simulation that ends as told; its settings come along."""
    seen = []
    rounds = [HARMLESS | row | {"round": n} for n, row in enumerate(rounds, 1)]
    result = {"rounds": rounds, "best_round": 1, "summary": {}, "unjudged": unjudged}
    result["privacy"] = privacy

    def simulation(out: Path, federation, settings, *_: object, **__: object) -> dict:  # noqa: ARG001
        seen.append(settings)
        return result

    monkeypatch.setattr(run, "simulate", simulation)
    return CliRunner().invoke(app, ["simulate", "--data", "d", "--out", "o", *more]), seen


def test_each_exclusion_is_told_with_round_hospital_and_reason(monkeypatch) -> None:
    rounds = [{}, {"left_out": {"H1": "late"}, "unjudged": {"H3": "broken"}, "counted": False}]
    ran, _ = simulate(monkeypatch, rounds, {"H1": "away", "H2": NO_PATIENT})
    assert ran.exit_code == 0
    lines = ran.stderr.strip().splitlines()
    assert lines[0] == "Round 2: H1 was left out: late"
    assert lines[1].startswith("Round 2 did not count")
    assert lines[2:] == ["Round 2: H3 did not validate: broken", "Test: H1 did not judge: away"]
    assert "unjudged on test patients" in ran.stdout


def test_without_test_patients_nothing_is_missed(monkeypatch) -> None:
    ran, _ = simulate(monkeypatch, [{}], {"H1": NO_PATIENT})
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "no test patients" in ran.stdout


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_run_of_which_no_round_counted_is_an_error(monkeypatch, more: list[str]) -> None:
    ran, _ = simulate(monkeypatch, [{"counted": False}] * 2, {}, *more)
    assert ran.exit_code == 1
    assert "none of 2 rounds counted" in ran.stderr


def test_a_learning_rate_of_zero_is_not_replaced(monkeypatch) -> None:
    ran, seen = simulate(monkeypatch, [{}], {}, "--learning-rate", "0")
    assert (ran.exit_code, seen) == (2, [])
    assert "learning_rate: it is 0" in ran.stderr


@pytest.mark.parametrize(
    ("spent", "simulated", "due"),
    [
        (
            {"H1": 1.234, "H2": 2.5},
            False,
            "; epsilon 2.50 as told, at most 8 (per patient, delta 1e-05, one patient added or",
        ),
        ({}, False, "; epsilon at most 8 (per patient, delta 1e-05, one patient added or removed)"),
        ({"H1": 1.0}, True, "; simulated noise: no guarantee"),
    ],
)
def test_epsilon_stands_with_its_unit_delta_and_adjacency(
    monkeypatch, spent: dict, simulated: bool, due: str
) -> None:
    from fedlab_utils.federated.private_training import GUARANTEE, PrivacyPlan

    plan = asdict(PrivacyPlan(8.0, simulated=simulated))
    told = {"plan": plan, "spent": spent, "meaning": GUARANTEE}
    ran, _ = simulate(monkeypatch, [{}], {}, privacy=told)
    assert due in ran.stdout
    assert ("epsilon" in ran.stdout) != simulated


@pytest.mark.parametrize("more", [("--noise", "1.0"), ("--simulated-noise",), ("--threshold", "3")])
def test_half_a_wish_for_privacy_is_refused(monkeypatch, more: tuple[str, ...]) -> None:
    ran, seen = simulate(monkeypatch, [{}], {}, *more)
    assert (ran.exit_code, seen) == (2, [])
    assert "PrivacyError" in ran.stderr


def test_rules_and_attacks_reach_the_simulation(monkeypatch) -> None:
    from fedlab_utils.federated import AttackPlan, RobustPlan

    seen = []

    def simulation(*given, **_: object) -> dict:
        seen.extend(given)
        raise RuntimeError("far enough")

    monkeypatch.setattr(run, "simulate", simulation)
    rule = ["--rule=krum", "--hostile=2", "--bucket=2", "--client-momentum=0.9"]
    attack = ["--attack=noise", "--attackers=0,3", "--strength=5"]
    CliRunner().invoke(app, ["simulate", "--data", "d", "--out", "o", *rule, *attack])
    assert RobustPlan("krum", 2, bucket=2, client_momentum=0.9) in seen
    assert AttackPlan("noise", "0,3", 5.0) in seen


@pytest.mark.parametrize("more", [("--hostile", "2"), ("--attack", "nan"), ("--rule", "best")])
def test_half_a_wish_for_robustness_is_refused(monkeypatch, more: tuple[str, ...]) -> None:
    ran, seen = simulate(monkeypatch, [{}], {}, *more)
    assert (ran.exit_code, seen) == (2, [])
    assert "Error: " in ran.stderr
