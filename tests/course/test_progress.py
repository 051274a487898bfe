from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fedlab_utils.course import progress
from fedlab_utils.course.address import course_root


def test_progress_lies_in_the_course_unless_told_otherwise(monkeypatch) -> None:
    assert progress.progress_path() == Path(os.environ["FEDLAB_HOME"]) / "progress.json"
    monkeypatch.delenv("FEDLAB_HOME")
    assert progress.progress_path() == course_root() / ".fedlab" / "progress.json"


def test_what_is_recorded_is_read_back() -> None:
    assert progress.record_attempt("a", passed=False)
    assert progress.record_hint("a", 2)
    assert progress.record_hint("a", 1)
    assert progress.record_quiz("q", right=True)
    assert progress.record_quiz("q", right=False)
    content = progress.read_progress()
    assert content["exercises"] == {"a": {"attempts": 1, "passed": False, "hints": 2}}
    assert content["quizzes"] == {"q": {"answers": 2, "right": True}}
    assert progress.hints_seen("a") == 2


@pytest.mark.parametrize(
    "corrupt",
    [
        "",
        "{",
        "[]",
        "null",
        '{"exercises": {}}',
        '{"exercises": [], "quizzes": {"a": 1}}',
        "\x00",
        '{"exercises": {"a": {"attempts": null}}, "quizzes": {}}',
        '{"exercises": {}, "quizzes": {"q": {"right": "yes"}}}',
        '{"exercises": 1, "quizzes": {}}',
        "[" * 100_000,
    ],
)
def test_a_corrupt_file_is_set_aside_and_progress_goes_on(corrupt: str) -> None:
    path = progress.progress_path()
    path.parent.mkdir(parents=True)
    path.write_text(corrupt)
    assert progress.read_progress()["exercises"] == {}
    assert [p.read_text() for p in path.parent.glob("progress.corrupt-*.json")] == [corrupt]
    assert progress.set_aside() == [p.name for p in path.parent.glob("progress.corrupt-*.json")]
    assert progress.record_attempt("a", passed=True)
    assert json.loads(path.read_text())["exercises"]["a"]["passed"] is True


def test_two_notebooks_at_once_lose_nothing() -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = list(
            pool.map(lambda i: progress.record_attempt(f"e{i % 4}", passed=False), range(40))
        )
    assert all(saved)
    counts = [e["attempts"] for e in progress.read_progress()["exercises"].values()]
    assert counts == [10, 10, 10, 10]


def test_a_lock_left_by_a_killed_kernel_is_broken() -> None:
    lock = progress.progress_path().with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (time.time() - 60,) * 2)
    assert progress.record_attempt("a", passed=True)
    assert not lock.exists()


def test_a_write_that_fails_keeps_the_old_file(monkeypatch) -> None:
    progress.record_attempt("a", passed=True)
    before = progress.progress_path().read_text()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not progress.record_attempt("b", passed=True)
    assert progress.progress_path().read_text() == before
    assert [p.name for p in progress.progress_path().parent.iterdir()] == ["progress.json"]


def test_reset_keeps_the_old_file_beside() -> None:
    progress.record_attempt("a", passed=True)
    progress.reset()
    assert progress.read_progress()["exercises"] == {}
    assert "a" in progress.progress_path().with_name("progress.old.json").read_text()
    progress.reset()
