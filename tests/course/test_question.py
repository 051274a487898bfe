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
        Choice("Yes, of course", True, "Right, it is."),
        Choice("No", False, "Wrong."),
    )


@pytest.mark.parametrize(
    "text",
    ["", "Question?", TEXT.replace("[x]", "[ ]"), TEXT.replace("  > Wrong.", ""), TEXT[:52]],
)
def test_a_quiz_that_lacks_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="lacks choices, a right choice or an explanation"):
        parse_quiz(text, "q", 3)
