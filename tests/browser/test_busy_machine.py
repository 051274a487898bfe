"""A live plot on a machine that has no time for the browser: late, but nothing is lost."""

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


def test_a_live_plot_shows_what_was_said_before_it_was_there(
    lab: Lab, open_notebook: Callable[..., OpenNotebook]
) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(CELL)]
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(book, lab.folder / "busy.ipynb")
    notebook = open_notebook("busy.ipynb")
    notebook.page.evaluate(LATE)
    notebook.run_all()
    assert notebook.error_outputs() == []
    notebook.page.wait_for_function(f"() => ({LINES})().some(line => line[1].length > 4)")
    lines = {name: (x, y) for name, x, y in notebook.page.evaluate(LINES)}
    assert lines["training loss"] == ([1, 2, 3, 4, 5], pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 0.2]))
    assert lines["Dice WT"] == ([1, 2, 3, 4, 5], pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert lines["kept epoch"] == ([5, 5], [0, 1])
    assert notebook.errors == []
