"""Cut a lesson's source into its opening block and its cells; ``source.py`` says what they mean."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from fedlab_utils.errors import CourseError

MARKS = ("exercise", "wrong", "diagnosis", "hint", "equivalent", "quiz")
_CELL = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?P<marks>.*)$")
_MARK = re.compile(r'\s*(\w+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\])')


@dataclass(frozen=True)
class Cell:
    """One cell as written: ``marks`` holds ``key="value"`` pairs, ``tags`` the Jupyter tags."""

    markdown: bool
    source: str
    marks: dict[str, str]
    tags: tuple[str, ...]
    line: int


def fault(stem: str, line: int, cause: str, remedy: str) -> CourseError:
    """An error of the source ``stem`` that names its line."""
    return CourseError(f"notebooks/src/{stem}.py, line {line}", cause, remedy)


def read_header(text: str, stem: str) -> dict[str, str]:
    """The ``key: value`` lines between the two ``# ---``."""
    block = re.match(r"# ---\n(.*?)# ---\n", text, re.DOTALL)
    lines = block.group(1).splitlines() if block else []
    header = dict(line[2:].split(": ", 1) for line in lines if ": " in line)
    if set(header) != {"title", "data", "minutes"} or not header["minutes"].isdecimal():
        cause = f"the opening block holds {header or 'nothing'}"
        raise fault(stem, 1, cause, "write title, data and minutes between two '# ---' lines")
    return header


def read_cells(text: str, stem: str) -> list[Cell]:
    """The cells of a source, in order, with their marks."""
    cells: list[Cell] = []
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if _CELL.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        opening = _CELL.match(lines[start])
        marks, tags = _marks(opening["marks"], stem, start + 1)
        body = lines[start + 1 : end]
        while body and not body[-1].strip():
            body.pop()
        while body and not body[0].strip():
            body.pop(0)
        markdown = bool(opening["markdown"])
        uncomment = _markdown_line if markdown else _code_line
        cells.append(Cell(markdown, "\n".join(map(uncomment, body)), marks, tags, start + 1))
    return cells


def _markdown_line(line: str) -> str:
    return line[2:] if line.startswith("# ") else line.removeprefix("#")


def _code_line(line: str) -> str:
    """Bring a commented magic back to life."""
    return re.sub(r"^# (?=%%?[a-z]|![a-z])", "", line)


def _marks(text: str, stem: str, line: int) -> tuple[dict[str, str], tuple[str, ...]]:
    found = {key: ast.literal_eval(value) for key, value in _MARK.findall(text)}
    tags = tuple(found.pop("tags", ()))
    unknown = set(found) - set(MARKS)
    if unknown or _MARK.sub("", text).strip():
        cause = f"cannot read the marks {text.strip()!r}"
        raise fault(stem, line, cause, f'use key="value" with keys {", ".join(MARKS)}, tags')
    return found, tags
