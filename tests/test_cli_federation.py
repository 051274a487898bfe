"""What ``fedlab simulate`` says of hospitals and rounds that do not count."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.federated import run
from fedlab_utils.federated.screening import NO_PATIENT

HARMLESS = {"left_out": {}, "unjudged": {"H2": NO_PATIENT}, "counted": True}


def simulate(monkeypatch: pytest.MonkeyPatch, rounds: list[dict], unjudged: dict, *more: str):
    """Run the command with a simulation that ends as told; its settings come along."""
    seen = []
    rounds = [HARMLESS | row | {"round": n} for n, row in enumerate(rounds, 1)]
    result = {"rounds": rounds, "best_round": 1, "summary": {}, "unjudged": unjudged}

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
