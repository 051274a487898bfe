"""The table and the figure of protections against rows whose figures are known."""

from __future__ import annotations

import re

import pytest

from fedlab_utils.errors import CourseError
from fedlab_utils.ui import protection_costs, protection_table

NOTE = "recorded until 2026-01-02, CPU"
DICE = {("plain", 0): 0.7, ("dp", 2): 0.6, ("dp", 8): 0.65, ("masks", 0): 0.7}


def rows() -> list[dict]:
    """Three protections on two seeds; masks were not attacked."""
    found = []
    for (protection, epsilon), dice in DICE.items():
        for seed in (0, 1):
            told = {"protection": protection, "epsilon": epsilon, "seed": seed}
            scores = {"A": [dice + 0.1] * 4, "B": [dice - 0.1] * 4}
            training = {
                "scores": scores,
                "advantage": 0.1 + 0.02 * seed,
                "sent": 1.0,
                "received": 3.0 if protection == "masks" else 1.0,
                "seconds": 60.0,
                "rounds": 30,
            }
            found.append({"settings": told | {"measured": "training"}, "result": training})
            if protection == "plain" or epsilon == 8:
                psnr = [23.0 - epsilon, 21.0 - epsilon]
                attack = {"psnr": psnr, "guess": [20.0, 20.0], "counts": [not epsilon, False]}
                found.append({"settings": told | {"measured": "attack"}, "result": attack})
    return found


def test_the_table_has_a_line_for_each_protection_and_budget_the_weakest_first() -> None:
    table = protection_table(rows())
    assert list(table["protection"]) == ["plain", *["privacy (DP)"] * 2, "masks (SecAgg)"]
    assert list(table["epsilon"]) == [float("inf"), 8, 2, float("inf")]
    assert [text[:5] for text in table["Dice"]] == ["0.700", "0.650", "0.600", "0.700"]
    assert [text[:5] for text in table["worst hospital"]] == ["0.600", "0.550", "0.500", "0.600"]
    assert list(table["membership advantage"]) == ["0.110"] * 4
    assert list(table["MB per round"]) == ["2.00", "2.00", "2.00", "4.00"]
    assert list(table["s per round"]) == ["2.00"] * 4
    attacks = list(table["inversion (best guess), dB; counts"])
    assert attacks == ["22.0 (20.0), 2 of 4", "14.0 (20.0), 0 of 4", "not tried", "not tried"]


def test_the_figure_says_the_same_in_words() -> None:
    alt = protection_costs(rows(), NOTE).alt
    assert NOTE in alt
    found = re.search(r"inversion less best guess [^:]*, plain: ([-.\d]+)", alt)
    assert float(found[1]) == pytest.approx(2)
    assert "megabytes per round), masks (SecAgg): 4" in alt
    with pytest.raises(CourseError, match="study protections"):
        protection_costs([])
