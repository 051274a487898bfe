"""Lesson 07 in a browser: minutes follow the sliders, answers are judged, nothing went wrong."""

from __future__ import annotations

import re

import pytest

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

UP = """() => Array.from(document.querySelectorAll('.js-plotly-plot'))
    .map(plot => plot.data.find(t => t.name === 'up')).find(Boolean)"""

NEAR = f"""due => {{
    const up = ({UP})()?.x;
    return up && Math.abs(Array.from(up)[0] / due - 1) < 0.01; }}"""
"""Whether the first bar's way up takes so many minutes. The page may draw long after the kernel
spoke."""


def test_minutes_follow_the_sliders(lesson_07: OpenNotebook) -> None:
    widget = lesson_07.widget("Up (Mbit/s)", "Local steps per round")
    widget.scroll_into_view_if_needed()
    for label, key in (("Up (Mbit/s)", "Home"), ("Local steps per round", "End")):
        lesson_07.slide(widget, label, key)
    told = lesson_07.status(widget)
    found = re.search(
        r"hence (\d+) rounds, over (\S+) megabits per second up .*? up ([\d.]+) min\)", told
    )
    rounds, speed, minutes = (float(word) for word in found.groups())
    assert (rounds, speed) == (20, 1)
    assert minutes == pytest.approx(rounds * (4.513 * 8 / speed + 0.03) / 60, rel=0.01)
    lesson_07.page.wait_for_function(NEAR, arg=minutes, timeout=60_000)
    lesson_07.screenshot("lesson_07_links", widget)


def test_answers_are_judged(lesson_07: OpenNotebook) -> None:
    wrong = "def my_top_k(change, memory, keep):\n"
    wrong += "    places = np.argsort(-np.abs(change))[:keep]\n"
    wrong += "    return places, change[places], memory\n"
    assert "memory does not take part" in lesson_07.run_code(wrong + "check.top_k(my_top_k)")
    right = "def my_top_k(change, memory, keep):\n"
    right += "    left = change + memory\n"
    right += "    places = np.argsort(np.abs(left))[-keep:]\n"
    right += "    values = left[places].copy()\n"
    right += "    left[places] = 0\n"
    right += "    return places, values, left\n"
    passed = lesson_07.run_code(right + "check.top_k(my_top_k)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_07: OpenNotebook) -> None:
    assert lesson_07.error_outputs() == []
    assert lesson_07.errors == []
