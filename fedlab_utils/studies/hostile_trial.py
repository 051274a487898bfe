"""One training with hostile hospitals, judged: by each one's patients, and by what its rule did."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.studies.method_trial import Scale, patient_scores

if TYPE_CHECKING:
    from fedlab_utils.federated import Federation, UNetTask


@lru_cache(maxsize=1)
def public_task(scale: Scale, folder: Path, cases: int, seed: int) -> UNetTask:
    """Return the task over public phantoms, which are made when they are first asked for.

    Parameters
    ----------
    scale
        Of the training.
    folder
        Where they lie.
    cases, seed
        How many, and what decides them.
    """
    from fedlab_utils.data.phantom import write_cohort
    from fedlab_utils.federated.root_training import public_hospital

    if not folder.exists():
        write_cohort(folder, cases=cases, seed=seed, spacing=scale.spacing)
    return scale.task([public_hospital(folder, scale.spacing)], seed)


def judged(task: UNetTask, found: Federation, hostile: Sequence[str]) -> dict:
    """Judge the model of the last round by every hospital's patients.

    Parameters
    ----------
    task, found
        Over whom, and what came out.
    hostile
        Names of hospitals that are.

    Returns
    -------
    dict
        ``scores``: hospital -> its test patients' mean Dice over regions, one number each;
        ``patients``: hospital -> their ids, in the order of the scores; ``regions``: region ->
        hospital -> mean Dice; ``validation``: mean over the honest hospitals' validation patients;
        ``seconds``, all rounds together.
    """
    regions = {
        region: {name: round(row[f"dice-{region}"], 4) for name, row in found.test.items()}
        for region in ("et", "tc", "wt")
    }
    looked = {n: r for n, r in found.history[-1].validation.items() if n not in hostile}
    scores = [row["score"] for row in looked.values()]
    counts = [row["num-examples"] for row in looked.values()]
    return {
        "scores": {name: patient_scores(row) for name, row in found.test.items()},
        "patients": {m.name: list(m.hospital.split.test) for m in task.members},
        "regions": regions,
        "validation": round(float(np.average(scores, weights=counts)), 4),
        "seconds": round(sum(report.seconds for report in found.history), 1),
    }


def trusted(found: Federation) -> dict:
    """Return whose answers counted, and how much.

    Returns
    -------
    dict
        ``left_out``: hospital -> in how many rounds its answer did not count; ``weights``:
        hospital -> mean of its part in the update over all rounds, where there is a rule.
    """
    left_out: dict[str, int] = {}
    weights: dict[str, float] = {}
    for report in found.history:
        for name in report.left_out:
            left_out[name] = left_out.get(name, 0) + 1
        for name, told in report.rule.items():
            weights[name] = weights.get(name, 0.0) + told["weight"] / len(found.history)
    return {"left_out": left_out, "weights": {n: round(w, 4) for n, w in weights.items()}}


def hidden_share(task: UNetTask, found: Federation, hostile: Sequence[str]) -> float | None:
    """Return the share of the honest hospitals' test patients whose tumour the marker hides.

    None if the model of the last round finds no tumour in any.
    """
    from fedlab_utils.federated.spoilt_data import backdoor_success

    honest = [member for member in task.members if member.name not in hostile]
    patients = [patient for member in honest for patient in member.test]
    success = backdoor_success(task.model(found.last), patients)
    return None if np.isnan(success) else round(success, 4)
