"""The cost of privacy drawn, against figures that are known."""

from __future__ import annotations

import re

import pytest
from matplotlib import pyplot as plt

from fedlab_utils.errors import FederationError
from fedlab_utils.ui import cost_of_privacy
from fedlab_utils.ui.budget_plots import draw_dice
from tests.federated.budget_rows import GAIN, budget_rows

NOTE = "recorded until 2026-01-02, CPU"


def test_the_figure_tells_what_each_way_keeps() -> None:
    alt = cost_of_privacy(budget_rows(), NOTE).alt
    assert NOTE in alt
    for way, kept in (("all weights", (10, 50)), ("norm and head", (70, 95))):
        found = re.search(rf"{way} keeps (\d+)% .*?at 2, (\d+)% .*?at 8", alt)
        assert tuple(map(int, found.groups())) == kept
    with pytest.raises(FederationError, match="not recorded"):
        cost_of_privacy([r for r in budget_rows() if r["settings"]["way"] != "untouched"], NOTE)


def test_each_way_is_drawn_at_its_budgets_and_without_privacy_to_the_right_of_them() -> None:
    fig, ax = plt.subplots()
    told = draw_dice(ax, budget_rows(), marked=0)
    drawn = {way.get_label(): way.lines[0].get_xydata() for way in ax.containers}
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_linewidth() == 8]
    plt.close(fig)
    assert list(drawn) == ["all weights", "norm and head"]
    for way, first, last in (("all weights", 0.1, 1.0), ("norm and head", 0.7, 0.98)):
        budgets, dice = drawn[way].T
        assert budgets == pytest.approx([2, 8, 16], rel=0.05)  # ways stand side by side
        assert dice[2] - dice[0] == pytest.approx(GAIN * (last - first))
    assert marks == [16]
    assert "at no limit" in told
