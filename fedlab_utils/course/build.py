"""Build the students' notebooks: ``python -m fedlab_utils.course.build [NN ...]``.

Each ``notebooks/src/NN_slug.py`` (syntax: ``source.py``) becomes ``notebooks/NN_slug.ipynb``,
executed, with its outputs stored. Two builds of the same sources give the same file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from fedlab_utils.course.execute import execute, tidy
from fedlab_utils.course.notebook import notebook_path, student_notebook
from fedlab_utils.course.source import Lesson, lessons
from fedlab_utils.errors import CourseError, FedLabError


def build(lesson: Lesson) -> Path:
    """Build one lesson's notebook and return its path."""
    notebook = student_notebook(lesson)
    execute(notebook, lesson.stem)
    tidy(notebook, lesson.stem)
    return write_notebook(notebook, notebook_path(lesson))


def write_notebook(notebook: NotebookNode, path: Path) -> Path:
    """Write a notebook so that a reader finds either the old or the new one."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(nbformat.writes(notebook) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return path


def chosen_lessons(numbers: Sequence[int]) -> list[Lesson]:
    """The lessons with these numbers, or all."""
    every = lessons()
    missing = set(numbers) - {lesson.number for lesson in every}
    if missing:
        known = ", ".join(lesson.stem for lesson in every)
        raise CourseError(f"lesson {min(missing)}", "there is no such source", f"choose of {known}")
    return [lesson for lesson in every if not numbers or lesson.number in numbers]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m fedlab_utils.course.build")
    parser.add_argument("lessons", nargs="*", type=int, metavar="NN", help="default: all")
    try:
        for lesson in chosen_lessons(parser.parse_args(arguments).lessons):
            path = build(lesson)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    except FedLabError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
