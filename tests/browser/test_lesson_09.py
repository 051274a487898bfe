"""Lesson 09 in a browser: the explorer of epsilon against the accountant, answers judged."""

from __future__ import annotations

import re

import pytest

from fedlab_utils.privacy import epsilon_of
from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

SPENT = """() => Array.from(document.querySelectorAll('.js-plotly-plot'))
    .map(plot => plot.data.find(t => t.name === 'epsilon spent')).find(Boolean)"""

NEAR = f"""due => {{
    const spent = ({SPENT})()?.y;
    return spent && Math.abs(Array.from(spent).at(-1) / due - 1) < 0.01; }}"""
"""Whether the curve ends at the budget. The page may draw long after the kernel spoke."""


def test_the_noise_follows_the_sliders(lesson_09: OpenNotebook) -> None:
    widget = lesson_09.widget("Epsilon", "Patients")
    widget.scroll_into_view_if_needed()
    for label, key in (("Epsilon", "Home"), ("Steps", "End"), ("Rate", "End"), ("Epsilon", "End")):
        lesson_09.slide(widget, label, key)
        told = lesson_09.status(widget)
        found = re.match(
            r"Epsilon (\S+) per patient .* over (\d+) steps at rate (\S+) takes noise of (\S+) ",
            told,
        )
        epsilon, steps, rate, noise = (float(word) for word in found.groups())
        spent = epsilon_of([(noise, rate, int(steps))], 1e-5, "rdp")
        assert spent == pytest.approx(epsilon, rel=0.02)  # the noise is told in two digits
        lesson_09.page.wait_for_function(NEAR, arg=epsilon, timeout=60_000)
    lesson_09.screenshot("lesson_09_epsilon", widget)


def test_a_budget_brings_its_own_segmentation(lesson_09: OpenNotebook) -> None:
    widget = lesson_09.widget("Epsilon", "Patient of")
    widget.scroll_into_view_if_needed()
    seen = set()
    for key, words in (
        ("Home", "The public network, untouched"),
        ("ArrowRight", "fine-tuned at epsilon 1 per patient (delta 1e-5)"),
        ("End", "fine-tuned without privacy"),
    ):
        lesson_09.slide(widget, "Epsilon", key)
        assert words in lesson_09.status(widget)
        seen.add(lesson_09.picture(widget).tobytes())
    assert len(seen) == 3
    lesson_09.choose(widget, "Patient of", "1.5T thin")
    lesson_09.settle()
    assert "hospital 1.5T thin" in lesson_09.status(widget)
    lesson_09.screenshot("lesson_09_budget", widget)


def test_answers_are_judged(lesson_09: OpenNotebook) -> None:
    wrong = "def my_patient_sample(patient_of, rate, uniform):\n"
    wrong += "    return [n for n, u in enumerate(uniform(len(patient_of))) if u < rate]\n"
    told = lesson_09.run_code(wrong + "check.patient_sample(my_patient_sample)")
    assert "coin for each slice" in told
    right = "def my_patient_sample(patient_of, rate, uniform):\n"
    right += "    ids = sorted(set(patient_of))\n"
    right += "    coins = dict(zip(ids, uniform(len(ids))))\n"
    right += "    return [n for n, p in enumerate(patient_of) if coins[p] < rate]\n"
    passed = lesson_09.run_code(right + "check.patient_sample(my_patient_sample)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_09: OpenNotebook) -> None:
    assert lesson_09.error_outputs() == []
    assert lesson_09.errors == []
