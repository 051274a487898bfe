"""Lesson 10 in a browser: answers judged, nothing went wrong."""

from __future__ import annotations

import pytest

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser


def test_answers_are_judged(lesson_10: OpenNotebook) -> None:
    wrong = "def my_pairwise_masks(numbers, own, rows):\n"
    wrong += "    return numbers + sum(rows.values())\n"
    told = lesson_10.run_code(wrong + "check.pairwise_masks(my_pairwise_masks)")
    assert "always added" in told
    right = "def my_pairwise_masks(numbers, own, rows):\n"
    right += "    signed = [r if own < other else -r for other, r in rows.items()]\n"
    right += "    return numbers + sum(signed)\n"
    passed = lesson_10.run_code(right + "check.pairwise_masks(my_pairwise_masks)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_10: OpenNotebook) -> None:
    assert lesson_10.error_outputs() == []
    assert lesson_10.errors == []
