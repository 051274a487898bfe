"""What a run over a cohort leaves in its folder: models, and a report of all that it did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.checkpoint import Checkpoint
from fedlab_utils.federated.client import hospital_folder
from fedlab_utils.federated.history import summarise
from fedlab_utils.federated.home_layers import layers_at_home
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.plans import Plans
from fedlab_utils.federated.private_training import GUARANTEE
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.privacy.randomness import SIMULATED

if TYPE_CHECKING:
    from fedlab_utils.federated.unet_task import UNetTask

MODEL, RESULT = "model.safetensors", "result.json"

FIGURES = ("score", "dice-et", "dice-tc", "dice-wt")
"""Test figures that a report sums up."""


def write_result(
    out: Path,
    found: Checkpoint,
    settings: FederationSettings,
    plans: Plans,
    models: dict[str, str],
    about: dict[str, object],
) -> dict[str, object]:
    """Write a run's report, and return it.

    Parameters
    ----------
    out
        The run's folder.
    found
        Its last checkpoint.
    settings, plans
        How it trained, and what it did beside.
    models
        From :func:`write_models`.
    about
        Its provenance.

    Returns
    -------
    dict
        See :func:`fedlab_utils.federated.simulate`.
    """
    from fedlab_utils.data.atomic import write_text

    trained = [row for report in found.history for row in report.trained.items()]
    spent = {name: row["epsilon"] for name, row in trained if "epsilon" in row}
    result = {
        "rounds": [asdict(report) for report in found.history],
        "best_round": found.best_round,
        "test": found.test,
        "unjudged": found.unjudged,
        "summary": {f: summarise(rows, f) for f in FIGURES if (rows := _with(found.test, f))},
        "plans": plans.told(),
        "privacy": promise_of(plans, settings, spent),
        "models": models,
        "provenance": about,
    }
    write_text(out / RESULT, json.dumps(result, indent=1))
    return result


def _with(test: dict[str, dict], figure: str) -> dict[str, dict]:
    """Return the rows that hold a figure as one number; nobody need send more than a score."""
    return {n: row for n, row in test.items() if isinstance(row.get(figure), (int, float))}


def promise_of(
    plans: Plans, settings: FederationSettings, spent: Mapping[str, float]
) -> dict[str, object] | None:
    """Return what a run promises, to a patient or to a hospital; None if nothing.

    Parameters
    ----------
    plans, settings
        Of the run.
    spent
        Hospital's name -> epsilon, as it last told.

    Returns
    -------
    dict or None
        ``epsilon``, at most, with ``delta``, ``unit``, ``adjacency``, ``view``, ``not covered``
        and ``spent``; ``simulated`` where nothing is protected.
    """
    if plans.hospital_privacy.on:
        return {**plans.hospital_privacy.promise(settings), "spent": dict(spent)}
    if not plans.privacy.on:
        return None
    budget = {"epsilon": plans.privacy.epsilon, "delta": plans.privacy.delta}
    simulated = {"simulated": SIMULATED} if plans.simulated else {}
    return {**budget, **GUARANTEE, **simulated, "spent": dict(spent)}


def write_models(
    out: Path,
    found: Checkpoint,
    task: UNetTask,
    settings: FederationSettings,
    about: dict[str, object],
) -> dict[str, str]:
    """Write the model of all, or each hospital's own; return whose lies where in the folder."""
    import torch

    from fedlab_utils.segmentation.weights import save_model

    shared = {name: torch.from_numpy(value) for name, value in found.best.items()}
    if not personal_names(task.network(), settings):
        save_model(task.model(shared, **about), out / MODEL)
        return {"all": MODEL}
    written = {}
    for number, name, _ in found.members:
        folder = hospital_folder(out, number)
        try:
            own = layers_at_home(folder, found.best_round)
        except FederationError:
            continue  # it could not judge its patients either, and is among the unjudged
        save_model(task.model(shared | own, hospital=name, **about), folder / MODEL)
        written[name] = (folder / MODEL).relative_to(out).as_posix()
    return written
