"""Find exercises, their checks and their lessons by name, without importing every lesson."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from pathlib import Path

from fedlab_utils.course import source
from fedlab_utils.course.exercise import Exercise
from fedlab_utils.course.question import Quiz


@cache
def check_names() -> dict[str, str]:
    """Name of each check -> the module that defines it."""
    names = {}
    for path in sorted((Path(__file__).parent / "checks").glob("lesson[0-9][0-9].py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                names[node.name] = f"{__package__}.checks.{path.stem}"
    return names


def find_check(name: str) -> Callable:
    """Return the check ``name``; the caller has made sure that there is one."""
    return getattr(import_module(check_names()[name]), name)


def find_exercise(name: object) -> Exercise | None:
    """Return the exercise ``name`` as its lesson's source tells it, or None."""
    if not isinstance(name, str):
        return None
    return next((x.exercises[name] for x in _likely_first(name) if name in x.exercises), None)


def find_quiz(name: object) -> Quiz | None:
    """Return the quiz ``name``, or None."""
    if not isinstance(name, str):
        return None
    return next((x.quizzes[name] for x in source.lessons() if name in x.quizzes), None)


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """Complete "there is no NAME": propose the nearest names, or list them all."""
    known = sorted(names)
    if not isinstance(name, str):
        return f'Give its name in quotes, such as `"{known[0]}"`.'
    if near := difflib.get_close_matches(name, known, n=2, cutoff=0.5):
        return "Did you mean " + " or ".join(f"`{n}`" for n in near) + "?"
    return "There are: " + ", ".join(f"`{n}`" for n in known) + "."


def _likely_first(name: str) -> Iterable[source.Lesson]:
    """Lessons, the one whose check module holds ``name`` first, so that others stay unread."""
    number = check_names().get(name, "")[-2:]
    paths = sorted(source.source_paths(), key=lambda path: path.name[:2] != number)
    return map(source.read_lesson, paths)
