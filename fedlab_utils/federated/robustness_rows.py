"""What the recorded study on hostile hospitals says, in numbers: its rows grouped and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.comparison import difference, figure_of, share_of_gain
from fedlab_utils.federated.recorded_trials import TRIED, condition_of

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.segmentation.statistics import Estimate

CHOSEN, ADAPTED = "the chosen one", "the adapted one"
"""What the study calls the rule that validation chose, and what does most harm to it."""

RESAMPLES = 2000


def tuning_scores(rows: Sequence[dict]) -> dict[tuple[str, str, str], float]:
    """Return the validation Dice of honest hospitals on the seeds that chose a rule.

    Parameters
    ----------
    rows
        Of the study ``robustness``.

    Returns
    -------
    dict
        Condition, rule and attack (with its strength) -> mean over seeds.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        told = row["settings"]
        if told["seed"] >= TRIED and told["rule"] != CHOSEN:
            key = _condition(row), told["rule"], _attack(row)
            found.setdefault(key, []).append(row["result"]["validation"])
    if not found:
        raise _nothing()
    return {key: float(np.mean(values)) for key, values in found.items()}


def kept_shares(rows: Sequence[dict]) -> list[dict]:
    """Return what is kept of the clean Dice, a line per condition and attack by two hospitals.

    Clean is FedAvg with nobody hostile, on the same hospitals' test patients.

    Parameters
    ----------
    rows
        Of the study ``robustness``.

    Returns
    -------
    list of dict
        ``condition``, ``attack`` (with its strength), and under ``"fedavg"`` and :data:`CHOSEN` the
        share with its interval, or None where it is not recorded.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    shown = [r for r in _reported(rows) if r["result"]["attack"] != "backdoor"]
    clean = [r for r in shown if r["settings"]["rule"] == "fedavg" and not r["result"]["hostile"]]
    lines: dict[tuple[str, str], dict[str, list]] = {}
    for row in shown:
        if row["settings"]["attackers"] == 2:
            key = _condition(row), _attack(row)
            lines.setdefault(key, {}).setdefault(row["settings"]["rule"], []).append(row)
    if not lines:
        raise _nothing()
    return [
        {"condition": condition, "attack": attack}
        | {rule: _kept(of.get(rule, []), clean) for rule in ("fedavg", CHOSEN)}
        for (condition, attack), of in lines.items()
    ]


def costs_of_rules(rows: Sequence[dict]) -> list[dict]:
    """Return what each rule costs when nobody is hostile, a line per condition and rule.

    Parameters
    ----------
    rows
        Of the study ``robustness``.

    Returns
    -------
    list of dict
        ``condition``, ``rule``, and its Dice less FedAvg's with the interval, paired: ``mean`` over
        all test patients, and ``worst`` hospital.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    groups: dict[str, dict[str, list]] = {}
    for row in _reported(rows):
        told = row["settings"]
        if not told["attackers"]:
            groups.setdefault(_condition(row), {}).setdefault(told["rule"], []).append(_trial(row))
    lines = [
        {"condition": condition, "rule": rule}
        | {w: difference(ours, of["fedavg"], w, resamples=RESAMPLES) for w in ("mean", "worst")}
        for condition, of in groups.items()
        if "fedavg" in of
        for rule, ours in of.items()
        if rule != "fedavg"
    ]
    if not lines:
        raise _nothing()
    return lines


def backdoor_table(rows: Sequence[dict]) -> pd.DataFrame:
    """Return how often the marker hides the tumour, a line per condition, rule and strength.

    Parameters
    ----------
    rows
        Of the study ``robustness``.

    Returns
    -------
    pandas.DataFrame
        Columns: condition, rule, hostile (of eight), strength (0: nobody planted anything),
        success (share of honest hospitals' test patients, mean over seeds), Dice (theirs without
        the marker), worst hospital, seeds.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    import pandas as pd

    groups: dict[tuple, list[dict]] = {}
    for row in _reported(rows):
        told = row["settings"]
        if told["attack"] in ("", "backdoor"):
            key = (_condition(row), told["rule"], told["attackers"], told["strength"])
            groups.setdefault(key, []).append(row)
    lines = []
    for (condition, rule, attackers, strength), of in sorted(groups.items()):
        rates = [r["result"]["backdoor"] for r in of if r["result"]["backdoor"] is not None]
        trials = [_trial(row) for row in of]
        lines.append(
            {
                "condition": condition,
                "rule": rule if rule != CHOSEN else f"{CHOSEN} ({of[0]['result']['rule']})",
                "hostile": attackers,
                "strength": strength,
                "success": f"{np.mean(rates):.2f}" if rates else "no tumour found",
                "Dice": f"{np.mean([figure_of(t, 'mean') for t in trials]):.3f}",
                "worst hospital": f"{np.mean([figure_of(t, 'worst') for t in trials]):.3f}",
                "seeds": len(of),
            }
        )
    return pd.DataFrame(lines)


def _reported(rows: Sequence[dict]) -> list[dict]:
    found = [row for row in rows if row["settings"]["seed"] < TRIED]
    if not found:
        raise _nothing()
    return found


def _nothing() -> FederationError:
    return FederationError(
        "robustness",
        "nothing of that kind is recorded",
        "Run python -m fedlab_utils study robustness further",
    )


def _condition(row: dict) -> str:
    return condition_of(row["settings"]["kind"], row["settings"]["skew"])


def _attack(row: dict) -> str:
    """Return an attack with its strength; of the adapted one also what it is."""
    told, result = row["settings"], row["result"]
    name = f"{result['attack']} {result['strength']:g}" if result["strength"] else result["attack"]
    return f"adapted: {name}" if told["attack"] == ADAPTED else name


def _trial(row: dict, hostile: Sequence[str] | None = None) -> dict:
    """Return a row as a trial of honest hospitals alone; ``hostile``: another row's."""
    lying = row["result"]["hostile"] if hostile is None else hostile
    scores = {name: v for name, v in row["result"]["scores"].items() if name not in lying}
    return {"seed": row["settings"]["seed"], "scores": scores}


def _kept(attacked: Sequence[dict], clean: Sequence[dict]) -> Estimate | None:
    """Return the share of the clean Dice, on the hospitals that are honest in the attacked run."""
    by_seed = {(_condition(row), row["settings"]["seed"]): row for row in clean}
    pairs = [(r, by_seed.get((_condition(r), r["settings"]["seed"]))) for r in attacked]
    pairs = [(row, whole) for row, whole in pairs if whole]
    if not pairs:
        return None
    ours = [_trial(row) for row, _ in pairs]
    best = [_trial(whole, row["result"]["hostile"]) for row, whole in pairs]
    return share_of_gain(ours, best, resamples=RESAMPLES)
