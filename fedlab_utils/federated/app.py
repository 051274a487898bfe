"""The Flower app that every engine runs: ``client_app`` for hospitals, ``server_app`` for them all.

Under ``flwr run`` this module is loaded in other processes, which know of the federation what its
``run_config`` says: settings of training, and where the patients are.
"""

from __future__ import annotations

import math
from pathlib import Path

from flwr.app import Context

from fedlab_utils.federated.client import OUT, hospital_folder, make_client_app, partition_of
from fedlab_utils.federated.client_momentum import momentum_mod
from fedlab_utils.federated.history import RoundReport
from fedlab_utils.federated.hospital_keys import HospitalKeys, read_keys
from fedlab_utils.federated.hospital_noise import hospital_mod
from fedlab_utils.federated.hostile_hospital import hostile_mod
from fedlab_utils.federated.masked_hospital import masking_mod
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.root_training import public_task
from fedlab_utils.federated.server import make_server_app
from fedlab_utils.federated.unet_settings import UNetFederation, open_task
from fedlab_utils.federated.unet_task import UNetTask

ROUND = "fedlab round"
"""What a line of the server's log begins with when a round is over."""


def hospitals_task(context: Context) -> UNetTask:
    """Return the task with patients, for a hospital."""
    settings = UNetFederation.from_config(context.run_config)
    if settings.threads:
        import torch

        torch.set_num_threads(settings.threads)
    return open_task(settings)


def servers_task(context: Context) -> UNetTask:
    """Return the task without patients: the server needs the network only."""
    return UNetFederation.from_config(context.run_config).task([])


def root_task(context: Context) -> UNetTask | None:
    """Return the task over public patients, for a server whose plan names some."""
    plan = RobustPlan.from_config(context.run_config)
    federation = UNetFederation.from_config(context.run_config)
    return public_task(federation, plan.root) if plan.root else None


def say_round(report: RoundReport) -> None:
    """Print a line about a round, for whoever watches the engine."""
    loss = "" if math.isnan(report.loss) else f" loss {report.loss:.3f}"
    score = "" if report.score is None else f", validation {report.score:.3f}"
    left_out = "".join(f"; {name} left out: {why}" for name, why in report.left_out.items())
    print(f"{ROUND} {report.round}:{loss}{score}{left_out}", flush=True)


def keys_in_folders(context: Context) -> HospitalKeys:
    """Return a hospital's keys: its own from its folder, the others' from the run's."""
    out = context.run_config[OUT]
    return read_keys(Path(str(out)), hospital_folder(out, partition_of(context)))


mods = [
    masking_mod(keys_in_folders),
    hospital_mod,
    hostile_mod(hospitals_task),
    momentum_mod(hospitals_task),
]
client_app = make_client_app(hospitals_task, mods)
server_app = make_server_app(servers_task, on_round=say_round, root_of=root_task)
