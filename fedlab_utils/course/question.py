"""One quiz as the author wrote it: a question, choices, and why each is right or wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CHOICE = re.compile(r"^- \[(?P<right>[ x])\] (?P<text>.+)$")
_VERDICT = re.compile(r"^Right[.,:]\s+(?=\S)")


@dataclass(frozen=True)
class Choice:
    """One choice of a quiz and why it is right or wrong."""

    text: str
    right: bool
    explanation: str


@dataclass(frozen=True)
class Quiz:
    """A question with its choices; more than one may be right."""

    name: str
    lesson: int
    question: str
    choices: tuple[Choice, ...]

    @property
    def right(self) -> frozenset[int]:
        """Numbers (from 0) of the choices that are right."""
        return frozenset(i for i, choice in enumerate(self.choices) if choice.right)

    @property
    def several(self) -> bool:
        """Whether more than one choice is right."""
        return len(self.right) > 1


def parse_quiz(text: str, name: str, lesson: int) -> Quiz:
    """Read the markdown of a quiz.

    An explanation may begin with "Right."; it is left out, since the verdict says it already.

    Raises
    ------
    ValueError
        When choices, a right one, or an explanation is missing.
    """
    question: list[str] = []
    choices: list[dict] = []
    for line in text.splitlines():
        if match := _CHOICE.match(line):
            choices.append({"text": match["text"], "right": match["right"] == "x", "why": []})
        elif choices and line.strip().startswith(">"):
            choices[-1]["why"].append(line.strip().removeprefix(">").strip())
        elif choices and line.strip():
            choices[-1]["text"] += " " + line.strip()
        elif not choices:
            question.append(line)
    read = tuple(
        Choice(c["text"], c["right"], _without_verdict(" ".join(c["why"]))) for c in choices
    )
    if len(read) < 2 or not any(c.right for c in read) or not all(c.explanation for c in read):
        raise ValueError(f"quiz {name!r} lacks choices, a right choice or an explanation")
    return Quiz(name, lesson, "\n".join(question).strip(), read)


def _without_verdict(explanation: str) -> str:
    rest = _VERDICT.sub("", explanation)
    return rest[:1].upper() + rest[1:] if rest != explanation else explanation
