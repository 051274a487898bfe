"""The report of a run: every plan that was on, and what its privacy means."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.federated import (
    AttackPlan,
    CompressionPlan,
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    PrivacyPlan,
    RobustPlan,
    RoundReport,
)
from fedlab_utils.federated.checkpoint import Checkpoint
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.private_training import GUARANTEE
from fedlab_utils.federated.run_result import RESULT, promise_of, write_result

SETTINGS = FederationSettings(rounds=2)


def report_of(plans: Plans, out: Path, *trained: dict) -> dict:
    """The file of a run whose rounds told this of hospitals' training, read back."""
    rounds = [RoundReport(n, True, row, {}, 0.0, 0.0, 0.0) for n, row in enumerate(trained, 1)]
    test = {
        "H1": {"num-examples": 3, "score": 0.5, "dice-et": 0.25},
        "H2": {"num-examples": 1, "score": 0.9, "dice-et": [0.5]},
    }
    found = Checkpoint({}, {"w": np.zeros(2)}, rounds, test=test)
    told = write_result(out, found, SETTINGS, plans, {"all": "m"}, {"seed": 0})
    read = json.loads((out / RESULT).read_text("utf-8"))
    assert read == told
    return read


@pytest.mark.parametrize(
    "plan",
    [
        {"privacy": PrivacyPlan(8.0, simulated=True)},
        {"masking": MaskingPlan(True, 5)},
        {"hospital_privacy": HospitalPrivacy("adaptive", 8.0, members=5)},
        {"compression": CompressionPlan(0.1, 8)},
        {"robust": RobustPlan("fltrust", root="public")},
        {"attack": AttackPlan("alie", "0,3", 1.5)},
    ],
    ids=lambda plan: next(iter(plan)),
)
def test_a_plan_that_was_on_is_read_back_and_no_other(plan: dict, tmp_path: Path) -> None:
    told = report_of(Plans.of(**plan), tmp_path, {})["plans"]
    ((name, due),) = plan.items()
    assert set(told) == {name}
    assert type(due)(**told[name]) == due


def test_a_plain_run_names_no_plan_and_promises_nothing(tmp_path: Path) -> None:
    report = report_of(Plans(), tmp_path, {"H1": {"loss": 1.0}})
    assert report["plans"] == {}
    assert report["privacy"] is None
    assert report["summary"]["score"]["patients"] == pytest.approx(0.6)
    assert report["summary"]["dice-et"]["hospitals"] == 0.25


def test_a_promise_to_patients_has_what_hospitals_told_last(tmp_path: Path) -> None:
    plans = Plans(PrivacyPlan(8.0, delta=1e-4))
    rows = {"H1": {"epsilon": 1.0}, "H2": {"epsilon": 2.0}}, {"H1": {"epsilon": 3.0}}
    found = report_of(plans, tmp_path, *rows)["privacy"]
    assert found == {"epsilon": 8.0, "delta": 1e-4, **GUARANTEE, "spent": {"H1": 3.0, "H2": 2.0}}


@pytest.mark.parametrize("way", ["server", "local"])
def test_a_promise_to_hospitals_is_the_plans(way: str) -> None:
    plan = HospitalPrivacy(way, epsilon=6.0, delta=1e-3)
    found = promise_of(Plans(hospital_privacy=plan), SETTINGS, {"H1": 2.0})
    assert found == {**plan.promise(SETTINGS), "spent": {"H1": 2.0}}
    assert found["unit"].startswith("hospital")
    assert 0 < found["epsilon"] <= 6.0
    assert found["delta"] == 1e-3


def test_simulated_noise_promises_nothing_and_says_so() -> None:
    for plans in (
        Plans(PrivacyPlan(8.0, simulated=True)),
        Plans(hospital_privacy=HospitalPrivacy(epsilon=8.0, simulated=True)),
    ):
        assert "no guarantee" in promise_of(plans, SETTINGS, {})["simulated"]
