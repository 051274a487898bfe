"""Figures of the recorded study on hostile hospitals: what was chosen, kept, and paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import CourseError
from fedlab_utils.federated.comparison import (
    condition_of,
    difference,
    figure_of,
    share_of_gain,
)
from fedlab_utils.ui.colours import BLACK, BLUE, ORANGE
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.segmentation.statistics import Estimate

CHOSEN, ADAPTED, TUNING = "the chosen one", "the adapted one", (98, 99)
"""What the study calls them; the seeds that chose."""

KEPT, COSTLY = 0.97, 0.9
"""A rule is to keep so much of the clean Dice, of attacks that leave FedAvg less than that."""

RESAMPLES = 2000

_LOOKS = {"fedavg": (ORANGE, "s", -0.15), CHOSEN: (BLUE, "o", 0.15)}


def attack_grid(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Show what each rule's model is worth under each attack, on the seeds that chose a rule.

    Parameters
    ----------
    rows
        Of the study ``robustness``.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    CourseError
        If nothing of that kind is recorded.
    """
    from matplotlib import pyplot as plt

    tried = [r for r in rows if r["settings"]["seed"] in TUNING and r["settings"]["rule"] != CHOSEN]
    found = _grouped(tried, "validation")
    conditions, rules, attacks = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1, 2))
    size = (6.5 * len(conditions), 1.6 + 0.45 * len(rules))
    fig, axes = plt.subplots(1, len(conditions), figsize=size, layout="constrained", squeeze=False)
    told = []
    for ax, condition in zip(axes[0], conditions, strict=True):
        grid = np.array([[found.get((condition, r, a), np.nan) for a in attacks] for r in rules])
        ax.imshow(grid, vmin=0, vmax=max(found.values()), cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(grid):
            colour = "white" if value < 0.6 * max(found.values()) else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        ax.set_xticks(range(len(attacks)), attacks, rotation=40, ha="right")
        ax.set_yticks(range(len(rules)), rules)
        ax.set(xlabel="attack by two of eight, and its strength", ylabel="rule", title=condition)
        worst = np.nanmin(grid, axis=1)
        told += [f"{condition}, {r}: {w:.2f}" for r, w in zip(rules, worst, strict=True)]
    fig.suptitle(f"validation Dice of honest hospitals, seeds that choose a rule; {note}", size=9)
    return figure(fig, f"Each rule's worst attack leaves: {'; '.join(told)}. {note}.")


def kept_of_clean(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot what FedAvg and the chosen rule keep of the clean Dice under each attack.

    Clean is FedAvg with nobody hostile, on the same hospitals' test patients. Bars are 95 %
    intervals over seeds and patients, paired.

    Parameters
    ----------
    rows, note
        As for :func:`attack_grid`.

    Raises
    ------
    CourseError
        If nothing of that kind is recorded.
    """
    from matplotlib import pyplot as plt

    found = kept_shares(rows)
    conditions = list(dict.fromkeys(line["condition"] for line in found))
    size = (6.5 * len(conditions), 5)
    fig, axes = plt.subplots(1, len(conditions), figsize=size, layout="constrained", squeeze=False)
    told = []
    for ax, condition in zip(axes[0], conditions, strict=True):
        lines = [line for line in found if line["condition"] == condition]
        for number, line in enumerate(lines):
            for rule, (colour, marker, aside) in _LOOKS.items():
                if (value := line[rule]) is None:
                    continue
                ax.errorbar(
                    value.mean,
                    number + aside,
                    xerr=bars([value])[1],
                    color=colour,
                    marker=marker,
                    capsize=3,
                    label=rule if not number else None,
                )
                told.append(f"{condition}, {line['attack']}, {rule}: {value}")
        ax.axvline(KEPT, color=BLACK, linewidth=0.8)
        ax.axvline(COSTLY, color=BLACK, linewidth=0.8, linestyle=":")
        ax.set_yticks(range(len(lines)), [line["attack"] for line in lines])
        ax.invert_yaxis()
        ax.set(xlabel="share of the clean Dice kept", ylabel="attack, strength", title=condition)
        ax.legend(fontsize=9)
    fig.suptitle(f"two of eight hostile, test patients of the others; {note}", size=9)
    return figure(fig, f"Share of the clean Dice kept: {'; '.join(told)}. {note}.")


def kept_shares(rows: Sequence[dict]) -> list[dict]:
    """Return what is kept of the clean Dice, a line per condition and attack by two hospitals.

    Parameters
    ----------
    rows
        Of the study ``robustness``.

    Returns
    -------
    list of dict
        ``condition``, ``attack`` (with its strength), and under ``"fedavg"`` and :data:`CHOSEN` the
        share with its interval, or None where it is not recorded.
    """
    shown = [r for r in _reported(rows) if r["result"]["attack"] != "backdoor"]
    clean = [r for r in shown if r["settings"]["rule"] == "fedavg" and not r["result"]["hostile"]]
    attacked = [r for r in shown if r["settings"]["attackers"] == 2]
    lines: dict[tuple[str, str], dict[str, list]] = {}
    for row in attacked:
        key = _condition(row), _attack(row)
        lines.setdefault(key, {}).setdefault(row["settings"]["rule"], []).append(row)
    return [
        {"condition": condition, "attack": attack}
        | {rule: _kept(of.get(rule, []), clean) for rule in _LOOKS}
        for (condition, attack), of in lines.items()
    ]


def rule_costs(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot what each rule costs when nobody is hostile: its Dice less FedAvg's, mean and worst.

    Parameters
    ----------
    rows, note
        As for :func:`attack_grid`.

    Raises
    ------
    CourseError
        If nothing of that kind is recorded.
    """
    from matplotlib import pyplot as plt

    shown = [r for r in _reported(rows) if not r["settings"]["attackers"]]
    groups: dict[str, dict[str, list]] = {}
    for row in shown:
        groups.setdefault(_condition(row), {}).setdefault(row["settings"]["rule"], []).append(row)
    groups = {name: of for name, of in groups.items() if "fedavg" in of and len(of) > 1}
    if not groups:
        raise _nothing()
    size = (6.5 * len(groups), 4.2)
    fig, axes = plt.subplots(1, len(groups), figsize=size, layout="constrained", squeeze=False)
    told = []
    for ax, (condition, of) in zip(axes[0], groups.items(), strict=True):
        base = [_trial(row) for row in of["fedavg"]]
        rules = [rule for rule in of if rule != "fedavg"]
        for number, rule in enumerate(rules):
            for which, colour, marker, aside in (
                ("mean", BLUE, "o", -0.15),
                ("worst", ORANGE, "s", 0.15),
            ):
                ours = [_trial(row) for row in of[rule]]
                value = difference(ours, base, which, resamples=RESAMPLES)
                label = {"mean": "all patients", "worst": "worst hospital"}[which]
                ax.errorbar(
                    value.mean,
                    number + aside,
                    xerr=bars([value])[1],
                    color=colour,
                    marker=marker,
                    capsize=3,
                    label=None if number else label,
                )
                told.append(f"{condition}, {rule}, {label}: {value.mean:+.3f}")
        ax.axvline(0, color=BLACK, linewidth=0.8)
        ax.set_yticks(range(len(rules)), rules)
        ax.invert_yaxis()
        ax.set(xlabel="Dice less FedAvg's, nobody hostile", ylabel="rule", title=condition)
        ax.legend(fontsize=9)
    fig.suptitle(f"bars: 95 % intervals over seeds and patients, paired; {note}", size=9)
    return figure(fig, f"Dice less FedAvg's with nobody hostile: {'; '.join(told)}. {note}.")


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
    CourseError
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
    found = [row for row in rows if row["settings"]["seed"] not in TUNING]
    if not found:
        raise _nothing()
    return found


def _nothing() -> CourseError:
    return CourseError(
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


def _grouped(rows: Sequence[dict], figure: str) -> dict[tuple[str, str, str], float]:
    """Return a figure by condition, rule and attack, mean over seeds."""
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        key = _condition(row), row["settings"]["rule"], _attack(row)
        found.setdefault(key, []).append(row["result"][figure])
    if not found:
        raise _nothing()
    return {key: float(np.mean(values)) for key, values in found.items()}


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
