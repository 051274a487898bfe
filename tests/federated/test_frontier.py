"""Shares of Dice and savings against rows in which they are known."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.frontier import (
    dice_of,
    kept_of_dice,
    megabytes_of,
    plan_to_hold,
    plan_trials,
    plans_of,
    saving,
)
from tests.federated.frontier_rows import KEPT, MEGABYTES, frontier_rows


@pytest.mark.parametrize("plan", KEPT)
def test_the_share_is_that_of_means_over_the_same_patients(plan: str) -> None:
    exact = kept_of_dice(frontier_rows(), "fedavg", plan)
    assert (exact.mean, exact.low, exact.high) == pytest.approx((KEPT[plan],) * 3)
    rows = frontier_rows(spread=0.05)
    found = kept_of_dice(rows, "fedavg", plan, resamples=400)
    means = [
        np.mean([np.mean(np.concatenate(list(t["scores"].values()))) for t in of])
        for of in (plan_trials(rows, "fedavg", plan), plan_trials(rows, "fedavg", "none"))
    ]
    assert found.mean == pytest.approx(means[0] / means[1])
    assert found.low <= found.mean <= found.high


def test_pairing_takes_out_what_patients_have_in_common() -> None:
    rows = frontier_rows()
    alone = dice_of(rows, "fedavg", "8 bits", resamples=400)
    paired = kept_of_dice(rows, "fedavg", "8 bits", resamples=400)
    assert alone.high - alone.low > 0.02
    assert paired.high - paired.low < 1e-9


def test_savings_are_of_the_methods_own_traffic() -> None:
    rows = frontier_rows()
    assert plans_of(rows, "fedavg") == list(KEPT)
    assert plans_of(rows, "scaffold") == ["none", "top 4 %, 4 bits"]
    assert megabytes_of(rows, "scaffold", "none") == 160
    for method in ("fedavg", "scaffold"):
        assert saving(rows, method, "top 4 %, 4 bits") == pytest.approx(80 / 1.5)
    assert saving(rows, "fedavg", "none") == 1
    assert MEGABYTES["none"] / saving(rows, "fedavg", "8 bits") == MEGABYTES["8 bits"]


def test_what_is_held_to_the_claim_is_chosen_on_seeds_that_are_not_reported() -> None:
    rows = frontier_rows()
    assert plan_to_hold(rows, "fedavg") == "top 4 %, 4 bits"
    assert plan_to_hold(rows, "fedavg", 60) == "top 1 %, 4 bits"
    for row in rows:  # reported seeds have no say
        if row["settings"]["seed"] < 90:
            row["result"]["validation"] = 1 - row["result"]["validation"]
    assert plan_to_hold(rows, "fedavg") == "top 4 %, 4 bits"
    with pytest.raises(FederationError, match="saves 200 times"):
        plan_to_hold(rows, "fedavg", 200)


def test_what_is_not_recorded_is_said() -> None:
    whole = frontier_rows()
    lacking = [row for row in whole if row["settings"]["plan"] != "none"]
    for ask in (megabytes_of, dice_of, kept_of_dice, saving):
        with pytest.raises(FederationError, match="not recorded"):
            ask(whole, "fedprox", "8 bits")
    for ask in (kept_of_dice, saving):
        with pytest.raises(FederationError, match="fedavg, none: it is not recorded"):
            ask(lacking, "fedavg", "8 bits")
    with pytest.raises(FederationError, match="not recorded"):
        plan_to_hold(lacking, "fedavg")
