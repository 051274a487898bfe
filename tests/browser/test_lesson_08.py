"""Lesson 08 in a browser: an attack at the press of a button, answers judged."""

from __future__ import annotations

import pytest

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser


def test_the_button_attacks_what_the_controls_say(lesson_08: OpenNotebook) -> None:
    widget = lesson_08.widget("Slices", "Noise")
    widget.scroll_into_view_if_needed()
    before = lesson_08.picture(widget).tobytes()
    noise = float(lesson_08.slide(widget, "Noise", "End"))
    assert "noise 0 times" in lesson_08.status(widget)  # nothing moves before the button is pressed
    widget.get_by_role("button", name="Attack").click()
    lesson_08.settle(seconds=240)
    told = lesson_08.status(widget)
    assert told.startswith("Weights: chosen by the server; 1 slice, 1 local step")
    assert f"noise {noise:g} times" in told
    assert "painted mask" in told
    assert lesson_08.picture(widget).tobytes() != before
    lesson_08.screenshot("lesson_08_attack", widget)


def test_answers_are_judged(lesson_08: OpenNotebook) -> None:
    wrong = "def my_linear_leak(weight_gradient, bias_gradient):\n"
    wrong += "    return weight_gradient[0] / bias_gradient[0]\n"
    assert "is 0" in lesson_08.run_code(wrong + "check.linear_leak(my_linear_leak)")
    right = "def my_linear_leak(weight_gradient, bias_gradient):\n"
    right += "    return bias_gradient @ weight_gradient / (bias_gradient @ bias_gradient)\n"
    passed = lesson_08.run_code(right + "check.linear_leak(my_linear_leak)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_08: OpenNotebook) -> None:
    assert lesson_08.error_outputs() == []
    assert lesson_08.errors == []
