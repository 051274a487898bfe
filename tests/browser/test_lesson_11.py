"""Lesson 11 in a browser: the workbench follows its controls, answers are judged."""

from __future__ import annotations

import re

import pytest

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

KRUM = """def my_krum(rows, hostile):
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    nearest = np.sort(squares, axis=1)[:, : COUNT]
    return int(nearest.sum(axis=1).argmin())
"""


def _dice(told: str) -> tuple[float, float]:
    found = re.search(r"test patients ([\d.]+); plain mean with nobody hostile: ([\d.]+)\.", told)
    return float(found[1]), float(found[2])


def test_a_rule_saves_what_an_attack_ruins(lesson_11: OpenNotebook) -> None:
    widget = lesson_11.widget("Attack", "Rule")
    widget.scroll_into_view_if_needed()
    kept = {}
    for rule in ("plain mean", "Multi-Krum"):
        lesson_11.choose(widget, "Rule", rule)
        lesson_11.choose(widget, "Attack", "sign flip, 4 times as long")
        lesson_11.settle(seconds=120)
        told = lesson_11.status(widget)
        assert f"Rule: {rule}. Attack: sign flip, 4 times as long, 2 hostile." in told
        kept[rule], clean = _dice(told)
        lesson_11.screenshot(f"lesson_11_{rule.split()[0]}", widget)
    assert kept["plain mean"] < 0.9 * clean < kept["Multi-Krum"]
    assert "Hostile hospitals have 0% of the weight" in told


def test_answers_are_judged(lesson_11: OpenNotebook) -> None:
    wrong = KRUM.replace("COUNT", "min(len(rows) - hostile, len(rows) - 1)")
    assert "n - f neighbours" in lesson_11.run_code(wrong + "check.krum(my_krum)")
    right = KRUM.replace("COUNT", "len(rows) - hostile - 2")
    assert "passed" in lesson_11.run_code(right + "check.krum(my_krum)").lower()


def test_nothing_went_wrong_on_the_way(lesson_11: OpenNotebook) -> None:
    assert lesson_11.error_outputs() == []
    assert lesson_11.errors == []
