"""Legends, mode bars and axes keep off each other, also where a cell was narrow for a while."""

from __future__ import annotations

import json
from pathlib import Path

import plotly
import pytest

from fedlab_utils.ui import cohort_plots, federation_curve, hospital_plots
from fedlab_utils.ui.plotly_figure import plotly_figure

pytestmark = pytest.mark.browser

_WIDTHS = (1100, 800, 500, 1100)

_BOXES = """() => [...document.querySelectorAll(".js-plotly-plot")].map((figure) => {
  const at = figure.getBoundingClientRect();
  const box = (one) => {
    const {left, top, right, bottom} = one.getBoundingClientRect();
    return [left - at.left, top - at.top, right - at.left, bottom - at.top];
  };
  const {l, t, w, h} = figure._fullLayout._size;
  const axes = [...figure.querySelectorAll(".infolayer .xtitle")].map(box);
  return {
    name: figure.id,
    plot: [l, t, l + w, t + h],
    apart: [[l, t, l + w, t + h], box(figure.querySelector(".modebar")), ...axes],
    legends: [...figure.querySelectorAll(".infolayer > g.legend")].map(box),
  };
})"""


def _figures() -> dict[str, object]:
    """Figures with more entries than a line of their legend holds."""
    found = {}
    for name, layout in (
        ("federation", federation_curve._layout()),
        ("cohort", cohort_plots._plotly_layout()),
    ):
        found[name] = plotly_figure(layout=layout)
        for number in range(12):
            found[name].add_scatter(x=[1, 2], y=[0, 1], name=f"Institution {number}")
    found["cohort"].layout.xaxis.title.text = "age (years)"
    found["cohort"].layout.legend.title.text = "institution"
    found["hospitals"] = hospital_plots.live_figure()
    for trace in found["hospitals"].data:
        trace.x, trace.y = [0, 1], [3, 4]
    return found


def _page(figures: dict[str, object], folder: Path) -> str:
    """Write a page with the figures, as wide as the window, and return its address."""
    library = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    parts = []
    for name, figure in figures.items():
        parts.append(f'<div id="{name}" style="height: {figure.layout.height}px"></div>')
        how = json.dumps({"responsive": True})
        drawn = f"const {{data, layout}} = {figure.to_json()}; Plotly.newPlot(name, data, layout"
        parts.append(f'<script>{{const name = "{name}"; {drawn}, {how});}}</script>')
    page = folder / "page.html"
    head = f'<meta charset="utf-8"><script src="{library.as_uri()}"></script>'
    page.write_text(f"<!doctype html><html><head>{head}</head><body>{''.join(parts)}</body></html>")
    return page.as_uri()


def _overlap(one: list[float], other: list[float]) -> bool:
    return all(max(one[i], other[i]) < min(one[i + 2], other[i + 2]) - 1 for i in (0, 1))


def test_legends_lie_on_nothing_at_any_width(browser: object, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": _WIDTHS[0], "height": 900})
    page.goto(_page(_figures(), tmp_path))
    plots = {}
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(800)
        for seen in page.evaluate(_BOXES):
            own = seen["legends"][:1]  # a second one lies between two plots, on purpose
            assert own, seen
            apart = seen["apart"] if seen["name"] != "hospitals" else seen["apart"][:2]
            for box in apart:
                assert not _overlap(own[0], box), (width, seen)
            plots.setdefault((seen["name"], width), seen["plot"])
            assert seen["plot"] == plots[seen["name"], width], "widened again, it is as it was"
    page.close()
