"""Lesson 06 in a browser: the explorer of drift against rounds run by hand, answers judged."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fedlab_utils.ui.drift import PULLS, ROUNDS
from tests.browser.notebook import OpenNotebook
from tests.ui.oracles import rounds_by_hand

pytestmark = pytest.mark.browser

LINES = """() => Array.from(document.querySelectorAll('.js-plotly-plot'))
    .map(plot => plot.data.map(t => [t.name, Array.from(t.x ?? []), Array.from(t.y ?? [])]))
    .find(lines => lines.some(line => line[0] === 'true optimum'))"""

NEAR = f"""([name, due]) => {{
    const line = ({LINES})()?.find(line => line[0] === name);
    return line && Math.abs(line[1].at(-1) - due[0]) < 1e-6
        && Math.abs(line[2].at(-1) - due[1]) < 1e-6; }}"""
"""Whether a line of the plot ends at a point. The page may draw long after the kernel spoke."""


def expect_to_end(lesson: OpenNotebook, name: str, due: np.ndarray) -> None:
    """Wait until the line of that name ends there."""
    lesson.page.wait_for_function(NEAR, arg=[name, due.tolist()], timeout=60_000)


def shown(lesson: OpenNotebook) -> dict[str, np.ndarray]:
    """The plot's lines by name, points in rows."""
    return {name: np.transpose([x, y]) for name, x, y in lesson.page.evaluate(LINES)}


def test_the_cross_follows_the_sliders_to_where_rounds_end(lesson_06: OpenNotebook) -> None:
    widget = lesson_06.widget("Local steps", "Learning rate")
    widget.scroll_into_view_if_needed()
    for key, times in (("Home", 1), ("ArrowRight", 4), ("End", 1)):
        steps = int(lesson_06.slide(widget, "Local steps", key, times=times))
        rate = float(lesson_06.slide(widget, "Learning rate", "ArrowRight"))
        due = rounds_by_hand(steps, rate, 0.0, 4000)
        expect_to_end(lesson_06, "fixed point of FedAvg", due)
        expect_to_end(lesson_06, "averages", rounds_by_hand(steps, rate, 0.0, ROUNDS))
        lines = shown(lesson_06)
        told = lesson_06.status(widget)
        away = np.linalg.norm(due - lines["true optimum"][0])
        assert float(re.search(r"\), (\d+\.\d\d) from it", told)[1]) == pytest.approx(
            away, abs=0.0051
        )
    lesson_06.screenshot("lesson_06_drift", widget)


def test_the_methods_and_the_slider_of_rounds(lesson_06: OpenNotebook) -> None:
    widget = lesson_06.widget("Local steps", "Learning rate")
    widget.get_by_role("button", name="FedProx").click()
    lesson_06.settle()
    mu = float(lesson_06.slide(widget, "FedProx mu", "End"))
    told = lesson_06.status(widget)
    steps = int(re.search(r"with (\d+) local step", told)[1])
    rate = float(re.search(r"learning rate (\d\.\d\d)", told)[1])
    expect_to_end(lesson_06, "fixed point of FedProx", rounds_by_hand(steps, rate, mu, 4000))
    rounds = int(lesson_06.slide(widget, "Rounds", "Home"))
    lesson_06.slide(widget, "Rounds", "ArrowRight", times=3)
    assert rounds == 0
    expect_to_end(lesson_06, "averages", rounds_by_hand(steps, rate, mu, 3))
    assert len(shown(lesson_06)["averages"]) == 4
    lesson_06.slide(widget, "Rounds", "End")
    expect_to_end(lesson_06, "averages", rounds_by_hand(steps, rate, mu, ROUNDS))
    low, _, step = PULLS  # without FedProx the slider is not there to be put back
    lesson_06.slide(widget, "FedProx mu", "Home")
    back = lesson_06.slide(widget, "FedProx mu", "ArrowRight", times=round((1 - low) / step))
    assert float(back) == 1
    away = {}
    for method in ("SCAFFOLD", "FedAvg"):
        widget.get_by_role("button", name=method).click()
        lesson_06.settle()
        told = lesson_06.status(widget)
        assert told.startswith(method)
        away[method] = float(re.search(r"average is (\d+\.\d\d) from", told)[1])
    expect_to_end(lesson_06, "averages", rounds_by_hand(steps, rate, 0.0, ROUNDS))
    assert away["SCAFFOLD"] < away["FedAvg"]


def test_answers_are_judged(lesson_06: OpenNotebook) -> None:
    wrong = "def my_proximal_term(model, start, mu):\n"
    wrong += "    return mu / 2 * sum((p - start[n]).norm() for n, p in model.named_parameters())\n"
    assert "not squared" in lesson_06.run_code(wrong + "check.proximal_term(my_proximal_term)")
    right = wrong.replace(".norm()", ".square().sum()")
    passed = lesson_06.run_code(right + "check.proximal_term(my_proximal_term)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_06: OpenNotebook) -> None:
    assert lesson_06.error_outputs() == []
    assert lesson_06.errors == []
