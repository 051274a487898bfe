"""Figures of the study on hostile hospitals, against rows whose figures are known."""

from __future__ import annotations

import re

import pytest

from fedlab_utils.errors import CourseError
from fedlab_utils.studies import robustness
from fedlab_utils.ui import attack_grid, backdoor_table, kept_of_clean, robustness_plots, rule_costs
from fedlab_utils.ui.robustness_plots import ADAPTED, CHOSEN, TUNING, kept_shares

NOTE = "recorded until 2026-01-02, CPU"
HOSTILE = ["H1"]


def row(rule: str, attack: str, dice: float, seed: int = 0, **more: object) -> dict:
    """A training in which the hostile hospital's own patients would spoil the mean."""
    attackers = 0 if not attack else 2
    told = {"kind": "volume", "skew": 1.0, "seed": seed, "rule": rule, "attack": attack}
    told |= {"strength": 4.0 if attack else 0.0, "attackers": attackers}
    scores = {"H1": [0.01] * 3 if attack else [0.99] * 3, "H2": [dice + 0.1] * 4}
    scores["H3"] = [dice - 0.1] * 4
    result = {"rule": rule, "attack": "alie" if attack == ADAPTED else attack, "scores": scores}
    result |= {"strength": told["strength"], "hostile": HOSTILE if attack else []}
    return {"settings": told, "result": result | {"validation": dice, "backdoor": None} | more}


def rows() -> list[dict]:
    """Two seeds that are reported, and the two that choose, on which all is worse."""
    found = []
    for seed in (0, 1):
        found += [row("fedavg", "", 0.6, seed, backdoor=0.1)]
        found += [row("fedavg", "sign-flip", 0.3, seed), row(CHOSEN, "sign-flip", 0.54, seed)]
        found += [row("fedavg", ADAPTED, 0.48, seed), row(CHOSEN, ADAPTED, 0.36, seed)]
        found += [row("krum", "", 0.5, seed, backdoor=0.2)]
        found += [row("fedavg", "backdoor", 0.6, seed, backdoor=0.5 + 0.2 * seed)]
    for seed in TUNING:
        found += [row("krum", "sign-flip", 0.2, seed), row("krum", "ipm", 0.1, seed)]
        found += [row("median", "sign-flip", 0.25, seed), row(CHOSEN, "noise", 0.01, seed)]
    return found


def test_names_and_seeds_are_the_studys() -> None:
    assert (CHOSEN, ADAPTED, TUNING) == (robustness.CHOSEN, robustness.ADAPTED, robustness.TUNING)


def test_what_is_kept_is_of_the_same_honest_hospitals() -> None:
    by_attack = {line["attack"]: line for line in kept_shares(rows())}
    assert list(by_attack) == ["sign-flip 4", "adapted: alie 4"]
    for attack, fedavg, chosen in (("sign-flip 4", 0.5, 0.9), ("adapted: alie 4", 0.8, 0.6)):
        line = by_attack[attack]
        assert line["condition"] == "volume"
        assert line["fedavg"].mean == pytest.approx(fedavg)
        assert line[CHOSEN].mean == pytest.approx(chosen)
        assert line[CHOSEN].low == pytest.approx(chosen)  # patients and seeds are all alike


def test_what_is_not_recorded_yet_is_none() -> None:
    few = [r for r in rows() if r["settings"]["rule"] != CHOSEN]
    assert {line[CHOSEN] for line in kept_shares(few)} == {None}
    assert NOTE in kept_of_clean(few, NOTE).alt


def test_the_grid_shows_the_seeds_that_choose_and_each_rules_worst() -> None:
    alt = attack_grid(rows(), NOTE).alt
    assert "volume, krum: 0.10" in alt
    assert "volume, median: 0.25" in alt
    assert CHOSEN not in alt
    assert NOTE in alt


def test_costs_are_differences_to_fedavg_of_all_hospitals() -> None:
    alt = rule_costs(rows(), NOTE).alt
    found = dict(re.findall(r"volume, krum, (all patients|worst hospital): ([-+]\d\.\d+)", alt))
    assert float(found["all patients"]) == pytest.approx(-0.1 * 8 / 11, abs=6e-4)
    assert float(found["worst hospital"]) == pytest.approx(-0.1, abs=6e-4)


def test_the_table_of_backdoors_gives_success_and_the_honest_ones_dice() -> None:
    table = backdoor_table(rows())
    planted = table[(table["rule"] == "fedavg") & (table["hostile"] == 2)].iloc[0]
    assert (planted["success"], planted["Dice"], planted["seeds"]) == ("0.60", "0.600", 2)
    assert planted["worst hospital"] == "0.500"
    assert set(table["success"]) == {"0.60", "0.10", "0.20"}


@pytest.mark.parametrize("name", ["attack_grid", "kept_of_clean", "rule_costs", "backdoor_table"])
def test_nothing_recorded_says_how_it_is(name: str) -> None:
    with pytest.raises(CourseError, match="study robustness"):
        getattr(robustness_plots, name)([])
