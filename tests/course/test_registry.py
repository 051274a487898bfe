from __future__ import annotations

from fedlab_utils.course.registry import check_names, did_you_mean, find_exercise, find_quiz
from fedlab_utils.course.source import lessons


def test_every_exercise_has_a_check_of_its_lesson_and_no_name_is_used_twice() -> None:
    names = [name for lesson in lessons() for name in lesson.exercises]
    quizzes = [name for lesson in lessons() for name in lesson.quizzes]
    assert len(names) == len(set(names))
    assert len(quizzes) == len(set(quizzes))
    modules = {n: f"lesson{lesson.number:02d}" for lesson in lessons() for n in lesson.exercises}
    assert {name: module.rsplit(".", 1)[1] for name, module in check_names().items()} == modules


def test_near_names_come_first() -> None:
    assert did_you_mean("dise", ["dice", "mean"]) == "Did you mean `dice`?"
    assert did_you_mean("qqq", ["dice", "mean"]) == "There are: `dice`, `mean`."


def test_exercises_and_quizzes_are_found_by_name() -> None:
    assert find_exercise("dice").lesson == 0
    assert find_quiz("lonely-patient").lesson == 0
    assert find_exercise("no such") is None
    assert find_quiz("no such") is None
