from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedlab_utils.data.workers import available_cores, in_processes
from tests.conftest import REPOSITORY


def environment_of_a_worker(item: int) -> tuple[int, int, str | None]:
    return item, os.getpid(), os.environ.get("OMP_NUM_THREADS")


def fail(item: int) -> int:
    if item == 1:
        raise ValueError("item 1")
    return item


def test_every_item_once_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    results = list(in_processes(environment_of_a_worker, range(5), workers=2))
    assert sorted(item for item, _, _ in results) == list(range(5))
    assert all(pid != os.getpid() and threads == "1" for _, pid, threads in results)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="item 1"):
        list(in_processes(fail, range(3), workers=1))


def test_a_script_without_a_guard_works_here(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from math import sqrt\n"
        "from fedlab_utils.data.workers import in_processes\n"
        "print(list(in_processes(sqrt, [4.0, 9.0], workers=2)))\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip().endswith("[2.0, 3.0]")


def test_cores() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
