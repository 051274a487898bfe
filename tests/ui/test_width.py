"""Every plotly figure of an explorer follows its box; tests/browser measures it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import pytest

from fedlab_utils.ui import CohortExplorer, TrainingCurve, TwinBox
from fedlab_utils.ui.width import FollowWidth, follow_width
from tests.ui.drive import walk


def test_a_figure_is_told_to_follow_and_keeps_the_rest_of_its_settings() -> None:
    plot = go.FigureWidget()
    plot._config = {"displaylogo": False}
    assert isinstance(follow_width(plot), FollowWidth)
    assert plot._config == {"displaylogo": False, "responsive": True}
    assert plot.layout.autosize
    assert plot.layout.width is None


def _cohort() -> CohortExplorer:
    return CohortExplorer(pd.DataFrame({"age": [40.0, 50.0]}, index=["a", "b"]))


@pytest.mark.parametrize("make", [_cohort, TrainingCurve])
def test_every_explorer_with_a_figure_follows_its_width(make: Callable[[], TwinBox]) -> None:
    explorer = make()
    plots = [part for part in walk(explorer) if isinstance(part, go.FigureWidget)]
    assert plots
    assert all(plot.layout.width is None and plot._config["responsive"] for plot in plots)
    assert sum(isinstance(child, FollowWidth) for child in explorer.children) == 1
