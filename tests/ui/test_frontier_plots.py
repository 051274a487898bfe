"""The recorded frontier says what it shows, that it is recorded, and what is live."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import CourseError
from fedlab_utils.ui import compression_frontier
from tests.federated.frontier_rows import frontier_rows

NOTE = "recorded until 2026-01-02, CPU"


def test_the_figure_tells_savings_and_shares() -> None:
    alt = compression_frontier(frontier_rows(), NOTE).alt
    assert NOTE in alt
    assert "FedAvg, 80 megabytes without saving" in alt
    assert "SCAFFOLD, 160 megabytes without saving" in alt
    assert alt.count("top 4 %, 4 bits 53 times fewer megabytes, 99.0% [99.0%, 99.0%] of") == 2
    assert "top 1 %, 4 bits 100 times fewer megabytes, 90.0% [90.0%, 90.0%] of the" in alt
    assert "Live" not in alt


def test_a_live_point_is_told_apart_from_the_recorded_ones() -> None:
    alt = compression_frontier(frontier_rows(), NOTE, {"yours": (48.2, 0.951)}).alt
    assert "Live, yours: 48 times fewer, 95.1% of the Dice" in alt


def test_a_study_under_way_shows_what_there_is() -> None:
    rows = [r for r in frontier_rows() if r["settings"]["plan"] == "8 bits"]
    assert "nothing to compare with is recorded yet" in compression_frontier(rows, NOTE).alt
    first = [r for r in frontier_rows() if r["settings"]["plan"] == "none"]
    assert "FedAvg, 80 megabytes" in compression_frontier(first, NOTE).alt


def test_nothing_recorded_is_said() -> None:
    tried = [row for row in frontier_rows() if row["settings"]["seed"] >= 90]
    with pytest.raises(CourseError, match="study compression_frontier"):
        compression_frontier(tried)
