"""The throw-away Flower app of one run: its folder, and what its modules call in the processes."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils import errors
from fedlab_utils.data.atomic import write_text
from fedlab_utils.errors import FederationError, FedLabError

if TYPE_CHECKING:
    from filelock import BaseFileLock

Config = Mapping[str, str | int | float | bool]

_CLIENT = """
from fedlab_utils.federated.flower_folder import load, reported, take_turn

turn = take_turn({folder!r}, {clients_at_once!r})  # until this process ends
with reported({outcome!r}, "the ClientApp cannot be loaded"):
    app = load({client!r})
"""

_SERVER = """
from flwr.serverapp import ServerApp
from fedlab_utils.federated.flower_folder import load, reported, wait_for_ray

with reported({outcome!r}, "the ServerApp cannot be loaded"):
    given = load({server!r})
app = ServerApp()

@app.main()
def main(grid, context):
    if {clients_at_once!r} is None:
        wait_for_ray()
    with reported({outcome!r}, "the ServerApp failed", last=True):
        given(grid, context)
"""


def write_app(
    folder: Path, run_config: Config, client: str, server: str, clients_at_once: int | None = None
) -> Path:
    """Write the folder that ``flwr run`` takes, and return the file that will tell the outcome.

    Flower reads apps without importing them and then accepts plain assignments only; it does not
    tell by its exit status how a run ended. Both are why the apps are not named directly.

    Parameters
    ----------
    folder
        Where; it is made.
    run_config
        The run config, in full: nothing is overridden on the command line.
    client, server
        ``module:attribute`` of the apps.
    clients_at_once
        How many processes of clients may work at a time; None: Ray sees to that.

    Raises
    ------
    FederationError
        If the module of an app is not there.
    """
    for reference in (client, server):
        _check_module(reference)
    import tomli_w  # with which Flower itself writes these files

    folder.mkdir(parents=True)
    outcome = folder.parent / "outcome.json"
    names = {"folder": str(folder), "outcome": str(outcome), "client": client, "server": server}
    for name, text in {"client": _CLIENT, "server": _SERVER}.items():
        module = text.format(**names, clients_at_once=clients_at_once)
        (folder / f"fedlab_run_{name}.py").write_text(module, "utf-8")
    components = {f"{name}app": f"fedlab_run_{name}:app" for name in ("client", "server")}
    project = {
        "name": "fedlab-run",
        "version": "1.0.0",
        "description": "One run of a federation",
        "license": "Apache-2.0",
        "dependencies": [],
    }
    app = {"publisher": "fedlab", "components": components, "config": dict(run_config)}
    text = tomli_w.dumps({"project": project, "tool": {"flwr": {"app": app}}})
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return outcome


def load(reference: str) -> object:
    """Return the object that ``module:attribute`` names."""
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def take_turn(folder: str, places: int | None) -> BaseFileLock | None:
    """Wait until fewer than ``places`` other processes hold a turn of this folder.

    Returns
    -------
    filelock.BaseFileLock or None
        What holds the turn, until it is released or its process ends, however it ends.
    """
    from filelock import FileLock, Timeout

    while places is not None:
        for place in range(places):
            turn = FileLock(Path(folder, f"turn-{place}"), timeout=0)
            with contextlib.suppress(Timeout):
                turn.acquire()
                return turn
        time.sleep(0.05)
    return None


def wait_for_ray() -> None:
    """Wait until Ray is up, which Flower starts in this process beside the ServerApp.

    A ServerApp that has not begun when Ray fails to start leaves nothing half done.
    """
    while not getattr(sys.modules.get("ray"), "is_initialized", bool)():
        time.sleep(0.05)


@contextlib.contextmanager
def reported(outcome: str, failure: str, last: bool = False) -> Iterator[None]:
    """Write down what goes wrong in this block; if it is the ``last``, also that nothing did."""
    told: dict[str, object] = {"error": None}
    try:
        yield
    except BaseException as error:
        told["error"] = f"{failure} with {type(error).__name__}: {error}".rstrip(".: ")
        told["traceback"] = "".join(traceback.format_exception(error))
        if isinstance(error, FedLabError):
            told["typed"] = [type(error).__name__, error.case, error.cause, error.remedy]
        last = True
        raise
    finally:
        if last and not Path(outcome).exists():  # the first to fail is the cause
            write_text(Path(outcome), json.dumps(told))


def read_outcome(outcome: Path, case: str) -> FedLabError | None:
    """Return the error that ended a run, of its own type where that is one of FedLab's."""
    told = json.loads(outcome.read_text("utf-8"))
    if not told["error"]:
        return None
    if "typed" in told and hasattr(errors, told["typed"][0]):
        name, *parts = told["typed"]
        error = getattr(errors, name)(*parts)
    else:
        remedy = "Its traceback is noted below; mend what it names and run it again"
        error = FederationError(case, told["error"], remedy)
    error.add_note(told["traceback"])
    return error


def _check_module(reference: str) -> None:
    module, _, attribute = reference.partition(":")
    try:
        there = bool(module and attribute) and find_spec(module) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        raise FederationError(
            reference,
            "this is not an app in a module that can be imported",
            "Name it as module:attribute; what a notebook defines must move to a file",
        )
