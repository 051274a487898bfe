from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import psutil
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


def write_slowly(place: Path) -> None:
    """Write what has to be removed when the work is stopped, with steps of a millisecond."""
    temporary = place / f"{os.getpid()}.begun"
    temporary.touch()
    try:
        for _ in range(100_000):
            time.sleep(0.001)
    finally:
        time.sleep(0.2)
        temporary.unlink()


def deaf(place: Path) -> None:
    """As one long call of a library: no signal handler gets its turn."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    write_slowly(place)


class Large:
    """Takes a while to send; what it leaves in the pipe when it is stopped is no whole message."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[type, tuple[bytes]]:
        (self.place / f"{os.getpid()}.begun").touch()
        return bytes, (bytes(400_000_000),)


def large_result(place: Path) -> Large:
    return Large(place)


def sleep_unless_0(item: int) -> int:
    time.sleep(600 if item else 0)
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


GROUPS = pytest.mark.skipif(not hasattr(os, "killpg"), reason="Windows has no process groups")


class Run:
    """A script in a session of its own that spreads a function of this module over workers."""

    def __init__(self, place: Path, work: str, items: int = 40) -> None:
        self.place = place
        code = (
            "from pathlib import Path\n"
            "from fedlab_utils.data.workers import in_processes\n"
            f"from tests.data.test_workers import {work}\n"
            f"list(in_processes({work}, [Path({str(place)!r})] * {items}, workers=2))\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A background job inherits SIGINT ignored; a terminal does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def wait_for(self, pattern: str, count: int = 1) -> None:
        deadline = time.monotonic() + 60
        while len(list(self.place.glob(pattern))) < count:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def end(self) -> str:
        """What it said; fails if it hangs."""
        return self.process.communicate(timeout=60)[1]


def all_gone(group: int) -> bool:
    """Whether no process of a group is left, soon: the one that tracks semaphores ends last."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = []
        for process in psutil.process_iter(["status"]):
            with contextlib.suppress(ProcessLookupError, psutil.Error):
                if os.getpgid(process.pid) == group and process.info["status"] != "zombie":
                    found.append(process)
        if not found:
            return True
        time.sleep(0.05)
    return False


@GROUPS
@pytest.mark.parametrize("times", [1, 2, 6])
@pytest.mark.parametrize("work", ["write_slowly", "deaf"])
def test_ctrl_c_ends_the_workers_however_often_it_comes(
    tmp_path: Path, work: str, times: int
) -> None:
    """A terminal sends ctrl-C to the whole group."""
    run = Run(tmp_path, work)
    run.wait_for("*.begun", 2)
    for _ in range(times):
        os.killpg(run.process.pid, signal.SIGINT)
        time.sleep(0.1)
    said = run.end()
    assert said.strip().startswith("Stopping")
    assert said.count("Stopping") == 1
    assert "KeyboardInterrupt" in said  # the script does not catch it
    assert run.process.returncode != 0
    assert all_gone(run.process.pid)
    # Who can clean up does; who cannot is ended all the same.
    assert len(list(tmp_path.iterdir())) == (0 if work == "write_slowly" else 2)


@GROUPS
def test_ctrl_c_while_workers_start_and_between_items(tmp_path: Path) -> None:
    run = Run(tmp_path, "begin_and_end")
    time.sleep(0.8)
    if run.process.poll() is None:
        os.killpg(run.process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in run.end()
    assert all_gone(run.process.pid)
    run = Run(tmp_path, "begin_and_end")
    run.wait_for("*.ended")
    os.killpg(run.process.pid, signal.SIGINT)
    run.end()
    assert all_gone(run.process.pid)
    assert len(list(tmp_path.glob("*.begun"))) < 12


@GROUPS
def test_ctrl_c_in_the_middle_of_a_large_result(tmp_path: Path) -> None:
    run = Run(tmp_path, "large_result")
    run.wait_for("*.begun")
    os.killpg(run.process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in run.end()
    assert all_gone(run.process.pid)


@GROUPS
def test_sigterm_is_as_ctrl_c(tmp_path: Path) -> None:
    run = Run(tmp_path, "write_slowly")
    run.wait_for("*.begun", 2)
    run.process.terminate()
    assert "KeyboardInterrupt" in run.end()
    assert all_gone(run.process.pid)
    assert list(tmp_path.iterdir()) == []


@GROUPS
@pytest.mark.parametrize("work", ["write_slowly", "deaf"])
def test_workers_end_with_a_caller_that_is_killed(tmp_path: Path, work: str) -> None:
    run = Run(tmp_path, work)
    run.wait_for("*.begun", 2)
    run.process.kill()
    run.end()  # the pipe of standard error closes when the last process that holds it is gone
    assert all_gone(run.process.pid)


def test_a_caller_that_stops_early_does_not_wait_for_the_rest() -> None:
    start = time.monotonic()
    for item in in_processes(sleep_unless_0, range(3), workers=2):
        assert item == 0
        break
    assert time.monotonic() - start < 60


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
