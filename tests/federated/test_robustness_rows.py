"""Numbers of the study on hostile hospitals, against rows whose figures are known."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.recorded_trials import TRIED
from fedlab_utils.federated.robustness_rows import (
    CHOSEN,
    backdoor_table,
    costs_of_rules,
    kept_shares,
    tuning_scores,
)
from fedlab_utils.studies import robustness
from tests.ui.hostile_rows import row, rows


def test_the_studys_seeds_that_choose_are_not_reported() -> None:
    assert max(robustness.SEEDS) < TRIED <= min(robustness.TUNING)


def test_seeds_that_choose_tell_of_every_rule_but_the_chosen_one() -> None:
    assert tuning_scores([*rows(), row("krum", "ipm", 0.2, robustness.TUNING[0])]) == {
        ("volume", "krum", "sign-flip 4"): pytest.approx(0.2),
        ("volume", "krum", "ipm 4"): pytest.approx((0.1 + 0.1 + 0.2) / 3),
        ("volume", "median", "sign-flip 4"): pytest.approx(0.25),
    }


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


def test_costs_are_differences_to_fedavg_of_all_hospitals() -> None:
    (line,) = costs_of_rules(rows())
    assert (line["condition"], line["rule"]) == ("volume", "krum")
    assert line["mean"].mean == pytest.approx(-0.1 * 8 / 11)
    assert line["worst"].mean == pytest.approx(-0.1)


def test_the_table_of_backdoors_gives_success_and_the_honest_ones_dice() -> None:
    table = backdoor_table(rows())
    planted = table[(table["rule"] == "fedavg") & (table["hostile"] == 2)].iloc[0]
    assert (planted["success"], planted["Dice"], planted["seeds"]) == ("0.60", "0.600", 2)
    assert planted["worst hospital"] == "0.500"
    assert set(table["success"]) == {"0.60", "0.10", "0.20"}


@pytest.mark.parametrize("numbers", [tuning_scores, kept_shares, costs_of_rules, backdoor_table])
def test_nothing_recorded_says_how_it_is(numbers) -> None:
    with pytest.raises(FederationError, match="study robustness"):
        numbers([])


@pytest.mark.parametrize("numbers", [tuning_scores, kept_shares, costs_of_rules])
def test_a_study_just_begun_says_how_it_is(numbers) -> None:
    with pytest.raises(FederationError, match="study robustness"):
        numbers([row("fedavg", "", 0.6)])
