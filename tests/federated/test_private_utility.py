"""Shares of a gain out of a study's rows, where the answers are known."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.private_utility import (
    best_way,
    budget_trials,
    budgets_of,
    dice_at,
    kept_of_gain,
    ways_of,
)
from tests.federated.budget_rows import BASE, GAIN, KEPT, WAYS, budget_rows


def test_rows_are_told_apart_by_way_budget_and_purpose() -> None:
    rows = budget_rows()
    assert ways_of(rows) == list(WAYS)
    assert budgets_of(rows, "all") == [2, 8]
    assert [t["seed"] for t in budget_trials(rows, "all", 8)] == [0, 1, 2]  # not the tried one
    assert best_way(rows) == "all"
    assert best_way(rows, 8) == "norm_and_head"
    with pytest.raises(FederationError, match="no setting"):
        best_way(rows, 4)


@pytest.mark.parametrize(("way", "epsilon"), KEPT)
def test_what_is_kept_is_the_share_of_the_best_way_s_gain(way: str, epsilon: int) -> None:
    rows = budget_rows()
    found = kept_of_gain(rows, way, epsilon)
    assert found.mean == pytest.approx(KEPT[way, epsilon])
    assert found.low == pytest.approx(found.mean)  # the same patients: paired, nothing scatters
    worst = kept_of_gain(rows, way, epsilon, "worst")
    assert worst.mean == pytest.approx(KEPT[way, epsilon])
    noisy = kept_of_gain(budget_rows(spread=0.1), way, epsilon)
    assert noisy.low < KEPT[way, epsilon] < noisy.high


def test_dice_is_that_of_the_test_patients() -> None:
    rows = budget_rows(seeds=tuple(range(40)))
    assert dice_at(rows, "untouched").mean == pytest.approx(BASE, abs=0.02)
    assert dice_at(rows, "all").mean - dice_at(rows, "untouched").mean == pytest.approx(GAIN)
    with pytest.raises(FederationError, match="not recorded"):
        dice_at(rows, "low_rank", 8)
