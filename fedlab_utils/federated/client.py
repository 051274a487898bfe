"""The hospitals' side: one Flower ``ClientApp`` for every engine and every strategy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.typing import Mod

from fedlab_utils.federated.compressed_hospital import compressing_mod
from fedlab_utils.federated.hospital import evaluate_hospital, train_hospital
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.private_training import PrivacyPlan, reasons_at_home
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.task import Task

OUT = "out"
"""Key of a ``run_config``: the run's folder, absolute; empty where nothing is written."""


def make_client_app(
    task_of: Callable[[Context], Task], mods: Sequence[Mod] = (), plain: bool = False
) -> ClientApp:
    """Build the app that hospitals run.

    Parameters
    ----------
    task_of
        Called with each message's context; keeps what is dear to make.
    mods
        Flower's modifiers, around training; compression, where a run has some, is around them.
    plain
        Whether messages come as they are also where a run compresses them: for an app that works
        within another one's mod.

    Returns
    -------
    flwr.clientapp.ClientApp
        Answers ``query`` (who it is), ``train`` and ``evaluate``. Settings come from the context's
        ``run_config``, the hospital's number from ``partition-id`` in its ``node_config``.
    """
    app = ClientApp()
    compressing = compressing_mod(lambda context: _first(task_of(context), context), _state)
    around = [] if plain else [compressing]

    @app.query()
    def introduce(message: Message, context: Context) -> Message:
        task, number = task_of(context), partition_of(context)
        about = ConfigRecord({"partition-id": number, "name": task.hospitals[number]})
        counts = MetricRecord({"num-examples": task.patients(number)})
        return Message(RecordDict({"hospital": about, "counts": counts}), reply_to=message)

    @app.train(mods=[*around, *mods])
    def train(message: Message, context: Context) -> Message:
        with reasons_at_home(PrivacyPlan.from_config(context.run_config)):
            return Message(_work(train_hospital, message, context), reply_to=message)

    @app.evaluate(mods=around)
    def evaluate(message: Message, context: Context) -> Message:
        return Message(_work(evaluate_hospital, message, context), reply_to=message)

    def _work(what: Callable[..., RecordDict], message: Message, context: Context) -> RecordDict:
        settings = FederationSettings.from_config(context.run_config)
        plan = PrivacyPlan.from_config(context.run_config)
        state, number = _state(context)
        return what(task_of(context), settings, number, message.content, state, plan)

    return app


def _state(context: Context) -> tuple[HospitalState, int]:
    number = partition_of(context)
    return HospitalState(context, hospital_folder(context.run_config.get(OUT), number)), number


def _first(task: Task, context: Context) -> dict[str, np.ndarray]:
    """Return the first weights of what is shared, which server and hospitals make from the seed."""
    home = personal_names(task.network(), FederationSettings.from_config(context.run_config))
    return {name: value.numpy() for name, value in task.initial().items() if name not in home}


def partition_of(context: Context) -> int:
    """Return a hospital's number, from 0."""
    return int(context.node_config["partition-id"])


def hospital_folder(out: object, partition: int) -> Path | None:
    """Return the folder that belongs to a hospital alone; None where nothing is written."""
    return Path(str(out)) / "hospitals" / f"{partition:03d}" if out else None
