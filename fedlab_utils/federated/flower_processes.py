"""One run of a Flower app in processes of its own, of which nothing is left when it ends.

Everything that Flower starts (SuperLink, SuperExec, SuperNodes, one process per task, Ray) gets a
private ``FLWR_HOME``. By that it is found again, whoever its parent is by then.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from fedlab_utils.data.interrupts import first_interrupt_only
from fedlab_utils.errors import FederationError, FedLabError
from fedlab_utils.federated.flower_commands import (
    CONNECTION,
    FLWR_WHEN_READY,
    RUN,
    SUPERLINK,
    environment,
    free_ports,
    program,
)
from fedlab_utils.federated.flower_end import end_processes, ended_with_caller
from fedlab_utils.federated.flower_folder import Config, read_outcome, write_app

START_S = 120.0
"""How long Flower's own processes may take to get ready; a busy machine needs half a minute."""

_LAST_LINES_S = 3.0
"""How long after the end of a run its last log lines may take; Flower sends them twice a second."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class FlowerRun:
    """A run of a Flower app: its folder, its processes, its log and its end. A context manager.

    Parameters
    ----------
    case
        What an error names: "Flower on Ray".
    run_config
        The app's run config, in full.
    client, server
        ``module:attribute`` of the ``ClientApp`` and the ``ServerApp``.
    timeout
        Seconds from here to the end of the run; None: no limit.
    on_line
        Gets each line of the log as it comes, in the caller's thread.
    clients_at_once
        How many processes of clients may work at a time; None: Ray sees to that.

    Raises
    ------
    FederationError
        On entry if an app's module is not there; later if something does not start or go on.
    """

    def __init__(
        self,
        case: str,
        run_config: Config,
        client: str,
        server: str,
        timeout: float | None = None,
        on_line: Callable[[str], None] | None = None,
        clients_at_once: int | None = None,
    ) -> None:
        self.case, self.on_line = case, on_line
        self.timeout, self._began = timeout, time.monotonic()
        self._app = (run_config, client, server, clients_at_once)
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.tails: dict[str, deque[str]] = {}
        self._lines: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            held.enter_context(first_interrupt_only())
            self.home = Path(tempfile.mkdtemp(prefix="fedlab-", dir=_short_folder()))
            held.enter_context(ended_with_caller(self.home))
            held.callback(shutil.rmtree, self.home, ignore_errors=True)
            held.callback(end_processes, self.home)
            self.environment = environment(self.home)
            self._ready = self.home / "ready"
            self.outcome = write_app(self.home / "app", *self._app)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        for process in self.processes.values():
            process.wait()

    def start_superlink(self, superlink: Sequence[str] = (), run: Sequence[str] = ()) -> str:
        """Start a SuperLink, and the ``flwr`` that :meth:`run` lets go; return the address.

        Parameters
        ----------
        superlink, run
            Further options of ``flower-superlink`` and of ``flwr run``.
        """
        port = free_ports(1)[0]
        address = f"127.0.0.1:{port}"
        process = self.start("SuperLink", *SUPERLINK, str(port), *superlink)
        self._listening = partial(_listens, process, port)
        (self.home / "config.toml").write_text(CONNECTION.format(address), "utf-8")
        late = (sys.executable, "-c", FLWR_WHEN_READY, str(self._ready))
        self.start("flwr run", *late, *RUN, str(self.home / "app"), "here", *run)
        return address

    def start(self, name: str, command: str, *arguments: str) -> subprocess.Popen[str]:
        """Start one of Flower's commands; its output gets the name ``name``."""
        detached = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if os.name == "nt"
            else {"start_new_session": True}
        )
        process = subprocess.Popen(
            [program(command, self.environment), *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **detached,
        )
        self.processes[name], self.tails[name] = process, deque(maxlen=60)
        threading.Thread(target=self._read, args=(name, process), daemon=True).start()
        return process

    def run(self, hopeless: str | None = None) -> None:
        """Submit the app with ``flwr run``, pass its log on, and return when it is done.

        Words in the log that mean that it can but fail may be given, so as not to wait for that.
        """
        cli = self.processes["flwr run"]
        self.wait(self._listening, START_S, "SuperLink")
        self._ready.touch()
        self.wait(
            lambda: (
                self.outcome.exists()
                or cli.poll() is not None
                or (hopeless is not None and self.said("flwr run", hopeless))
            ),
            None,
            "SuperLink",
        )
        self._drain(_LAST_LINES_S, cli)
        if not self.outcome.exists():
            raise self._failed("the run ended before the ServerApp did", "flwr run")
        error = read_outcome(self.outcome, self.case)
        if error:
            raise self._with_lines(error, "flwr run")

    def wait(self, ready: Callable[[], bool], seconds: float | None, needs: str) -> None:
        """Pass lines on until ``ready``, ``seconds`` at most; the process ``needs`` must live."""
        until = None if seconds is None else time.monotonic() + seconds
        while not ready():
            self._pass_on(0.05)
            now, status = time.monotonic(), self.processes[needs].poll()
            if status is not None:
                self._drain(1.0, self.processes[needs])
                raise self._failed(f"{needs} ended with exit status {status}", needs)
            if self.timeout is not None and now - self._began > self.timeout:
                latest = list(self.processes)[-1]
                raise self._failed(f"not done after {self.timeout:g} seconds", latest)
            if until is not None and now > until:
                raise self._failed(f"{needs} not ready after {seconds:g} seconds", needs)

    def said(self, name: str, words: str) -> bool:
        """Whether a process has lately written a line with these words."""
        return any(words in line for line in self.tails[name])

    def _failed(self, cause: str, name: str) -> FederationError:
        lines = " | ".join(list(self.tails[name])[-3:])
        cause = f"{cause}; the last lines of {name}: {lines}" if lines else cause
        remedy = "See the lines noted below, mend what they name, and run it again"
        return self._with_lines(FederationError(self.case, cause, remedy), name)

    def _with_lines(self, error: FedLabError, name: str) -> FedLabError:
        error.add_note("\n".join([f"The last lines of {name}:", *self.tails[name]]))
        return error

    def _drain(self, seconds: float, process: subprocess.Popen[str]) -> None:
        """Pass on what a process that ends still has to say."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and (self._pass_on(0.1) or process.poll() is None):
            pass

    def _read(self, name: str, process: subprocess.Popen[str]) -> None:
        with process.stdout as lines:
            for line in lines:
                self._lines.put((name, _COLOURS.sub("", line).rstrip()))

    def _pass_on(self, seconds: float) -> bool:
        """Pass on the lines there are, waiting for the first; return whether there were any."""
        found = False
        with contextlib.suppress(queue.Empty):
            name, line = self._lines.get(timeout=seconds)
            while True:
                found = True
                if line.strip():
                    self.tails[name].append(line)
                    if self.on_line and name != "SuperLink":  # which tells of each request
                        self.on_line(line if name == "flwr run" else f"{name}: {line}")
                name, line = self._lines.get_nowait()
        return found


def _listens(process: subprocess.Popen[str], port: int) -> bool:
    """Whether this very process listens there: of two runs, the other could have got the port."""
    import psutil

    with contextlib.suppress(psutil.Error):
        connections = psutil.Process(process.pid).net_connections("tcp")
        return any(c.laddr.port == port and c.status == psutil.CONN_LISTEN for c in connections)
    return False


def _short_folder() -> str | None:
    """Return where the home may stand: Ray puts sockets in it, whose paths have 107 letters."""
    long = len(tempfile.gettempdir()) > 20 and os.name != "nt"
    return "/tmp" if long else None
