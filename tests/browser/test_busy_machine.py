"""Plots on a machine that has no time for the browser: late, but right in the end."""

from __future__ import annotations

from collections.abc import Callable

import nbformat
import pytest

from tests.browser.lab import Lab
from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

LATE = """() => {
const address = URL.createObjectURL;
URL.createObjectURL = (blob) => {
  const module = address.call(URL, blob);
  if (blob.size < 1e6) return module;
  const late = `await new Promise((go) => setTimeout(go, 4000));
    export default (await import("${module}")).default;`;
  return address.call(URL, new Blob([late], { type: "text/javascript" }));
}; }"""
"""Makes a page take four seconds more to load a large module, such as plotly's."""

CELL = """
from fedlab_utils.ui import TrainingCurve
def dice(epoch):
    return {name: epoch / 10 for name in ("dice", "dice_et", "dice_tc", "dice_wt")}
with TrainingCurve() as curve:
    for epoch in range(1, 6):
        curve.add({"epoch": epoch, "loss": 1 / epoch, **dice(epoch)}, 5)
"""

LINES = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(
    plot => plot.data.map(t => [t.name, Array.from(t.x ?? []), Array.from(t.y ?? [])]))"""

WIDE = """
import ipywidgets
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.width import follow_width
plot = plotly_figure(data=[{"type": "scatter", "mode": "markers", "y": [*range(2000)]}])
display(ipywidgets.VBox([plot, follow_width(plot)]))
"""

AS_WIDE_AS_ITS_CELL = """() => {
    const plot = document.querySelector('.js-plotly-plot');
    const drawn = [...plot.querySelectorAll('.main-svg')];
    return drawn.length && drawn.every(
        svg => Math.abs(svg.getBoundingClientRect().width - plot.clientWidth) <= 1);
}"""

SIDE_BAR = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"


@pytest.fixture
def open_cell(lab: Lab, open_notebook: Callable[..., OpenNotebook]) -> Callable:
    """Function that opens a notebook with one cell of this source."""

    def opened(name: str, source: str) -> OpenNotebook:
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell(source)]
        book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(book, lab.folder / name)
        return open_notebook(name)

    return opened


def test_a_plot_follows_a_side_bar_that_comes_and_goes(
    open_cell: Callable[[str, str], OpenNotebook],
) -> None:
    notebook = open_cell("wide.ipynb", WIDE)
    notebook.run_all()
    page = notebook.page
    page.set_viewport_size({"width": 640, "height": 900})
    page.wait_for_function(AS_WIDE_AS_ITS_CELL, timeout=10_000)
    slow = page.context.new_cdp_session(page)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 6})
    widths = set()
    for pause in (20, 100, 150, 250):
        for _ in range(2):
            for _ in range(3):
                page.evaluate(SIDE_BAR)
                page.wait_for_timeout(pause)
            page.wait_for_function(AS_WIDE_AS_ITS_CELL, timeout=15_000)
            widths.add(page.evaluate("document.querySelector('.js-plotly-plot').clientWidth"))
    assert max(widths) - min(widths) > 100


def test_a_live_plot_shows_what_was_said_before_it_was_there(
    open_cell: Callable[[str, str], OpenNotebook],
) -> None:
    notebook = open_cell("busy.ipynb", CELL)
    notebook.page.evaluate(LATE)
    notebook.run_all()
    assert notebook.error_outputs() == []
    notebook.page.wait_for_function(f"() => ({LINES})().some(line => line[1].length > 4)")
    lines = {name: (x, y) for name, x, y in notebook.page.evaluate(LINES)}
    assert lines["training loss"] == ([1, 2, 3, 4, 5], pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 0.2]))
    assert lines["Dice WT"] == ([1, 2, 3, 4, 5], pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert lines["kept epoch"] == ([5, 5], [0, 1])
    assert notebook.errors == []
