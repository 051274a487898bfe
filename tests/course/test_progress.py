from __future__ import annotations

import json
import os
import subprocess
import sys
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


def test_a_kernel_that_is_killed_while_it_writes_leaves_no_lock(monkeypatch) -> None:
    lock = progress.progress_path().with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    holder = (
        "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire();"
        "print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(lock)], stdout=subprocess.PIPE
    ) as kernel:
        assert kernel.stdout.readline() == b"held\n"
        monkeypatch.setattr(progress, "_PATIENCE_S", 0.1)
        assert not progress.record_attempt("a", passed=True)
        kernel.kill()
        kernel.wait()
    assert progress.record_attempt("a", passed=True)


def test_a_write_that_fails_keeps_the_old_file(monkeypatch) -> None:
    progress.record_attempt("a", passed=True)
    before = progress.progress_path().read_text()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not progress.record_attempt("b", passed=True)
    assert progress.progress_path().read_text() == before
    there = {p.name for p in progress.progress_path().parent.iterdir()}
    assert there == {"progress.json", "progress.lock"}


def test_reset_keeps_the_old_file_beside() -> None:
    progress.record_attempt("a", passed=True)
    progress.reset()
    assert progress.read_progress()["exercises"] == {}
    assert "a" in progress.progress_path().with_name("progress.old.json").read_text()
    progress.reset()
