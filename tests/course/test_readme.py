from __future__ import annotations

import pytest

from fedlab_utils.course import readme
from fedlab_utils.course.address import course_root
from fedlab_utils.course.readme import readme_text
from fedlab_utils.course.source import lessons
from fedlab_utils.errors import CourseError
from tests.course.toy import toy_lesson


def test_the_readme_is_up_to_date() -> None:
    text = (course_root() / "README.md").read_text("utf-8")
    assert readme_text(text) == text, "run `make readme`"
    for lesson in lessons():
        assert lesson.question in text


def test_a_readme_without_its_comments_is_refused() -> None:
    with pytest.raises(CourseError, match="badges"):
        readme_text("# FedLab\n")


def test_a_lesson_becomes_a_row_with_what_was_measured(monkeypatch) -> None:
    measured = {"90_toy": {"seconds": 31, "megabytes": 910}}
    monkeypatch.setattr(readme, "lessons", lambda: [toy_lesson()])
    monkeypatch.setattr(readme, "measurements", lambda: measured)
    text = "<!-- badges: x -->\nold\n<!-- /badges -->\n<!-- lessons: y -->\n<!-- /lessons -->\n"
    once = readme_text(text)
    assert once.splitlines()[-2] == (
        "| [90 A toy](notebooks/90_toy.ipynb) | How does one scale a list? | 1 | 5 | 0.6 min "
        "| 1.0 GB | none |"
    )
    assert "old" not in once
    assert readme_text(once) == once
