"""What a recorded private fine-tuning kept of the gain that it would have had without privacy.

Rows are those of the study ``private_fine_tuning``: ``settings`` with ``way`` (``"untouched"``: the
public network as it came), ``epsilon`` (0: no privacy), ``seed`` and, where a setting was tried,
``learning_rate``; ``result`` with ``scores``, hospital -> its test patients' Dice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.comparison import estimate, share_of_gain
from fedlab_utils.federated.recorded_trials import Trial
from fedlab_utils.segmentation.statistics import RESAMPLES, Estimate

UNTOUCHED = "untouched"


def budget_trials(rows: Sequence[Mapping], way: str, epsilon: int = 0) -> list[Trial]:
    """Return a way's trainings at a budget, one per seed that is reported; maybe none."""
    wanted = {"way": way, "epsilon": epsilon}
    return [
        {"method": way, "seed": row["settings"]["seed"], "scores": row["result"]["scores"]}
        for row in rows
        if wanted.items() <= row["settings"].items() and "learning_rate" not in row["settings"]
    ]


def ways_of(rows: Sequence[Mapping]) -> list[str]:
    """Return the ways to fine-tune that are reported, in the order of the rows."""
    told = [row["settings"] for row in rows if "learning_rate" not in row["settings"]]
    return [way for way in dict.fromkeys(s["way"] for s in told) if way != UNTOUCHED]


def budgets_of(rows: Sequence[Mapping], way: str) -> list[int]:
    """Return the budgets that are reported of a way, the smallest first."""
    told = [row["settings"] for row in rows if "learning_rate" not in row["settings"]]
    return sorted({s["epsilon"] for s in told if s["way"] == way and s["epsilon"]})


def best_way(rows: Sequence[Mapping], epsilon: int = 0) -> str:
    """Return the way that did best at a budget on the seeds that settings were tried on.

    Each way counts with its best setting, mean over those seeds; patients that are reported have
    no say.

    Raises
    ------
    FederationError
        If nothing was tried at that budget.
    """
    found: dict[tuple, list[float]] = {}
    for row in rows:
        settings = row["settings"]
        if settings["epsilon"] == epsilon and "learning_rate" in settings:
            every = [value for scores in row["result"]["scores"].values() for value in scores]
            key = (settings["way"], settings["learning_rate"])
            found.setdefault(key, []).append(float(np.mean(every)))
    if not found:
        raise FederationError(
            f"epsilon {epsilon}", "no setting was tried there", "Run the study further"
        )
    return max(found, key=lambda key: np.mean(found[key]))[0]


def kept_of_gain(
    rows: Sequence[Mapping],
    way: str,
    epsilon: int,
    figure: str = "mean",
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate the share of the gain without privacy that a way keeps at a budget.

    The gain is that of the best way without privacy (:func:`best_way`) over the public network.

    Parameters
    ----------
    rows
        Of the study.
    way, epsilon
        Which trainings.
    figure, resamples
        See :func:`fedlab_utils.federated.comparison.share_of_gain`.

    Raises
    ------
    FederationError
        If one of the three is not recorded, on seeds that all have.
    """
    parts = (way, epsilon), (best_way(rows), 0), (UNTOUCHED, 0)
    ours, best, base = (budget_trials(rows, *part) for part in parts)
    return share_of_gain(ours, best, base, figure, resamples=resamples)


def dice_at(
    rows: Sequence[Mapping],
    way: str,
    epsilon: int = 0,
    figure: str = "mean",
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate the test Dice of a way at a budget.

    Raises
    ------
    FederationError
        If it is not recorded.
    """
    trials = budget_trials(rows, way, epsilon)
    if not trials:
        raise FederationError(
            f"{way} at epsilon {epsilon or 'none'}", "it is not recorded", "Run the study further"
        )
    return estimate(trials, figure, resamples=resamples)
