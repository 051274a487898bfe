"""The progress board that stands at the end of each lesson."""

from __future__ import annotations

import html

from fedlab_utils.course.messages import Message
from fedlab_utils.course.progress import progress_path, read_progress, reset, set_aside
from fedlab_utils.course.source import Lesson, lessons


def progress_board(*, forget: bool = False) -> Board | Message:
    """Show how far you are: per lesson, exercises passed, tried, looked up, and quizzes.

    Parameters
    ----------
    forget
        Start again from nothing; the old file is kept as ``progress.old.json``.
    """
    if forget:
        try:
            reset()
        except OSError as error:
            return Message("wrong", f"The progress file could not be moved: `{error}`.")
    return Board()


class Board:
    """The board as an HTML table and as plain text, read from the progress file when shown."""

    columns = ("Lesson", "Exercises passed", "Tried, not passed", "Solutions seen", "Quizzes right")

    def rows(self) -> list[tuple[str, ...]]:
        """One row of texts per lesson, in the order of :attr:`columns`."""
        progress = read_progress()
        return [_row(lesson, progress) for lesson in lessons()]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        rows, where = self.rows(), f"Kept on this machine only, in {progress_path().absolute()}."
        if unread := set_aside():
            where += f" A file that could not be read is kept beside it as {unread[-1]}."
        head = "".join(f'<th scope="col">{column}</th>' for column in self.columns)
        body = "".join(
            f'<tr><th scope="row" style="text-align: left">{html.escape(row[0])}</th>'
            + "".join(f"<td>{cell}</td>" for cell in row[1:])
            + "</tr>"
            for row in rows
        )
        caption = f"<caption>Your progress. {html.escape(where)}</caption>"
        table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        lines = [" | ".join(row) for row in (self.columns, *rows)]
        return {"text/html": table, "text/plain": "\n".join([*lines, where])}


def _row(lesson: Lesson, progress: dict[str, dict]) -> tuple[str, ...]:
    tried = [progress["exercises"].get(name, {}) for name in lesson.exercises]
    passed = sum(bool(e.get("passed")) for e in tried)
    open_ = sum(bool(e.get("attempts")) and not e.get("passed") for e in tried)
    seen = sum(bool(e.get("solution_seen")) for e in tried)
    right = sum(bool(progress["quizzes"].get(name, {}).get("right")) for name in lesson.quizzes)
    return (
        f"{lesson.number:02d} {lesson.title}",
        f"{passed} of {len(tried)}",
        str(open_),
        str(seen),
        f"{right} of {len(lesson.quizzes)}",
    )
