"""A Flower app under ``flwr run``, in which Ray plays all hospitals."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

from fedlab_utils.data.workers import available_cores
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.flower_commands import SIMULATION, simulation
from fedlab_utils.federated.flower_folder import Config
from fedlab_utils.federated.flower_processes import FlowerRun

_LATE = "timed out during startup"
"""What Ray writes when its own processes need more than the half minute that it allows them."""

_ATTEMPTS = 2
"""The second finds Ray's files in memory; no ServerApp begins before Ray is up."""


def run_with_ray(
    run_config: Config,
    hospitals: int,
    client: str = "fedlab_utils.federated.app:client_app",
    server: str = "fedlab_utils.federated.app:server_app",
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run a Flower app under ``flwr run`` with Ray, one hospital per core at a time.

    Each hospital gets ``partition-id`` and ``num-partitions`` in its ``node_config``. What comes
    of the run the ServerApp must write itself, where ``run_config`` says. Nothing is left running,
    also after an error or ctrl-C.

    Parameters
    ----------
    run_config
        The app's run config, in full.
    hospitals
        How many nodes Ray plays.
    client, server
        ``module:attribute`` of the ``ClientApp`` and the ``ServerApp``, in modules that this
        process could import.
    timeout
        Seconds until the run, or the second try to start it, must be done; None: no limit.
    on_line
        Gets each line of the log as it comes.

    Raises
    ------
    FederationError
        If Ray is missing, or the run does not start, fails or takes too long. An error of FedLab
        that the ServerApp raises comes as it is.
    """
    if importlib.util.find_spec("ray") is None:
        raise FederationError(
            "Flower on Ray", "Ray is not installed", 'Install it: pip install "flwr[simulation]"'
        )
    for _ in range(_ATTEMPTS):
        with FlowerRun("Flower on Ray", run_config, client, server, timeout, on_line) as run:
            run.start_superlink(SIMULATION, simulation(hospitals, available_cores()))
            try:
                return run.run(hopeless=_LATE)
            except FederationError as error:
                if not run.said("flwr run", _LATE):
                    raise
                late = error
    raise FederationError(
        "Flower on Ray",
        f"Ray did not start within its half minute, {_ATTEMPTS} times: the machine is too busy",
        "Run it again when less else is running, or take the engine in this process",
    ) from late
