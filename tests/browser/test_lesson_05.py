"""Lesson 05 in a browser: the live plot against the federation's own rounds, answers are judged."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser


def test_the_plot_in_the_page_holds_the_federation_s_own_rounds(lesson_05: OpenNotebook) -> None:
    code = """import json
print(json.dumps([[r.score, r.sent + r.received, {n: v["score"] for n, v in r.validation.items()}]
                  for r in federation.history]))"""
    rounds = json.loads(lesson_05.run_code(code))
    read = """rounds => {
        const found = Array.from(document.querySelectorAll('.js-plotly-plot'))
            .map(plot => plot.data.map(t => [t.name, Array.from(t.x ?? []), Array.from(t.y ?? [])]))
            .find(lines => lines.some(line => line[0] === 'megabytes sent'));
        return found && found.every(line => line[1].length === rounds) ? found : null; }"""
    # The page may still be drawing what the kernel has long said.
    lines = lesson_05.page.wait_for_function(read, arg=len(rounds), timeout=120_000).json_value()
    shown = {name: y for name, _, y in lines}
    scores, sent, hospitals = zip(*rounds, strict=True)
    np.testing.assert_allclose(shown["all patients"], scores, rtol=1e-6)
    np.testing.assert_allclose(shown["megabytes sent"], np.cumsum(sent), rtol=1e-6)
    for name in hospitals[0]:
        np.testing.assert_allclose(shown[name], [row[name] for row in hospitals], rtol=1e-6)
    assert all(x == list(range(1, len(rounds) + 1)) for _, x, _ in lines)
    plot = lesson_05.page.locator(".js-plotly-plot").filter(has_text="megabytes sent").first
    lesson_05.screenshot("lesson_05_rounds", plot)


def test_answers_are_judged(lesson_05: OpenNotebook) -> None:
    wrong = "my_weighted_average = lambda s, p: {n: sum(x[n] for x in s) / len(s) for n in s[0]}"
    assert "plain mean" in lesson_05.run_code(
        wrong + "\ncheck.weighted_average(my_weighted_average)"
    )
    wrong = "my_sound_answer = lambda *_: True\ncheck.sound_answer(my_sound_answer)"
    assert "You accept an answer" in lesson_05.run_code(wrong)


def test_nothing_went_wrong_on_the_way(lesson_05: OpenNotebook) -> None:
    assert lesson_05.error_outputs() == []
    assert lesson_05.errors == []
