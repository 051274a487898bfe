"""A Flower app under a SuperLink and one SuperNode per hospital, as processes of this machine."""

from __future__ import annotations

from collections.abc import Callable

from fedlab_utils.data.workers import available_cores
from fedlab_utils.federated.flower_commands import CONNECTED, free_ports, supernode
from fedlab_utils.federated.flower_folder import Config
from fedlab_utils.federated.flower_processes import START_S, FlowerRun


def run_deployment(
    run_config: Config,
    hospitals: int,
    client: str = "fedlab_utils.federated.app:client_app",
    server: str = "fedlab_utils.federated.app:server_app",
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run a Flower app as a deployment does, all on this machine: no more clients than cores.

    The run starts when all SuperNodes are connected. For each message a SuperNode starts a process
    that imports the app anew, so that only ``context.state`` and files outlive a round.

    Parameters
    ----------
    run_config, client, server, timeout, on_line
        As :func:`fedlab_utils.federated.engine_ray.run_with_ray`. Lines of a SuperNode begin with
        its hospital's number.
    hospitals
        How many SuperNodes are started.

    Raises
    ------
    FederationError
        If the run does not start, fails or takes too long. An error of FedLab that the ServerApp
        raises comes as it is.
    """
    with FlowerRun(
        "SuperLink and SuperNodes", run_config, client, server, timeout, on_line, available_cores()
    ) as run:
        address = run.start_superlink()
        names = [f"hospital {number}" for number in range(hospitals)]
        for number, port in enumerate(free_ports(hospitals)):
            run.start(names[number], *supernode(address, port, number, hospitals))
        for name in names:
            run.wait(lambda name=name: run.said(name, CONNECTED), START_S, name)
        run.run()
