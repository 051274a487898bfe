'''Read a lesson from ``notebooks/src/NN_slug.py``, the only place where a lesson is written.

A source is a Python file in jupytext's percent format: cells begin with ``# %%`` (code) or
``# %% [markdown]`` (text, each line after ``# ``), and ``key="value"`` marks on that line say what
the cell is for. ``python -m fedlab_utils.course.build NN`` makes the notebook. The file opens with

    # ---
    # title: Start here
    # data: phantom or a BraTS folder
    # minutes: 45
    # ---

    # %% [markdown]
    # # The question of the lesson, ending in a question mark?

``minutes`` is what a reader needs with the exercises. The build adds measured run time and memory,
the number of exercises, the badges and Colab's install cell; do not write them.

**Plain cells** are code and markdown without marks. A magic is written as a comment
(``# %matplotlib inline``), as jupytext does. ``tags=["a", "b"]`` may hold any Jupyter tag, and:

- ``check-output``: nbval compares the stored output (put it where the prose cites a number);
- ``author-only``: left out of the student's notebook, run in the solved one (for assertions);
- ``setup``: the exercises after it need what this cell defines. Imports need no tag: the import
  statements of all earlier plain cells are there anyway.

**An exercise** is one function or class named ``my_`` + the exercise's name, with its docstring::

    # %% exercise="dice"
    def my_dice(prediction, truth):
        """Return the Dice overlap of two boolean masks."""
        # BEGIN SOLUTION: twice the shared voxels, divided by the sum of both sizes
        shared = np.logical_and(prediction, truth).sum()
        return 2 * shared / (prediction.sum() + truth.sum())
        # END SOLUTION

Students see everything outside the region; the region becomes the text after the colon, as a
comment, and ``...``. Several regions are allowed. The cell ``check.dice(my_dice)`` follows by
itself. ``check.dice`` is the function ``dice`` in ``fedlab_utils/course/checks/lessonNN.py``; how
to write one stands in ``fedlab_utils/course/checks/__init__.py``. Names of exercises and quizzes
are unique in the whole course.

**What belongs to an exercise** (anywhere after it; none of it reaches the student's notebook)::

    # %% [markdown] hint="dice"
    # The first hint (markdown). A second cell with the same mark is the second tier.

    # %% wrong="dice" diagnosis="sum of both sizes"
    def my_dice(prediction, truth):
        return np.logical_and(prediction, truth).sum() / np.logical_or(prediction, truth).sum()

    # %% [markdown] equivalent="dice"
    # - `a = x < y` -> `a = x <= y`: x and y are never equal here, since ...

``wrong``: an answer students are likely to give (at least two per exercise). Its check must reject
it with a message that contains the ``diagnosis``. The tests also change each solution automatically
(operators, constants, order of arguments, dropped statements, see ``mutants.py``) and demand that
the check rejects every such mutant, except those listed under ``equivalent``, written as the test
prints them, with the reason why they are right answers too.

**A quiz** is markdown; the build puts ``quiz("pooled-mean")`` in its place::

    # %% [markdown] quiz="pooled-mean"
    # Why are hospitals weighted by their patients?
    #
    # - [ ] Large hospitals have better scanners
    #   > Nothing says so; size and quality are different things.
    # - [x] So that every patient counts the same
    #   > Right: ...

The question is everything before the first choice; ``[x]`` marks each right choice; every choice
has an explanation in ``>`` lines. Inline markdown is understood in question and explanations.
'''

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from fedlab_utils.course.address import notebooks_folder
from fedlab_utils.course.cells import Cell, fault, read_cells, read_header
from fedlab_utils.course.exercise import Equivalent, Exercise, WrongAnswer, imports_of, to_solution
from fedlab_utils.course.question import Quiz, parse_quiz
from fedlab_utils.errors import CourseError

_EQUIVALENT = re.compile(r"^- `(?P<before>.+?)` -> `(?P<after>.*?)`: (?P<reason>.+)$", re.DOTALL)


@dataclass(frozen=True)
class Lesson:
    """A whole lesson: its cells in order, and what was read out of them."""

    number: int
    slug: str
    title: str
    question: str
    data: str
    minutes: int
    cells: tuple[Cell, ...] = field(repr=False)
    exercises: dict[str, Exercise] = field(repr=False)
    quizzes: dict[str, Quiz] = field(repr=False)

    @property
    def stem(self) -> str:
        """File name without ending, such as ``00_start_here``."""
        return f"{self.number:02d}_{self.slug}"


def source_paths() -> list[Path]:
    """All lesson sources, in order."""
    return sorted((notebooks_folder() / "src").glob("[0-9][0-9]_*.py"))


def lessons() -> list[Lesson]:
    """All lessons, in order."""
    return [read_lesson(path) for path in source_paths()]


def read_lesson(path: Path) -> Lesson:
    """Read one source file.

    Raises
    ------
    CourseError
        When the file does not follow the syntax above; the message names the line.
    """
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, _changed: int) -> Lesson:
    return parse_lesson(path.read_text(encoding="utf-8"), path.stem)


def parse_lesson(text: str, stem: str) -> Lesson:
    """Parse the text of a source whose file name (without ending) is ``stem``."""
    if not re.fullmatch(r"\d\d_\w+", stem):
        raise CourseError(stem, "a lesson's file is named NN_slug.py", "rename it")
    header, cells = read_header(text, stem), read_cells(text, stem)
    number = int(stem[:2])
    return Lesson(
        number=number,
        slug=stem[3:],
        title=header["title"],
        question=_question(cells, stem),
        data=header["data"],
        minutes=int(header["minutes"]),
        cells=tuple(cells),
        exercises=_exercises(cells, number, stem),
        quizzes={
            cell.marks["quiz"]: _quiz(cell, number, stem) for cell in cells if "quiz" in cell.marks
        },
    )


def _question(cells: list[Cell], stem: str) -> str:
    first = cells[0].source.splitlines()[0] if cells and cells[0].source else ""
    if not (cells and cells[0].markdown and first.startswith("# ") and first.endswith("?")):
        cause = f"the first cell opens with {first!r}"
        raise fault(stem, 1, cause, "open with a markdown heading that is a question")
    return first[2:]


def _quiz(cell: Cell, number: int, stem: str) -> Quiz:
    try:
        return parse_quiz(cell.source, cell.marks["quiz"], number)
    except ValueError as error:
        raise fault(
            stem, cell.line, str(error), "write '- [ ] choice' and '> explanation' lines"
        ) from error


def _exercises(cells: list[Cell], number: int, stem: str) -> dict[str, Exercise]:
    names = [cell.marks["exercise"] for cell in cells if "exercise" in cell.marks]
    for cell in cells:
        for mark in {"wrong", "hint", "equivalent"} & set(cell.marks):
            if cell.marks[mark] not in names:
                cause = f"{mark}={cell.marks[mark]!r} names no exercise of this lesson"
                raise fault(stem, cell.line, cause, f"use one of {names}")
    found = {}
    for position, cell in enumerate(cells):
        if (name := cell.marks.get("exercise")) is None:
            continue
        _check_exercise_cell(cell, name, stem)
        found[name] = Exercise(
            name=name,
            lesson=number,
            source=cell.source,
            setup=_setup(cells[:position]),
            hints=tuple(c.source for c in cells if c.marks.get("hint") == name),
            wrong=tuple(
                WrongAnswer(c.source, c.marks.get("diagnosis", ""))
                for c in cells
                if c.marks.get("wrong") == name
            ),
            equivalents=tuple(
                equivalent
                for c in cells
                if c.marks.get("equivalent") == name
                for equivalent in _equivalents(c, stem)
            ),
        )
    return found


def _check_exercise_cell(cell: Cell, name: str, stem: str) -> None:
    tree = ast.parse(to_solution(cell.source))
    defined = [node.name for node in tree.body if hasattr(node, "name")]
    if f"my_{name}" not in defined or "# BEGIN SOLUTION: " not in cell.source:
        cause = f"exercise {name!r} defines {defined or 'nothing'}, or has no solution region"
        remedy = f"define my_{name} with '# BEGIN SOLUTION: what to write' and '# END SOLUTION'"
        raise fault(stem, cell.line, cause, remedy)


def _setup(before: list[Cell]) -> str:
    """What runs before an exercise outside the notebook: imports, and cells tagged ``setup``."""
    plain = [c for c in before if not c.markdown and not c.marks and "author-only" not in c.tags]
    return "\n".join(c.source if "setup" in c.tags else imports_of(c.source) for c in plain)


def _equivalents(cell: Cell, stem: str) -> list[Equivalent]:
    found = []
    for item in re.split(r"\n(?=- )", cell.source):
        match = _EQUIVALENT.match(item)
        if not match:
            cause = f"cannot read the equivalent mutant {item!r}"
            raise fault(stem, cell.line, cause, "write '- `before` -> `after`: reason'")
        reason = " ".join(match["reason"].split())
        found.append(Equivalent(match["before"], match["after"], reason))
    return found
