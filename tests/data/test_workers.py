from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from fedlab_utils.data.workers import available_cores, in_processes, spread
from tests.conftest import REPOSITORY


def environment_of_a_worker(item: int) -> tuple[int, int, str | None]:
    return item, os.getpid(), os.environ.get("OMP_NUM_THREADS")


def fail(item: int) -> int:
    if item == 1:
        raise ValueError("item 1")
    return item


def die_on_2(item: int) -> int:
    if item == 2:
        os._exit(1)
    return item


def begin_and_end(place: Path) -> None:
    (place / f"{time.time_ns()}.begun").touch()
    time.sleep(0.5)
    (place / f"{time.time_ns()}.ended").touch()


def test_every_item_once_in_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    results = list(in_processes(environment_of_a_worker, range(5), workers=2))
    assert sorted(item for item, _, _ in results) == list(range(5))
    assert all(pid != os.getpid() and threads == "1" for _, pid, threads in results)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_an_error_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="item 1"):
        list(in_processes(fail, range(3), workers=1))


def test_an_item_that_kills_its_process_hides_no_other() -> None:
    results = list(in_processes(die_on_2, range(5), workers=2, lost=lambda item: f"lost {item}"))
    assert sorted(results, key=str) == [0, 1, 3, 4, "lost 2"]


def test_a_death_that_nobody_expects_is_an_error() -> None:
    with pytest.raises(BrokenProcessPool):
        list(in_processes(die_on_2, range(3), workers=1))


def test_one_worker_is_this_process() -> None:
    assert {pid for _, pid, _ in spread(environment_of_a_worker, range(3), 1)} == {os.getpid()}
    assert {pid for _, pid, _ in spread(environment_of_a_worker, [0], 4)} == {os.getpid()}
    assert os.getpid() not in {pid for _, pid, _ in spread(environment_of_a_worker, range(2), 2)}
    assert list(spread(fail, [])) == []


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")
def test_ctrl_c_ends_what_is_under_way_and_begins_no_more(tmp_path: Path) -> None:
    """A terminal sends ctrl-C to the whole group: workers must finish, the caller must stop."""
    place = tmp_path / "place"
    place.mkdir()
    code = (
        "from pathlib import Path\n"
        "from fedlab_utils.data.workers import in_processes\n"
        "from tests.data.test_workers import begin_and_end\n"
        f"list(in_processes(begin_and_end, [Path({str(place)!r})] * 40, workers=2))\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.time() + 60
    while not list(place.glob("*.ended")):
        assert run.poll() is None
        assert time.time() < deadline
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    said = run.communicate(timeout=60)[1]
    begun, ended = (len(list(place.glob(f"*.{what}"))) for what in ("begun", "ended"))
    assert "KeyboardInterrupt" in said
    assert run.returncode != 0
    assert begun == ended < 12


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
