from __future__ import annotations

import ipywidgets as widgets
import pytest

from tests.ui.drive import drive


def _fail(*_: object) -> None:
    raise ValueError("broken callback")


def test_every_control_goes_through_its_range() -> None:
    seen = []
    slider = widgets.IntSlider(3, min=1, max=9)
    choice = widgets.Dropdown(options=[("one", 1.5), ("two", 2.5)])
    tick = widgets.Checkbox(False)
    for control in (slider, choice, tick):
        control.observe(lambda change: seen.append(change["new"]), "value")
    assert drive(widgets.VBox([widgets.HBox([slider, choice]), tick])) == 3 + 2 + 2
    assert seen == [1, 9, 5, 2.5, True, False]  # the first option was chosen already


def test_a_failing_observer_is_noticed() -> None:
    slider = widgets.FloatSlider()
    slider.observe(_fail, "value")
    with pytest.raises(ValueError, match="broken callback"):
        drive(slider)


def test_an_error_that_ipywidgets_only_logs_is_noticed() -> None:
    button = widgets.Button(description="Go")
    button.on_click(_fail)
    with pytest.raises(AssertionError, match=r"Go.*broken callback"):
        drive(widgets.VBox([button]))


def test_an_error_in_an_output_area_is_noticed() -> None:
    output = widgets.Output()
    button = widgets.Button()
    error = {"output_type": "error", "ename": "ValueError", "evalue": "hidden", "traceback": []}
    button.on_click(lambda _: setattr(output, "outputs", (error,)))
    with pytest.raises(AssertionError, match="hidden"):
        drive(widgets.VBox([button, output]))
