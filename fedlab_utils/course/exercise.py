"""One exercise as the author wrote it, and its two faces: the student's stub and the solution."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_BEGIN = re.compile(r"^(?P<indent>\s*)# BEGIN SOLUTION: (?P<task>.+)$")
_MARKER = re.compile(r"^\s*# (BEGIN|END) SOLUTION")


@dataclass(frozen=True)
class WrongAnswer:
    """An answer that the check must reject with a message that contains ``diagnosis``."""

    source: str
    diagnosis: str


@dataclass(frozen=True)
class Equivalent:
    """An automatic mutant that is a right answer too: statement before, after, and why."""

    before: str
    after: str
    reason: str


@dataclass(frozen=True)
class Exercise:
    """An exercise; ``source`` is the author's cell, ``setup`` the code it needs before it."""

    name: str
    lesson: int
    source: str
    setup: str
    hints: tuple[str, ...]
    wrong: tuple[WrongAnswer, ...]
    equivalents: tuple[Equivalent, ...]

    @property
    def answer_name(self) -> str:
        """Name of the function or class that the student writes."""
        return f"my_{self.name}"

    @property
    def stub(self) -> str:
        """The cell as the student gets it."""
        return to_stub(self.source)

    @property
    def solution(self) -> str:
        """The cell with the solution, without the region's markers."""
        return to_solution(self.source)

    @property
    def solution_lines(self) -> list[int]:
        """Line numbers (from 1) in :attr:`solution` that lie inside a solution region."""
        inside, lines, number = False, [], 0
        for line in self.source.splitlines():
            if _MARKER.match(line):
                inside = "BEGIN" in line
                continue
            number += 1
            if inside:
                lines.append(number)
        return lines

    def answer(self, source: str) -> object:
        """Run ``source`` after the set-up and return the student's object that it defines."""
        namespace: dict[str, object] = {"__name__": "answer"}
        exec(compile(self.setup, f"<set-up of {self.name}>", "exec"), namespace)
        exec(compile(source, f"<answer to {self.name}>", "exec"), namespace)
        return namespace[self.answer_name]


def to_stub(source: str) -> str:
    """Replace each solution region by its task, as a comment, and ``...``."""
    lines, inside = [], False
    for line in source.splitlines():
        if opening := _BEGIN.match(line):
            inside = True
            indent, task = opening["indent"], opening["task"]
            lines += [f"{indent}# Your turn: {task}", f"{indent}..."]
        elif _MARKER.match(line):
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def to_solution(source: str) -> str:
    """Drop the lines that mark the region."""
    return "\n".join(line for line in source.splitlines() if not _MARKER.match(line))


def imports_of(source: str) -> str:
    """The top-level import statements of a cell, magics set aside."""
    code = "\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", line) for line in source.splitlines())
    kept = [node for node in ast.parse(code).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(map(ast.unparse, kept))
