"""Dice against megabytes: what each way to save keeps, as its study recorded it.

Rows are those of the study ``compression_frontier``: ``settings`` with ``method``, ``plan``
(``"none"``: everything is sent) and ``seed``; ``result`` with ``scores``, hospital -> its test
patients' Dice, ``validation`` and ``megabytes``, all traffic both ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.comparison import estimate, share_of_gain
from fedlab_utils.federated.recorded_trials import TRIED, Trial
from fedlab_utils.segmentation.statistics import RESAMPLES, Estimate

EVERYTHING = "none"


def plan_trials(rows: Sequence[Mapping], method: str, plan: str) -> list[Trial]:
    """Return a way's trainings, one per seed that is reported; maybe none."""
    return [
        {"method": method, "seed": row["settings"]["seed"], "scores": row["result"]["scores"]}
        for row in _rows(rows, method, plan)
        if row["settings"]["seed"] < TRIED
    ]


def plans_of(rows: Sequence[Mapping], method: str) -> list[str]:
    """Return the ways to save that are reported of a method, in the order of the rows."""
    told = [row["settings"] for row in rows if row["settings"]["seed"] < TRIED]
    return list(dict.fromkeys(s["plan"] for s in told if s["method"] == method))


def megabytes_of(rows: Sequence[Mapping], method: str, plan: str) -> float:
    """Return a way's traffic, mean over all its seeds.

    Raises
    ------
    FederationError
        If it is not recorded.
    """
    found = [row["result"]["megabytes"] for row in _rows(rows, method, plan)]
    if not found:
        raise _absent(method, plan)
    return float(np.mean(found))


def saving(rows: Sequence[Mapping], method: str, plan: str) -> float:
    """Return by what factor a way cuts its method's traffic.

    Raises
    ------
    FederationError
        If one of both is not recorded.
    """
    return megabytes_of(rows, method, EVERYTHING) / megabytes_of(rows, method, plan)


def dice_of(
    rows: Sequence[Mapping],
    method: str,
    plan: str,
    figure: str = "mean",
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate the test Dice of a way.

    Raises
    ------
    FederationError
        If it is not recorded.
    """
    if not (trials := plan_trials(rows, method, plan)):
        raise _absent(method, plan)
    return estimate(trials, figure, resamples=resamples)


def kept_of_dice(
    rows: Sequence[Mapping],
    method: str,
    plan: str,
    figure: str = "mean",
    resamples: int = RESAMPLES,
) -> Estimate:
    """Estimate what share of its method's Dice a way keeps, paired by seed and patient.

    Parameters
    ----------
    rows
        Of the study.
    method, plan
        Which way.
    figure, resamples
        See :func:`fedlab_utils.federated.comparison.share_of_gain`.

    Raises
    ------
    FederationError
        If the way, or the method without saving, is not recorded on seeds that both have.
    """
    ours, whole = (plan_trials(rows, method, name) for name in (plan, EVERYTHING))
    if not ours or not whole:
        raise _absent(method, plan if whole else EVERYTHING)
    return share_of_gain(ours, whole, figure=figure, resamples=resamples)


def plan_to_hold(rows: Sequence[Mapping], method: str, least: float = 50.0) -> str:
    """Return the way that validated best of those that save enough, on seeds for trying.

    Parameters
    ----------
    rows
        Of the study.
    method
        Whose.
    least
        Factor by which traffic must be cut.

    Raises
    ------
    FederationError
        If none that was tried saves so much.
    """
    scores: dict[str, list[float]] = {}
    for row in rows:
        settings = row["settings"]
        if settings["method"] == method and settings["seed"] >= TRIED:
            scores.setdefault(settings["plan"], []).append(row["result"]["validation"])
    if EVERYTHING not in scores:
        raise _absent(method, EVERYTHING)
    enough = {p: v for p, v in scores.items() if saving(rows, method, p) >= least}
    if not enough:
        raise FederationError(
            method, f"no way that was tried saves {least:g} times", "Ask for less, or try more"
        )
    return max(enough, key=lambda plan: np.mean(enough[plan]))


def _rows(rows: Sequence[Mapping], method: str, plan: str) -> list[Mapping]:
    wanted = {"method": method, "plan": plan}
    return [row for row in rows if wanted.items() <= row["settings"].items()]


def _absent(method: str, plan: str) -> FederationError:
    remedy = "Run the study compression_frontier further"
    return FederationError(f"{method}, {plan}", "it is not recorded", remedy)
