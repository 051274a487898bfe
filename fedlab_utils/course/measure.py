"""Measure the notebooks: ``python -m fedlab_utils.course.measure [NN ...]``.

Runs each unsolved notebook from a fresh kernel and records wall time and peak memory in
``notebooks/measured.json``; the opening lines of the built notebooks follow.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import nbformat

from fedlab_utils.course.address import notebooks_folder
from fedlab_utils.course.build import chosen_lessons, write_notebook
from fedlab_utils.course.execute import Measured, execute
from fedlab_utils.course.notebook import measurements, notebook_path, student_notebook
from fedlab_utils.course.source import Lesson
from fedlab_utils.errors import FedLabError


def measure(lesson: Lesson) -> Measured:
    """Run one lesson as students get it, and record what it took."""
    notebook = student_notebook(lesson)
    taken = execute(notebook, lesson.stem)
    record = {"seconds": round(taken.seconds), "megabytes": round(taken.megabytes, -1)}
    table = measurements() | {lesson.stem: record}
    path = notebooks_folder() / "measured.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)
    return taken


def refresh_opening(lesson: Lesson) -> None:
    """Put the new figures into the opening line of the built notebook, if there is one."""
    path = notebook_path(lesson)
    if path.exists():
        built = nbformat.read(path, as_version=4)
        built.cells[0].source = student_notebook(lesson).cells[0].source
        write_notebook(built, path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m fedlab_utils.course.measure")
    parser.add_argument("lessons", nargs="*", type=int, metavar="NN", help="default: all")
    try:
        for lesson in chosen_lessons(parser.parse_args(arguments).lessons):
            taken = measure(lesson)
            refresh_opening(lesson)
            print(f"{lesson.stem}: {taken.seconds:.0f} s, {taken.megabytes:.0f} MB")
    except FedLabError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
