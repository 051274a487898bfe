"""Turn a lesson into the notebook that students open, or into its solved twin; runs nothing."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from fedlab_utils.course.address import badges, colab_install, notebooks_folder
from fedlab_utils.course.cells import Cell
from fedlab_utils.course.source import Lesson
from fedlab_utils.errors import how_many

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_TAGS = {"check-output": "nbval-check-output", "setup": None, "author-only": None}


def student_notebook(lesson: Lesson) -> NotebookNode:
    """The notebook with stubs, without solutions, hints, wrong answers and author-only cells."""
    return _notebook(lesson, solved=False)


def solved_notebook(lesson: Lesson) -> NotebookNode:
    """The notebook with every solution in its place and the author-only cells, for the tests."""
    return _notebook(lesson, solved=True)


def notebook_path(lesson: Lesson) -> Path:
    """Where the student's notebook of a lesson lies."""
    return notebooks_folder() / f"{lesson.stem}.ipynb"


def sources(notebook: NotebookNode) -> list[tuple[str, str, str]]:
    """Id, type and source of each cell: what a built notebook must share with its lesson."""
    return [(cell.id, cell.cell_type, cell.source) for cell in notebook.cells]


def measurements() -> dict[str, dict[str, float]]:
    """What ``measured.json`` holds: notebook -> ``seconds`` and ``megabytes`` (peak RSS)."""
    path = notebooks_folder() / "measured.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def opening_line(lesson: Lesson) -> str:
    """The line under the title: minutes and memory as measured, data, exercises, badges."""
    parts = [f"*{lesson.title}*", f"about {lesson.minutes} minutes with {exercises(lesson)}"]
    if measured := measurements().get(lesson.stem):
        parts.append(f"runs in {run_time(measured)} with {memory(measured)} of memory")
    parts.append(f"data: {lesson.data}")
    return " · ".join(parts) + "\n\n" + badges(lesson.stem)


def exercises(lesson: Lesson) -> str:
    """The number of exercises in words."""
    return how_many(len(lesson.exercises), "exercise")


def run_time(measured: dict[str, float]) -> str:
    """Measured run time in minutes, rounded up so that nobody waits longer than told."""
    return f"{math.ceil(measured['seconds'] / 6) / 10:.1f} min"


def memory(measured: dict[str, float]) -> str:
    """Measured peak memory in gigabytes, rounded up."""
    return f"{math.ceil(measured['megabytes'] / 100) / 10:.1f} GB"


def _notebook(lesson: Lesson, *, solved: bool) -> NotebookNode:
    first, *rest = lesson.cells
    heading, _, text = first.source.partition("\n")
    opening = f"{heading}\n\n{opening_line(lesson)}\n\n{text.strip()}".strip()
    cells = [
        new_markdown_cell(opening, id="opening"),
        _code(colab_install(), "colab-install", ()),
    ]
    for cell in rest:
        cells += _cells(cell, lesson, solved=solved)
    _number_repeated_ids(cells)
    notebook = new_notebook(cells=cells, metadata={"kernelspec": dict(_KERNEL)})
    nbformat.validate(notebook)
    return notebook


def _cells(cell: Cell, lesson: Lesson, *, solved: bool) -> list[NotebookNode]:
    if (name := cell.marks.get("exercise")) is not None:
        exercise = lesson.exercises[name]
        check = f"check.{name}({exercise.answer_name})"
        return [
            _code(exercise.solution if solved else exercise.stub, f"exercise-{name}", cell.tags),
            _code(check, f"check-{name}", ()),
        ]
    if (name := cell.marks.get("quiz")) is not None:
        return [_code(f'quiz("{name}")', f"quiz-{name}", cell.tags)]
    if cell.marks or ("author-only" in cell.tags and not solved):
        return []
    identity = hashlib.blake2b(cell.source.encode(), digest_size=5).hexdigest()
    if cell.markdown:
        return [new_markdown_cell(cell.source, id=identity)]
    return [_code(cell.source, identity, cell.tags)]


def _code(source: str, identity: str, tags: tuple[str, ...]) -> NotebookNode:
    tags = [tag for tag in (_TAGS.get(tag, tag) for tag in tags) if tag]
    return new_code_cell(source, id=identity, metadata={"tags": tags} if tags else {})


def _number_repeated_ids(cells: list[NotebookNode]) -> None:
    """Two cells with the same text would share an id: the second gets ``-2``."""
    seen: dict[str, int] = {}
    for cell in cells:
        seen[cell.id] = seen.get(cell.id, 0) + 1
        if seen[cell.id] > 1:
            cell.id += f"-{seen[cell.id]}"
