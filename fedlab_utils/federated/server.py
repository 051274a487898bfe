"""The server's side: one Flower ``ServerApp`` for every engine, with the strategy of a run."""

from __future__ import annotations

from collections.abc import Callable

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fedlab_utils.federated.compressed_strategy import compressed
from fedlab_utils.federated.history import Federation, RoundReport
from fedlab_utils.federated.masked_strategy import masked
from fedlab_utils.federated.noisy_strategy import hospital_private
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.robust_strategy import robust
from fedlab_utils.federated.root_training import RootTraining
from fedlab_utils.federated.rounds import Server
from fedlab_utils.federated.scaffold import Scaffold
from fedlab_utils.federated.server_steps import FedAdam, FedAvgM
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import FedAvg, FedProx, Screened
from fedlab_utils.federated.task import Task


def make_strategy(settings: FederationSettings) -> Screened:
    """Return the strategy that the settings name."""
    sample = {"fraction_train": settings.fraction}
    return {
        "fedavg": lambda: FedAvg(**sample),
        "fedbn": lambda: FedAvg(**sample),
        "fedprox": lambda: FedProx(**sample, proximal_mu=settings.mu),
        "fedadam": lambda: FedAdam(**sample, eta=settings.server_step),
        "fedavgm": lambda: FedAvgM(
            **sample,
            server_learning_rate=settings.server_step,
            server_momentum=settings.server_momentum,
        ),
        "scaffold": lambda: Scaffold(settings.server_step, settings.uniform, **sample),
    }[settings.strategy]()


def make_server_app(
    task_of: Callable[[Context], Task],
    strategy_of: Callable[[FederationSettings], Screened] = make_strategy,
    on_round: Callable[[RoundReport], None] | None = None,
    on_end: Callable[[Federation], None] | None = None,
    root_of: Callable[[Context], Task | None] = lambda _: None,
) -> ServerApp:
    """Build the app that the server runs.

    Parameters
    ----------
    task_of
        Called once; the server takes the network and its first weights from it, no patient.
    strategy_of
        Another strategy than the one that the settings name.
    on_round, on_end
        Called with each round's report, and with the federation at the end.
    root_of
        Called once where the rule is FLTrust; returns the public patients.

    Returns
    -------
    flwr.serverapp.ServerApp
        Settings come from the context's ``run_config``. With a folder under ``out`` every round
        ends with a checkpoint there.
    """
    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        settings = FederationSettings.from_config(context.run_config)
        plans = Plans.from_config(context.run_config)
        plans.check(settings)
        strategy = strategy_of(settings)
        if plans.hospital_privacy.on:
            strategy = hospital_private(strategy, plans.hospital_privacy, settings)
        if plans.robust.on:
            public = root_of(context) if plans.robust.rule == "fltrust" else None
            strategy = robust(strategy, plans.robust, public and RootTraining(public, settings))
        if plans.masking.on:
            strategy = masked(strategy, plans.masking)
        if plans.compression.on:
            strategy = compressed(strategy, plans.compression)
        server = Server(grid, context, task_of(context), settings, strategy)
        federation = server.run(on_round)
        if on_end is not None:
            on_end(federation)

    return app
