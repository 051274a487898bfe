"""What ``fedlab simulate`` says at the end: who did not count, and what privacy was promised."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.federated import FederationSettings, HospitalPrivacy, PrivacyPlan, run
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.run_result import promise_of
from fedlab_utils.federated.screening import NO_PATIENT
from fedlab_utils.privacy import epsilon_of, noise_for

SPENT = epsilon_of([(noise_for(5.0, 1e-3, 1.0, 10), 1.0, 10)], 1e-3)
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


@pytest.mark.parametrize(
    ("of", "spent", "due"),
    [
        (
            PrivacyPlan(8.0),
            {"H1": 1.234, "H2": 2.5},
            "; epsilon 2.50 as told, at most 8 (per patient, delta 1e-05, one patient added or",
        ),
        (
            PrivacyPlan(8.0),
            {},
            "; epsilon at most 8 (per patient, delta 1e-05, one patient added or removed)",
        ),
        (PrivacyPlan(8.0, simulated=True), {"H1": 1.0}, "; simulated noise: no guarantee"),
        (
            HospitalPrivacy(epsilon=5.0, delta=1e-3),
            {},
            f"; epsilon at most {SPENT:g} (per hospital, delta 0.001, one hospital added or",
        ),
        (HospitalPrivacy(epsilon=5.0, simulated=True), {}, "; simulated noise: no guarantee"),
    ],
)
def test_epsilon_stands_with_its_unit_delta_and_adjacency(
    monkeypatch, of: PrivacyPlan | HospitalPrivacy, spent: dict, due: str
) -> None:
    hidden = isinstance(of, HospitalPrivacy)
    plans = Plans(hospital_privacy=of) if hidden else Plans(of)
    told = promise_of(plans, FederationSettings(), spent)
    ran, _ = simulate(monkeypatch, [{}], {}, privacy=told)
    assert due in ran.stdout
    assert ("epsilon" in ran.stdout) != of.simulated
