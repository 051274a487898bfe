"""What the engines use of Flower's command line and environment, all in one place.

Options change between Flower's releases; pyproject.toml admits the one that has these.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import sysconfig
from pathlib import Path

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.flower_end import HOME

SUPERLINK = ("flower-superlink", "--insecure", "--host", "127.0.0.1", "--port")
SIMULATION = ("--simulation",)
SUPERNODE = ("flower-supernode", "--insecure", "--host", "127.0.0.1")
RUN = ("run", "--stream")

FLWR_WHEN_READY = """
import sys, time
from pathlib import Path
from flwr.cli.app import app
ready = Path(sys.argv.pop(1))
while not ready.exists():
    time.sleep(0.02)
app()
"""
"""The command ``flwr``, which spends its seconds of importing while the SuperLink does."""

CONNECTION = '[superlink]\ndefault = "here"\n[superlink.here]\naddress = "{}"\ninsecure = true\n'
"""``config.toml`` in the home, with the SuperLink's address."""

CONNECTED = "SuperNode ID:"
"""What a SuperNode writes once the SuperLink knows it."""

_SETTINGS = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    # Else each task makes an environment with uv, from an index that may be out of reach.
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.5",  # seconds; 1 by default, and each costs 10 ms
    "PYTHONUNBUFFERED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    # Else it starts workers that Flower, whose own have another environment, never uses.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default, and no warning
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "VECLIB")},
}


def simulation(hospitals: int, clients_at_once: int) -> tuple[str, str]:
    """Return how Ray plays: one core per client, and no more workers than there are hospitals."""
    settings = {
        "num-supernodes": hospitals,
        "client-resources-num-cpus": 1,
        "init-args-num-cpus": min(hospitals, clients_at_once),
    }
    text = " ".join(f"{name}={value}" for name, value in settings.items())
    return "--federation-config", text


def supernode(superlink: str, port: int, partition: int, partitions: int) -> tuple[str, ...]:
    """Return the command of one SuperNode, whose own server listens on ``port``."""
    node = f"partition-id={partition} num-partitions={partitions}"
    return (*SUPERNODE, "--superlink", superlink, "--port", str(port), "--node-config", node)


def environment(home: Path) -> dict[str, str]:
    """Return the environment of all processes: this interpreter, what it imports, and ``home``."""
    given = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    here = ["127.0.0.1", "localhost"]  # requests to them must not go through a proxy
    for name, separator, first in (
        ("PATH", os.pathsep, [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]),
        ("PYTHONPATH", os.pathsep, [str(_hidden(home)), *import_path()]),
        ("NO_PROXY", ",", here),
        ("no_proxy", ",", here),
    ):
        given[name] = separator.join([*first, *filter(None, [given.get(name)])])
    return given | _SETTINGS | {HOME: str(home), "RAY_TMPDIR": str(home)}


def program(command: str, given: dict[str, str]) -> str:
    """Return the path of a command.

    Raises
    ------
    FederationError
        If it is not there.
    """
    found = shutil.which(command, path=given["PATH"])
    if found is None:
        raise FederationError(
            command, "this command of Flower is not there", "Install it: pip install flwr"
        )
    return found


def import_path() -> list[str]:
    """Return the folders from which this process imports, for one that may import the same."""
    return [str(Path(entry).absolute()) for entry in sys.path]


def free_ports(count: int) -> list[int]:
    """Return ports of this machine on which nobody listens now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _hidden(home: Path) -> Path:
    """Make a folder that hides a grammar which Ray imports in each of its processes, for 3 s."""
    folder = home / "hidden"
    folder.mkdir()
    (folder / "rfc3987_syntax.py").write_text("raise ImportError('hidden')\n", "utf-8")
    return folder
