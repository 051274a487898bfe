from __future__ import annotations

import html
import re

import ipywidgets
import pytest

from fedlab_utils.course import progress, quiz
from fedlab_utils.course.messages import plain
from fedlab_utils.course.question import Quiz
from fedlab_utils.course.source import lessons

QUIZZES = [q for lesson in lessons() for q in lesson.quizzes.values()]


def parts(box: ipywidgets.Widget) -> tuple:
    question, radio, button, verdict = box.children
    return question, radio, button, verdict


@pytest.mark.parametrize("asked", QUIZZES, ids=lambda q: q.name)
def test_every_choice_is_judged_explained_and_recorded(asked: Quiz) -> None:
    _, radio, button, verdict = parts(quiz(asked.name).widget())
    assert button.disabled
    for i, choice in enumerate(asked.choices):
        radio.value = i
        assert not button.disabled
        button.click()
        assert ("Right." in verdict.value) == choice.right
        shown = html.unescape(re.sub("<[^>]+>", "", verdict.value))
        assert plain(choice.explanation) in shown
        assert 'role="status"' in verdict.value
    recorded = progress.read_progress()["quizzes"][asked.name]
    assert recorded == {"answers": len(asked.choices), "right": True}


@pytest.mark.parametrize("asked", QUIZZES, ids=lambda q: q.name)
def test_the_twin_shows_question_and_choices_but_no_answer(asked: Quiz) -> None:
    bundle = quiz(asked.name)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for twin in (html.unescape(re.sub("<[^>]+>", "", bundle["text/html"])), bundle["text/plain"]):
        assert all(plain(choice.text) in twin for choice in asked.choices)
        assert plain(asked.question).split("\n")[0] in twin
        assert not any(plain(choice.explanation) in twin for choice in asked.choices)
        assert "[x]" not in twin


def test_choosing_alone_records_nothing() -> None:
    _, radio, _, _ = parts(quiz("lonely-patient").widget())
    radio.value = 1
    assert progress.read_progress()["quizzes"] == {}


def test_an_unknown_quiz_proposes_the_nearest() -> None:
    assert "Did you mean `lonely-patient`?" in str(quiz("lonely-patent"))
