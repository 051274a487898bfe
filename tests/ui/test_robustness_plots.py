"""Figures of the study on hostile hospitals, against rows whose figures are known."""

from __future__ import annotations

import re

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.robustness_rows import CHOSEN
from fedlab_utils.ui import attack_grid, kept_of_clean, rule_costs
from tests.ui.hostile_rows import rows

NOTE = "recorded until 2026-01-02, CPU"


def test_the_grid_shows_the_seeds_that_choose_and_each_rules_worst() -> None:
    alt = attack_grid(rows(), NOTE).alt
    assert "volume, krum: 0.10" in alt
    assert "volume, median: 0.25" in alt
    assert CHOSEN not in alt
    assert NOTE in alt


def test_what_is_kept_stands_there_by_attack_and_rule() -> None:
    alt = kept_of_clean(rows(), NOTE).alt
    assert f"volume, sign-flip 4, {CHOSEN}: 0.900" in alt
    assert "volume, adapted: alie 4, fedavg: 0.800" in alt


def test_what_is_not_recorded_yet_is_not_drawn() -> None:
    alt = kept_of_clean([r for r in rows() if r["settings"]["rule"] != CHOSEN], NOTE).alt
    assert CHOSEN not in alt
    assert "volume, sign-flip 4, fedavg: 0.500" in alt
    assert NOTE in alt


def test_costs_stand_there_for_all_patients_and_the_worst_hospital() -> None:
    alt = rule_costs(rows(), NOTE).alt
    found = dict(re.findall(r"volume, krum, (all patients|worst hospital): ([-+]\d\.\d+)", alt))
    assert float(found["all patients"]) == pytest.approx(-0.1 * 8 / 11, abs=6e-4)
    assert float(found["worst hospital"]) == pytest.approx(-0.1, abs=6e-4)


@pytest.mark.parametrize("draw", [attack_grid, kept_of_clean, rule_costs])
def test_nothing_recorded_says_how_it_is(draw) -> None:
    with pytest.raises(FederationError, match="study robustness"):
        draw([])
