"""Bars, strips and table of a partition against the report's own numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from fedlab_utils.ui import REGION_STYLES, hospital_styles
from fedlab_utils.ui.hospital_plots import (
    draw_bars,
    draw_volumes,
    figures_table,
    live_figure,
    strips,
    update_figure,
)


@pytest.fixture
def report() -> pd.DataFrame:
    report = pd.DataFrame(
        {"patients": [7, 12], "train": [5, 8], "validation": [1, 2], "test": [1, 2]},
        index=["H1", "<b>"],
    )
    for number, region in enumerate(("et", "tc", "wt")):
        report[f"jsd_{region}"] = [0.1 * number, 0.5]
        report[f"jsd_{region}_by_chance"] = [0.25, 0.3]
    for sequence in ("t1", "t1ce", "t2", "flair"):
        report[f"intensity_{sequence}"] = np.nan
    for name, told in (("scanner", [None, None]), ("missing", [None, "T2"])):
        report[name] = pd.Series(told, report.index, dtype=object)
    return report


VOLUMES = {
    "ET": [np.array([0.0, 3.0]), np.array([5.0])],
    "TC": [np.array([4.0, 9.0]), np.array([6.0, np.nan])],
    "WT": [np.array([90.0, 20.0]), np.array([70.0])],
}


@given(
    groups=st.lists(
        st.lists(st.one_of(st.floats(0, 300), st.just(float("nan"))), max_size=20).map(np.array),
        min_size=1,
        max_size=6,
    ),
    region=st.integers(0, 2),
)
def test_each_known_volume_is_drawn_once_over_its_hospital(groups: list, region: int) -> None:
    groups = [np.asarray(group, float) for group in groups]
    x, y = strips(groups, region)
    for place, group in enumerate(groups):
        mine = y[np.abs(x - place) < 0.5]
        np.testing.assert_array_equal(np.sort(mine), np.sort(group[np.isfinite(group)]))
    centres = x - np.round(x)
    assert (np.abs(centres - 0.25 * (region - 1)) <= 0.0901).all(), "strips do not overlap"


def test_the_live_figure_holds_the_report(report: pd.DataFrame) -> None:
    plot, styles = live_figure(), hospital_styles(report.index)
    for _ in range(2):  # a second time nothing is added
        update_figure(plot, report, VOLUMES, styles)
    bars, dots = plot.data[:3], plot.data[3:]
    assert [list(bar.y) for bar in bars] == [[5, 8], [1, 2], [1, 2]]
    for bar in bars:
        assert list(bar.marker.color) == [styles[name].colour for name in report.index]
    assert len({bar.marker.pattern.shape for bar in bars}) == 3, "a second sign beside colour"
    assert sorted(dots[2].y) == [20.0, 70.0, 90.0]
    assert [dot.marker.color for dot in dots] == [s.on_paper for s in REGION_STYLES.values()]
    assert list(plot.layout.xaxis.ticktext) == list(report.index)
    assert "ml" in plot.layout.yaxis2.title.text
    assert {bar.legend or "legend" for bar in bars} == {"legend"}
    assert {dot.legend for dot in dots} == {"legend2"}
    assert "tumour region" in plot.layout.legend2.title.text


def test_the_still_figure_holds_the_same(report: pd.DataFrame) -> None:
    fig, (bars, dots) = plt.subplots(2)
    draw_bars(bars, report, hospital_styles(report.index))
    draw_volumes(dots, report, VOLUMES)
    heights = sorted(patch.get_height() for patch in bars.patches if patch.get_height())
    assert heights == [1, 1, 2, 2, 5, 7, 8, 12]
    drawn = np.concatenate([points.get_offsets()[:, 1] for points in dots.collections])
    assert sorted(drawn) == [0, 3, 4, 5, 6, 9, 20, 70, 90]
    assert bars.get_ylabel() == "patients"
    assert dots.get_ylabel() == "volume (ml)"
    titles = [ax.get_legend().get_title().get_text() for ax in (bars, dots)]
    assert titles == ["a hospital's patients", "tumour region"]
    plt.close(fig)


def test_the_table_says_distance_beside_chance(report: pd.DataFrame) -> None:
    text = figures_table(report)
    rows = re.findall(r"<tr><th scope='row'>(.*?)</th>(.*?)</tr>", text)
    assert [name for name, _ in rows] == ["H1", "&lt;b&gt;"]
    cells = [re.findall(r"<td>(.*?)</td>", row) for _, row in rows]
    assert cells[0] == ["7", "0.00 (0.25)", "0.10 (0.25)", "0.20 (0.25)", "-"]
    assert cells[1][-1] == "T2"
    assert "WT volumes: distance (limit of chance)" in text
    assert "In brackets the limit of chance: 19 of 20 random deals" in text
    assert "look of scans" not in text
    assert "scanner" not in text
    report["intensity_t1"] = [0.2, np.nan]
    report["intensity_t2"] = [0.4, 0.1]
    assert "<td>0.300</td>" in figures_table(report)
