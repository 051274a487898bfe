"""The cohort explorer against the table itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedlab_utils.errors import DataError
from fedlab_utils.ui import CohortExplorer
from fedlab_utils.ui.cohort_plots import COUNT
from tests.ui.drive import drive


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": rng.uniform(20, 80, 12).round(1),
            "survival_days": rng.integers(50, 900, 12).astype(float),
            "volume_wt_ml": rng.uniform(10, 200, 12).round(1),
            "grade": ["HGG"] * 8 + ["LGG"] * 4,
            "institution": ["Phantom01", "Phantom02", "Phantom03"] * 4,
        },
        index=[f"case-{i}" for i in range(12)],
    )
    table.loc["case-3", "age"] = np.nan
    table.loc["case-5", "survival_days"] = np.nan
    return table


def test_every_choice_shows_the_rows_of_the_table(table: pd.DataFrame) -> None:
    explorer = CohortExplorer(table)

    def check() -> None:
        shown = explorer.shown
        columns = [shown["x"]] + ([shown["y"]] if shown["y"] != COUNT else [])
        complete = table.dropna(subset=columns)
        assert shown["missing"] == len(table) - len(complete)
        points = [p for group in shown["points"].values() for p in group]
        assert {p[0] for p in points} == set(complete.index)
        assert all(p[1] == table.loc[p[0], shown["x"]] for p in points)
        if shown["group"] != "none":
            sizes = {name: len(group) for name, group in shown["points"].items()}
            assert sizes == complete[shown["group"]].value_counts().to_dict()
        drawn = sum(len(trace.x) for trace in explorer.plot.data)
        assert drawn == len(complete)

    check()
    assert drive(explorer, check) > 6


def test_axes_are_named_with_units(table: pd.DataFrame) -> None:
    explorer = CohortExplorer(table)
    explorer.x.value, explorer.y.value = "age", "volume_wt_ml"
    assert "years" in explorer.plot.layout.xaxis.title.text
    assert "ml" in explorer.plot.layout.yaxis.title.text
    assert "11" in explorer.twin().alt


def test_a_table_without_measures_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="none of the columns"):
        CohortExplorer(table[["grade", "institution"]])


def test_the_largest_value_lies_inside_the_last_bin(table: pd.DataFrame) -> None:
    """Plotly counts a value on a bin's upper edge into the next bin, which is not drawn."""
    explorer = CohortExplorer(table)
    explorer.x.value, explorer.y.value = "volume_wt_ml", COUNT
    for trace in explorer.plot.data:
        assert trace.xbins.start <= table["volume_wt_ml"].min()
        assert trace.xbins.end > table["volume_wt_ml"].max()
        assert trace.xbins.size * 12 == pytest.approx(trace.xbins.end - trace.xbins.start)
