"""What holds for every lesson and every exercise, without a line of test written for it."""

from __future__ import annotations

import re
import warnings

import pytest

from fedlab_utils.course.exercise import Exercise
from fedlab_utils.course.judging import Verdict, judge_answer
from fedlab_utils.course.mutants import declared, surviving
from fedlab_utils.course.registry import find_check
from fedlab_utils.course.source import Lesson, lessons, source_paths

LESSONS = lessons()
EXERCISES = [exercise for lesson in LESSONS for exercise in lesson.exercises.values()]
every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


def tried(exercise: Exercise, source: str) -> Verdict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge_answer(exercise.answer(source), find_check(exercise.name), exercise)


@every_exercise
def test_the_solution_passes(exercise: Exercise) -> None:
    verdict = tried(exercise, exercise.solution)
    assert verdict.status == "passed", verdict.message


@every_exercise
def test_the_stub_is_not_attempted(exercise: Exercise) -> None:
    assert tried(exercise, exercise.stub).status == "stub"


@every_exercise
def test_two_wrong_answers_or_more_get_their_diagnosis(exercise: Exercise) -> None:
    assert len(exercise.wrong) >= 2
    for wrong in exercise.wrong:
        verdict = tried(exercise, wrong.source)
        assert verdict.status == "wrong", f"{wrong.diagnosis!r}: {verdict}"
        assert wrong.diagnosis, "a wrong answer needs the diagnosis it should get"
        assert wrong.diagnosis in verdict.message


@every_exercise
def test_the_check_catches_every_mutant_but_the_declared(exercise: Exercise) -> None:
    survivors = surviving(exercise)
    undeclared = [str(m) for m in survivors if not declared(m, exercise.equivalents)]
    assert not undeclared, "the check accepts these:\n" + "\n".join(undeclared)
    alive = {(m.before, m.after) for m in survivors}
    stale = [e for e in exercise.equivalents if (e.before, e.after) not in alive]
    assert not stale, "declared equivalent, but no mutant, or one that the check rejects"


@every_exercise
def test_there_are_two_hints_or_more_and_the_task_is_told(exercise: Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert exercise.answer(exercise.stub).__doc__


@every_lesson
def test_a_lesson_has_exercises_a_summary_and_a_quiz(lesson: Lesson) -> None:
    assert 3 <= len(lesson.exercises) <= 5
    assert lesson.quizzes
    headings = [
        line
        for cell in lesson.cells
        if cell.markdown and not cell.marks
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert "## What you have learnt" in headings
    assert sum(line.startswith("# ") for line in headings) == 1


RIGHT_TOO = {
    "dice": [
        "def my_dice(prediction, truth):\n"
        "    shared, sizes = (prediction & truth).sum(), prediction.sum() + truth.sum()\n"
        "    return (2 * shared + 1e-8) / (sizes + 1e-8)",
    ],
    "split_by_patient": [
        "def my_split_by_patient(patients, test_fraction, rng):\n"
        "    everyone = np.unique(patients)\n"
        "    shuffled = rng.permutation(everyone)\n"
        "    return np.isin(patients, shuffled[: round(test_fraction * len(everyone))])",
    ],
    "augment": [
        "def my_augment(image, target, rng):\n"
        "    if rng.integers(2):\n"
        "        image, target = image[:, ::-1], target[:, ::-1]\n"
        "    factors = [0.9 + 0.2 * rng.random() for _ in range(4)]\n"
        "    return np.stack([f * s for f, s in zip(factors, image)]), target",
        "def my_augment(image, target, rng):\n"
        "    image = image.astype(np.float32)\n"
        "    image *= rng.uniform(0.9, 1.1, (4, 1, 1)).astype(np.float32)\n"
        "    if rng.random() < 0.5:\n"
        "        return np.flip(image, 1), np.flip(target, 1)\n"
        "    return image, target",
    ],
}


@pytest.mark.parametrize("name", RIGHT_TOO)
def test_other_right_answers_pass(name: str) -> None:
    exercise = next(exercise for exercise in EXERCISES if exercise.name == name)
    for source in RIGHT_TOO[name]:
        verdict = tried(exercise, source)
        assert verdict.status == "passed", verdict.message


POINTERS = {
    r"for a reason that\s+#\s+matters in lesson (\d\d)": "Batch normalization",
    r"In lesson (\d\d) we promise each patient privacy": "DP-SGD",
    r"without T1ce is a question of lesson (\d\d)": "each lacks a sequence",
    r"Lesson (\d\d) tries that, with a smaller network": "private_fine_tuning",
}
"""Words by which lesson 03 points to another one, and what that one then holds."""


@pytest.mark.parametrize("words", POINTERS)
def test_lesson_03_points_to_the_lessons_that_treat_the_matter(words: str) -> None:
    sources = {path.stem[:2]: path.read_text("utf-8") for path in source_paths()}
    (number,) = re.findall(words, sources["03"])
    assert POINTERS[words] in sources[number]
