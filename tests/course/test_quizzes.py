from __future__ import annotations

import html
import itertools
import re

import ipywidgets
import pytest

from fedlab_utils.course import progress, quiz
from fedlab_utils.course.messages import plain
from fedlab_utils.course.question import Quiz
from fedlab_utils.course.source import lessons

QUIZZES = [q for lesson in lessons() for q in lesson.quizzes.values()]
ONE = [q for q in QUIZZES if not q.several]
SEVERAL = [q for q in QUIZZES if q.several]


def parts(box: ipywidgets.Widget) -> tuple:
    question, choices, button, verdict = box.children
    return question, choices, button, verdict


def seen(shown: str) -> str:
    return html.unescape(re.sub("<[^>]+>", "", shown))


@pytest.mark.parametrize("asked", ONE, ids=lambda q: q.name)
def test_every_choice_is_judged_explained_and_recorded(asked: Quiz) -> None:
    _, radio, button, verdict = parts(quiz(asked.name).widget())
    assert button.disabled
    for i, choice in enumerate(asked.choices):
        radio.value = i
        assert not button.disabled
        button.click()
        assert ("Right." in verdict.value) == choice.right
        assert plain(choice.explanation) in seen(verdict.value)
        assert verdict.value.count("Right") == choice.right, "the verdict is said once"
        assert 'role="status"' in verdict.value
    recorded = progress.read_progress()["quizzes"][asked.name]
    assert recorded == {"answers": len(asked.choices), "right": True}


@pytest.mark.parametrize("asked", SEVERAL, ids=lambda q: q.name)
def test_of_several_right_choices_exactly_those_count(asked: Quiz) -> None:
    question, choices, button, verdict = parts(quiz(asked.name).widget())
    assert "Several are right" in question.value
    ticks = choices.children
    assert [tick.description for tick in ticks] == [plain(c.text) for c in asked.choices]
    assert all(isinstance(tick, ipywidgets.Checkbox) for tick in ticks)
    assert button.disabled
    for answers, ticked in enumerate(itertools.product((False, True), repeat=len(ticks))):
        for tick, value in zip(ticks, ticked, strict=True):
            tick.value = value
        assert button.disabled == (not any(ticked))
        if not any(ticked):
            continue
        button.click()
        right = ticked == tuple(choice.right for choice in asked.choices)
        shown = seen(verdict.value)
        assert ("Right." in shown) == right
        assert ("Not quite." in shown) == (not right)
        for choice, value in zip(asked.choices, ticked, strict=True):
            assert (plain(choice.explanation) in shown) == value
        lacking = sum(c.right and not t for c, t in zip(asked.choices, ticked, strict=True))
        assert bool(re.search(r"more (is|are) right", shown)) == bool(lacking)
        recorded = progress.read_progress()["quizzes"][asked.name]
        assert recorded["answers"] == answers
        if right:
            assert recorded["right"]
            return
        assert not recorded["right"]


def test_there_are_quizzes_of_both_kinds() -> None:
    assert {q.name for q in SEVERAL} >= {"what-is-sent", "fixed-point", "scaffold-cost"}
    assert ONE


@pytest.mark.parametrize("asked", QUIZZES, ids=lambda q: q.name)
def test_the_twin_shows_question_and_choices_but_no_answer(asked: Quiz) -> None:
    bundle = quiz(asked.name)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for twin in (html.unescape(re.sub("<[^>]+>", "", bundle["text/html"])), bundle["text/plain"]):
        assert all(plain(choice.text) in twin for choice in asked.choices)
        assert plain(asked.question).split("\n")[0] in twin
        assert not any(plain(choice.explanation) in twin for choice in asked.choices)
        assert "[x]" not in twin
        assert ("Several are right" in twin) == asked.several


def test_choosing_alone_records_nothing() -> None:
    _, radio, _, _ = parts(quiz("lonely-patient").widget())
    radio.value = 1
    assert progress.read_progress()["quizzes"] == {}


def test_an_unknown_quiz_proposes_the_nearest() -> None:
    assert "Did you mean `lonely-patient`?" in str(quiz("lonely-patent"))
