"""What the tests of both engines of processes do: run the toy app, and look for what is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from tests.conftest import REPOSITORY

APPS = {
    "client": "tests.federated.toy_app:client_app",
    "server": "tests.federated.toy_app:server_app",
}
TIMEOUT = 240.0


@dataclass
class Ran:
    """One run of the toy app that went well."""

    out: Path
    lines: list[str] = field(default_factory=list)

    @property
    def model(self) -> dict[str, np.ndarray]:
        with np.load(self.out / "model.npz") as model:
            return dict(model)

    @property
    def told(self) -> dict:
        return json.loads((self.out / "told.json").read_text("utf-8"))

    @property
    def processes(self) -> set[int]:
        """The processes in which the apps said they were."""
        return {self.told["process"], *(reply["process"] for reply in self.told["told"])}


def run_toy(engine: Callable[..., None], out: Path, hospitals: int, **config: object) -> Ran:
    ran = Ran(out)
    given = {"seed": 3, "rounds": 2, "out": str(out), **config}
    engine(given, hospitals, **APPS, timeout=TIMEOUT, on_line=ran.lines.append)
    return ran


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that this process has no more descendants after a block than before."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    yield
    after = psutil.Process().children(recursive=True)
    assert [process.cmdline() for process in after if process.pid not in before] == []


def homes(lines: list[str]) -> set[str]:
    """The private homes that a log names."""
    found = re.findall(r"Successfully installed \S+ to (\S+)/apps", "\n".join(lines))
    assert found
    return set(found)


def with_home(home: str) -> list[psutil.Process]:
    """The living processes whose environment or command line names a home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = [*process.environ().values(), *process.cmdline()]
            if process.pid != os.getpid() and any(home in word for word in words):
                found.append(process)
    return found


def alive(pid: int) -> bool:
    with suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


# A test that runs in the background of a shell inherits that ctrl-C is ignored; a user's does not.
_CALLER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from fedlab_utils.federated.{module} import {engine}
config = {{"seed": 3, "rounds": 2, "out": sys.argv[1], "sleeps": 600.0}}
{engine}(config, 1, **{apps!r}, on_line=lambda line: print(line, flush=True))
"""


def stop_caller(module: str, engine: str, out: Path, number: signal.Signals) -> tuple[str, str]:
    """Run the toy app in a process, stop that while its clients work, and return what it wrote."""
    with subprocess.Popen(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-c",
            _CALLER.format(module=module, engine=engine, apps=APPS),
            str(out),
        ],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as caller:
        lines = []
        for line in caller.stdout:
            lines.append(line.rstrip())
            if "trains in round" in line:
                break
        caller.send_signal(number)
        try:
            rest, errors = caller.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            caller.send_signal(signal.SIGABRT)  # with faulthandler, which tells where it is
            rest, errors = caller.communicate()
            raise AssertionError("\n".join(["not over:", *lines, rest, errors])) from None
    return "\n".join([*lines, rest]), errors


def gone(home: str, log: str, seconds: float) -> bool:
    """Whether, within some seconds, nothing is left of a run whose log this is."""
    clients = [int(pid) for pid in re.findall(r"trains in round \d+, process (\d+)", log)]
    assert clients
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not (with_home(home) or any(map(alive, clients)) or Path(home).exists()):
            return True
        time.sleep(0.1)
    return False
