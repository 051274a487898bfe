"""What the page gets of a live figure; tests/browser/test_busy_machine.py runs the module."""

from __future__ import annotations

import json
import re

import plotly.graph_objects as go

from fedlab_utils.ui.plotly_figure import LEGEND_ROOM, plotly_figure


def test_it_is_plotly_s_figure_with_a_module_of_its_own() -> None:
    figure = plotly_figure(data=[go.Scatter(x=[1], y=[2])], layout={"title": {"text": "x"}})
    assert isinstance(figure, go.FigureWidget)
    assert figure.data[0].y == (2,)
    assert figure.layout.title.text == "x"
    sent = figure.get_state()
    assert len(sent["_esm"]) < 4000
    assert sent["_library"] == str(go.FigureWidget._esm)


def test_the_module_notes_every_message_that_plotly_has() -> None:
    module = str(plotly_figure()._esm)
    noted = set(json.loads(re.search(r"const MESSAGES = (\[.*?\]);", module)[1]))
    assert noted == {name for name in go.FigureWidget().keys if name.startswith("_py2js_")}
    assert {"_py2js_addTraces", "_py2js_restyle", "_py2js_update", "_py2js_relayout"} <= noted


def test_what_plotly_s_own_bundle_must_offer_the_module() -> None:
    exported = re.findall(r"export\{([^}]*)\}", str(go.FigureWidget._esm))[-1]
    assert " as default" in exported


def test_a_legend_has_room_of_its_own_below_and_the_mode_bar_above() -> None:
    """In the page: tests/browser/test_legends.py."""
    margin = {"l": 60, "r": 20, "t": 20, "b": 45}
    given = {"height": 300, "margin": dict(margin)}
    layout = plotly_figure(layout=given).layout
    assert given == {"height": 300, "margin": margin}
    assert layout.height == 300 + LEGEND_ROOM
    assert layout.margin.b == 45 + LEGEND_ROOM
    assert (layout.margin.l, layout.margin.t) == (60, 30)
    assert (layout.legend.yref, layout.legend.y) == ("container", 0)
    assert layout.legend.maxheight == LEGEND_ROOM

    own = plotly_figure(layout=given | {"legend": {"x": 1}}).layout
    assert (own.height, own.margin.b, own.legend.yref) == (300, 45, None)
