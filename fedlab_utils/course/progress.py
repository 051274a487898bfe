"""A student's progress, in one JSON file on their own machine; nothing leaves it.

The file is ``.fedlab/progress.json`` in the course's folder, or in ``FEDLAB_HOME``.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fedlab_utils.course.address import course_root

NOT_SAVED = " (Your progress could not be saved: the folder is not writable.)"
_VERSION = 1
_FIELDS = {
    "attempts": int,
    "hints": int,
    "answers": int,
    "passed": bool,
    "solution_seen": bool,
    "right": bool,
}
_PATIENCE_S = 5.0  # how long to wait for another notebook that writes


def progress_path() -> Path:
    """Where progress is kept."""
    home = os.environ.get("FEDLAB_HOME")
    return (Path(home) if home else course_root() / ".fedlab") / "progress.json"


def read_progress() -> dict[str, dict]:
    """Read ``{"exercises": {name: ...}, "quizzes": {name: ...}}``; a corrupt file is set aside."""
    path = progress_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if _is_progress(content):
            return content
    except FileNotFoundError:
        return _empty()
    except (OSError, ValueError, RecursionError):
        pass
    with suppress(OSError):
        path.replace(path.with_name(f"progress.corrupt-{time.time_ns()}.json"))
    return _empty()


def set_aside() -> list[str]:
    """Names of the corrupt files that :func:`read_progress` has set aside."""
    return sorted(path.name for path in progress_path().parent.glob("progress.corrupt-*.json"))


def record_attempt(name: str, *, passed: bool) -> bool:
    """Count one try at an exercise; once passed, it stays passed. False when it cannot be saved."""

    def change(exercise: dict) -> None:
        exercise["attempts"] = exercise.get("attempts", 0) + 1
        exercise["passed"] = bool(exercise.get("passed")) or passed

    return _update("exercises", name, change)


def record_hint(name: str, tier: int) -> bool:
    """Remember the furthest hint seen."""
    return _update("exercises", name, lambda e: e.update(hints=max(tier, e.get("hints", 0))))


def record_solution_seen(name: str) -> bool:
    """Remember that the solution was shown."""
    return _update("exercises", name, lambda e: e.update(solution_seen=True))


def record_quiz(name: str, *, right: bool) -> bool:
    """Count one answer to a quiz; once right, it stays right."""

    def change(quiz: dict) -> None:
        quiz["answers"] = quiz.get("answers", 0) + 1
        quiz["right"] = bool(quiz.get("right")) or right

    return _update("quizzes", name, change)


def hints_seen(name: str) -> int:
    """How many tiers of hints were shown for an exercise."""
    return read_progress()["exercises"].get(name, {}).get("hints", 0)


def reset() -> None:
    """Forget all progress; the old file is kept beside as ``progress.old.json``."""
    with suppress(FileNotFoundError):
        progress_path().replace(progress_path().with_name("progress.old.json"))


def _empty() -> dict[str, dict]:
    return {"version": _VERSION, "exercises": {}, "quizzes": {}}


def _is_progress(content: object) -> bool:
    """Whether what a file holds can be read, counted on and shown."""
    return isinstance(content, dict) and all(
        isinstance(table, dict) and all(map(_is_entry, table.values()))
        for table in (content.get("exercises"), content.get("quizzes"))
    )


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        type(value) is _FIELDS.get(name, type(value)) for name, value in entry.items()
    )


def _update(table: str, name: str, change: Callable[[dict], None]) -> bool:
    from filelock import FileLock

    path = progress_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_PATIENCE_S):
            content = read_progress()
            change(content[table].setdefault(name, {}))
            _write(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    except OSError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="progress.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
