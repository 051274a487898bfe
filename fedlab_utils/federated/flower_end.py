"""The end of all processes of one Flower run, whoever started them and however they are called."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

HOME = "FLWR_HOME"
"""The variable whose value, a folder that only one run has, marks the processes of that run."""

_GRACE_S = 1.5
"""How long a process that is asked to end may take before it is made to."""

_ROUNDS = 10

_JANITOR = """
import shutil, sys
sys.stdin.read()  # ends when the caller does
from pathlib import Path
from fedlab_utils.federated.flower_end import end_processes
end_processes(Path(sys.argv[1]))
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def processes_of(home: Path) -> list[psutil.Process]:
    """Return the living processes of a run: those with this home, and what they started.

    Descent counts too because Ray's workers write their titles over their environment.
    """
    import psutil

    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(HOME) == str(home):
                found |= {each.pid: each for each in [process, *process.children(recursive=True)]}
    found.pop(os.getpid(), None)
    return [process for process in found.values() if _lives(process)]


def end_processes(home: Path) -> None:
    """End all processes of a run and wait until they are gone, a few seconds at most."""
    import psutil

    for attempt in range(_ROUNDS):
        living = processes_of(home)
        if not living:
            return
        for process in living:
            with contextlib.suppress(psutil.Error):
                process.kill() if attempt else process.terminate()
        until = time.monotonic() + _GRACE_S
        while any(map(_lives, living)) and time.monotonic() < until:
            time.sleep(0.02)


@contextlib.contextmanager
def ended_with_caller(home: Path) -> Iterator[None]:
    """Let a process of its own end the run, and remove its home, if the caller is killed here.

    As a notebook's kernel is when it is restarted: then no ``finally`` of its own is run.
    """
    environment = {name: value for name, value in os.environ.items() if name != HOME}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", _JANITOR, str(home)],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=os.name != "nt",  # so that ctrl-C in a terminal does not reach it
    ) as janitor:
        try:
            yield
        finally:
            janitor.kill()


def _lives(process: psutil.Process) -> bool:
    import psutil

    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
