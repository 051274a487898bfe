"""Figures of hospitals in three numbers."""

from __future__ import annotations

import math

import pytest

from fedlab_utils.federated import RoundReport, summarise

ROWS = {
    "A": {"num-examples": 1, "score": 0.9, "only": 1.0},
    "B": {"num-examples": 3, "score": 0.5},
    "C": {"num-examples": 4, "score": 0.7},
}


def test_means_over_patients_and_hospitals_and_the_worst() -> None:
    told = summarise(ROWS)
    assert told["patients"] == pytest.approx((0.9 + 3 * 0.5 + 4 * 0.7) / 8)
    assert told["hospitals"] == pytest.approx(0.7)
    assert (told["worst"], told["worst_hospital"]) == (0.5, "B")
    assert summarise(ROWS, "only")["worst_hospital"] == "A"
    with pytest.raises(KeyError):
        summarise(ROWS, "nothing")


def test_a_rounds_loss_is_weighted_by_patients() -> None:
    trained = {n: {"loss": row["score"], **row} for n, row in ROWS.items()}
    report = RoundReport(1, True, trained, {}, 0.0, 0.0, 0.0)
    assert report.loss == pytest.approx(summarise(ROWS)["patients"])
    assert math.isnan(RoundReport(1, False, {}, {}, 0.0, 0.0, 0.0).loss)
