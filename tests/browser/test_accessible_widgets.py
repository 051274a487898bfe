"""Explorers in a narrow window and for a screen reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab
from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

WIDTHS = """plot => [plot.parentElement.clientWidth,
    ...[...plot.querySelectorAll('.main-svg')].map(svg => svg.getBoundingClientRect().width)]"""

CONTROLS = "select, input, textarea, [role=slider], [contenteditable]"
UNNAMED = """(box, controls) => [...box.querySelectorAll(controls)]
    .filter(part => part.checkVisibility() && !part.getAttribute('aria-label')
                    && part.type !== 'radio').map(part => part.outerHTML)"""

ADDED = """
import ipywidgets
from fedlab_utils.ui import Picture, TwinBox
class Toy(TwinBox):
    def twin(self):
        return Picture(b"", "A box that gets another slider in a moment.")
toy = Toy([inner := ipywidgets.VBox([])])
display(toy)"""


@pytest.fixture
def narrow(lesson_01: OpenNotebook) -> Iterator[OpenNotebook]:
    """Lesson 01 in a window 640 pixels wide."""
    size = lesson_01.page.viewport_size
    lesson_01.page.set_viewport_size({"width": 640, "height": size["height"]})
    yield lesson_01
    lesson_01.page.set_viewport_size(size)


def _expect_to_fit(plot: Locator) -> None:
    for _ in range(50):
        cell, *drawn = plot.evaluate(WIDTHS)
        if all(abs(width - cell) <= 1 for width in drawn):
            return
        plot.page.wait_for_timeout(100)
    raise AssertionError(f"the plot is {drawn} pixels wide in a cell of {cell}")


def test_the_plot_is_as_wide_as_its_cell(narrow: OpenNotebook) -> None:
    widget = narrow.widget("Along x", "Along y")
    widget.scroll_into_view_if_needed()
    plot = widget.locator(".js-plotly-plot")
    _expect_to_fit(plot)
    narrow.screenshot("cohort_640", widget)
    # Nothing tells the page that a side bar opened, so this needs more than the window's events.
    toggle = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
    before = plot.evaluate(WIDTHS)[0]
    narrow.page.evaluate(toggle)
    try:
        narrow.page.wait_for_timeout(500)
        assert abs(plot.evaluate(WIDTHS)[0] - before) > 100
        _expect_to_fit(plot)
        narrow.choose(widget, "Colour by", "institution")
        _expect_to_fit(plot)
        narrow.screenshot("cohort_640_side_bar", widget)
    finally:
        narrow.page.evaluate(toggle)


def test_a_preset_is_marked_only_at_its_values(lesson_01: OpenNotebook) -> None:
    notebook = lesson_01
    widget = notebook.widget("TR (ms)", "TE (ms)")
    button = widget.get_by_role("button", name="T2")
    button.click()
    notebook.settle()
    marked = widget.locator("button.mod-active")
    assert marked.all_inner_texts() == ["T2"]
    assert notebook.slide(widget, "TE (ms)", "ArrowRight") == "96"
    assert marked.count() == 0
    expect(button).to_have_attribute("aria-pressed", "false")
    notebook.screenshot("contrast_by_hand", widget)
    notebook.slide(widget, "TE (ms)", "ArrowLeft")
    assert marked.all_inner_texts() == ["T2"]
    expect(button).to_have_attribute("aria-pressed", "true")


@pytest.mark.parametrize(
    ("lesson", "labels", "sliders", "lists"),
    [
        ("lesson_01", ("TR (ms)", "TE (ms)"), ["TR (ms)", "TE (ms)", "TI (ms)"], []),
        ("lesson_01", ("Sequence", "Axial"), ["Axial", "Opacity"], ["Sequence", "Overlay"]),
        ("lesson_01", ("View", "Overlay"), ["Overlay"], ["View"]),
        ("lesson_01", ("Along x", "Along y"), [], ["Along x", "Along y", "Colour by"]),
        ("lesson_02", ("Voxel edge", "Clip at (z)"), ["Voxel edge", "Clip at (z)"], ["Sequence"]),
        ("lesson_02", ("Transform", "Strength"), ["Strength", "Seed"], ["Transform"]),
    ],
    ids=["contrast", "planes", "linked", "cohort", "preprocessing", "augmentation"],
)
def test_every_control_has_its_description_as_name(
    request: pytest.FixtureRequest,
    lesson: str,
    labels: tuple[str, str],
    sliders: list[str],
    lists: list[str],
) -> None:
    widget = request.getfixturevalue(lesson).widget(*labels)
    for name in sliders:
        expect(widget.get_by_role("slider", name=name, exact=True)).to_have_count(1)
    for name in lists:
        expect(widget.get_by_role("combobox", name=name, exact=True)).to_have_count(1)
    assert widget.evaluate(UNNAMED, CONTROLS) == []


def test_a_slider_says_its_value_with_the_unit(
    lesson_01: OpenNotebook, lesson_02: OpenNotebook
) -> None:
    for notebook, label, words in (
        (lesson_01, "TR (ms)", "10000 ms"),
        (lesson_02, "Voxel edge", "6 mm"),
        (lesson_02, "Clip at (z)", "5.00 z"),
    ):
        slider = notebook.page.get_by_role("slider", name=label, exact=True)
        slider.press("Home")
        notebook.settle()
        slider.press("End")
        notebook.settle()
        expect(slider).to_have_attribute("aria-valuetext", words)


def test_buttons_side_by_side_are_a_group_with_a_name(lesson_01: OpenNotebook) -> None:
    for name, choices in (("Start from", 4), ("Overlay as", 2)):
        group = lesson_01.page.get_by_role("group", name=name, exact=True)
        assert group.get_by_role("button").count() == choices


def test_a_control_that_is_added_later_gets_a_name(
    lab: Lab, open_notebook: Callable[..., OpenNotebook]
) -> None:
    lab.copy("00_start_here.ipynb", "added_later.ipynb")
    notebook = open_notebook("added_later.ipynb")
    notebook.run_code(ADDED)
    added = "ipywidgets.IntSlider(3, max=9, description='Rounds (h)')"
    notebook.run_code(f"inner.children = [{added}]")
    slider = notebook.page.get_by_role("slider", name="Rounds (h)", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "3 h")
    notebook.run_code("inner.children[0].description = 'Days (d)'")
    renamed = notebook.page.get_by_role("slider", name="Days (d)", exact=True)
    expect(renamed).to_have_attribute("aria-valuetext", "3 d")
    assert notebook.errors == []
