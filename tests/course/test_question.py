from __future__ import annotations

import pytest

from fedlab_utils.course.question import Choice, parse_quiz

TEXT = """Two lines
of `question`?

- [x] Yes,
  of course
  > Right,
  > it is.
- [ ] No
  > Wrong."""


def test_question_choices_and_explanations_are_read() -> None:
    quiz = parse_quiz(TEXT, "q", 3)
    assert (quiz.name, quiz.lesson) == ("q", 3)
    assert quiz.question == "Two lines\nof `question`?"
    assert quiz.choices == (
        Choice("Yes, of course", True, "It is."),
        Choice("No", False, "Wrong."),
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Right. They are.", "They are."),
        ("Right: 60 of 80.", "60 of 80."),
        ("Right.", "Right."),
        ("Rightly so.", "Rightly so."),
    ],
)
def test_the_verdict_is_not_said_twice(written: str, read: str) -> None:
    text = f"Q?\n\n- [x] A\n  > {written}\n- [ ] B\n  > Wrong."
    assert parse_quiz(text, "q", 3).choices[0].explanation == read


def test_several_choices_may_be_right() -> None:
    assert not parse_quiz(TEXT, "q", 3).several
    both = parse_quiz(TEXT.replace("[ ]", "[x]"), "q", 3)
    assert both.several
    assert both.right == {0, 1}


@pytest.mark.parametrize(
    "text",
    ["", "Question?", TEXT.replace("[x]", "[ ]"), TEXT.replace("  > Wrong.", ""), TEXT[:52]],
)
def test_a_quiz_that_lacks_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lacks choices, a right choice or an explanation"):
        parse_quiz(text, "q", 3)
