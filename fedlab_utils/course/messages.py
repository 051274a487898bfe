"""Messages to the student: a word, a sign and a text, as HTML and as plain text."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_HEADINGS = {
    "passed": ("✓", "Passed", "success"),
    "wrong": ("✗", "Not yet", "warn"),
    "error": ("!", "Your code stopped with an error", "error"),
    "stub": ("…", "Not attempted yet", "info"),
    "unknown": ("?", "No such name", "warn"),
    "seen": ("…", "You have seen all hints", "info"),
    "right": ("✓", "Right", "success"),
    "other": ("✗", "Not this one", "warn"),
    "partly": ("✗", "Not quite", "warn"),
}


@dataclass(frozen=True)
class Message:
    """What a check or quiz tells the student; Jupyter shows the HTML, a terminal the text.

    ``status``, for tests and notebooks: passed, wrong, error, stub, seen, unknown, right, other,
    partly.
    """

    status: str
    text: str
    advice: str = ""

    @property
    def heading(self) -> str:
        """The verdict in words."""
        return _HEADINGS[self.status][1]

    @property
    def html(self) -> str:
        """The message as one HTML element; colour only repeats what the words say."""
        sign, heading, colour = _HEADINGS[self.status]
        lines = [*self.text.splitlines(), self.advice]
        body = "<br>".join(inline_html(line) for line in lines if line)
        return (
            f'<div role="status" aria-live="polite" style="border-left: 4px solid '
            f'var(--jp-{colour}-color1, currentColor); padding: 0.3em 0.8em; margin: 0.3em 0">'
            f'<strong><span aria-hidden="true">{sign}</span> {heading}.</strong> {body}</div>'
        )

    def __str__(self) -> str:
        return " ".join(part for part in (f"{self.heading}.", self.text, self.advice) if part)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": str(self)}


@dataclass(frozen=True)
class Text:
    """Markdown shown as a cell's output."""

    markdown: str

    def __str__(self) -> str:
        return self.markdown

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": self.markdown}


def inline_html(text: str) -> str:
    """Escape a text for HTML, with `code`, **strong** and *stressed* words of markdown."""
    parts = re.split(r"(`[^`]+`)", html.escape(text, quote=False))
    for i, part in enumerate(parts):
        if part.startswith("`") and part.endswith("`") and len(part) > 2:
            parts[i] = f"<code>{part[1:-1]}</code>"
        else:
            part = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", part)
            parts[i] = re.sub(r"\*(\S[^*]*?)\*", r"<em>\1</em>", part)
    return "".join(parts)


def plain(text: str) -> str:
    """Text without the signs of inline markdown, for places that show no HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", inline_html(text)))


def code_block(source: str) -> str:
    """Python source as a markdown code block, which Jupyter and GitHub highlight."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", source)), default=0) + 1)
    return f"{fence}python\n{source.rstrip()}\n{fence}"
