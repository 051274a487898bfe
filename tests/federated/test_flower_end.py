"""Whatever a run started is found and ended, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedlab_utils.federated.flower_end import HOME, end_processes, processes_of
from tests.conftest import REPOSITORY
from tests.federated.runs import alive

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
FAMILY = """
import os, subprocess, sys, time
bare = {name: value for name, value in os.environ.items() if name != "FLWR_HOME"}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=bare)
print(child.pid, flush=True)
time.sleep(600)
"""
ORPHAN = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
)
print(child.pid, flush=True)
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen]]:
    processes: list[subprocess.Popen] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def start(started: list, home: Path | None, code: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name != HOME}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment | ({HOME: str(home)} if home else {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    return process


def test_only_processes_of_this_home_are_ended(tmp_path: Path, started: list) -> None:
    mine = start(started, tmp_path / "mine", SLEEP)
    other = start(started, tmp_path / "mine-too", SLEEP)
    nobodys = start(started, None, SLEEP)
    assert [process.pid for process in processes_of(tmp_path / "mine")] == [mine.pid]
    end_processes(tmp_path / "mine")
    assert mine.wait(timeout=10) != 0
    assert other.poll() is None
    assert nobodys.poll() is None


def test_a_child_without_the_home_ends_too(tmp_path: Path, started: list) -> None:
    child = int(start(started, tmp_path, FAMILY).stdout.readline())
    end_processes(tmp_path)
    assert not alive(child)


def test_an_orphan_in_a_session_of_its_own_ends_too(tmp_path: Path, started: list) -> None:
    parent = start(started, tmp_path, ORPHAN)
    orphan = int(parent.stdout.readline())
    parent.wait(timeout=10)
    assert alive(orphan)
    end_processes(tmp_path)
    assert not alive(orphan)


@pytest.mark.skipif(os.name == "nt", reason="a process of Windows cannot refuse to end")
def test_a_process_that_does_not_listen_ends_too(tmp_path: Path, started: list) -> None:
    deaf = start(started, tmp_path, DEAF + "time.sleep(600)")
    deaf.stdout.readline()
    end_processes(tmp_path)
    assert deaf.wait(timeout=10) == -signal.SIGKILL


def test_without_processes_there_is_nothing_to_end(tmp_path: Path) -> None:
    assert processes_of(tmp_path) == []
    end_processes(tmp_path)


KILLED = """
import os, subprocess, sys, time
from pathlib import Path
from fedlab_utils.federated.flower_end import HOME, ended_with_caller
home = Path(sys.argv[1])
home.mkdir()
with ended_with_caller(home):
    code = "import time; time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {HOME: str(home)})
    print(child.pid, flush=True)
    if sys.argv[2] == "stay":
        time.sleep(600)
"""


@pytest.mark.parametrize("how", ["stay", "leave"])
def test_only_a_caller_that_is_killed_is_cleaned_up_after(tmp_path: Path, how: str) -> None:
    home = tmp_path / "home"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(home), how],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as caller:
        child = int(caller.stdout.readline())
        if how == "stay":
            caller.kill()
        caller.wait()
    until = time.monotonic() + (30 if how == "stay" else 1)
    while time.monotonic() < until and (alive(child) or home.exists()):
        time.sleep(0.05)
    assert (alive(child), home.exists()) == ((False, False) if how == "stay" else (True, True))
    end_processes(home)
