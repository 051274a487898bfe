"""Figures of the recorded study on hostile hospitals: what was chosen, kept, and paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.federated.robustness_rows import (
    CHOSEN,
    costs_of_rules,
    kept_shares,
    tuning_scores,
)
from fedlab_utils.ui.colours import BLACK, BLUE, ORANGE
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT, COSTLY = 0.97, 0.9
"""A rule is to keep so much of the clean Dice, of attacks that leave FedAvg less than that."""

_RULES = {"fedavg": ("fedavg", ORANGE, "s", -0.15), CHOSEN: (CHOSEN, BLUE, "o", 0.15)}
_WHOM = {
    "mean": ("all patients", BLUE, "o", -0.15),
    "worst": ("worst hospital", ORANGE, "s", 0.15),
}
"""What a line of numbers holds -> its name, colour, marker, and how far off the line it lies."""


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
    FederationError
        If nothing of that kind is recorded.
    """
    found = tuning_scores(rows)
    conditions, rules, attacks = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1, 2))
    fig, axes = _panels(conditions, 1.6 + 0.45 * len(rules))
    told = []
    for ax, condition in zip(axes, conditions, strict=True):
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

    Bars are 95 % intervals over seeds and patients, paired; see
    :func:`fedlab_utils.federated.robustness_rows.kept_shares`.

    Parameters
    ----------
    rows, note
        As for :func:`attack_grid`.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    groups = _by_condition(kept_shares(rows))
    fig, axes = _panels(groups, 5)
    told = []
    for ax, (condition, lines) in zip(axes, groups.items(), strict=True):
        _draw_two(ax, lines, [line["attack"] for line in lines], _RULES)
        ax.axvline(KEPT, color=BLACK, linewidth=0.8)
        ax.axvline(COSTLY, color=BLACK, linewidth=0.8, linestyle=":")
        ax.set(xlabel="share of the clean Dice kept", ylabel="attack, strength", title=condition)
        told += [
            f"{condition}, {line['attack']}, {rule}: {line[rule]}"
            for line in lines
            for rule in _RULES
            if line[rule] is not None
        ]
    fig.suptitle(f"two of eight hostile, test patients of the others; {note}", size=9)
    return figure(fig, f"Share of the clean Dice kept: {'; '.join(told)}. {note}.")


def rule_costs(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot what each rule costs when nobody is hostile: its Dice less FedAvg's, mean and worst.

    Parameters
    ----------
    rows, note
        As for :func:`attack_grid`.

    Raises
    ------
    FederationError
        If nothing of that kind is recorded.
    """
    groups = _by_condition(costs_of_rules(rows))
    fig, axes = _panels(groups, 4.2)
    told = []
    for ax, (condition, lines) in zip(axes, groups.items(), strict=True):
        _draw_two(ax, lines, [line["rule"] for line in lines], _WHOM)
        ax.axvline(0, color=BLACK, linewidth=0.8)
        ax.set(xlabel="Dice less FedAvg's, nobody hostile", ylabel="rule", title=condition)
        told += [
            f"{condition}, {line['rule']}, {name}: {line[which].mean:+.3f}"
            for line in lines
            for which, (name, *_) in _WHOM.items()
        ]
    fig.suptitle(f"bars: 95 % intervals over seeds and patients, paired; {note}", size=9)
    return figure(fig, f"Dice less FedAvg's with nobody hostile: {'; '.join(told)}. {note}.")


def _panels(conditions: Sequence[str] | Mapping, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with one panel per condition, side by side."""
    from matplotlib import pyplot as plt

    count = len(conditions)
    size = (6.5 * count, height)
    fig, axes = plt.subplots(1, count, figsize=size, layout="constrained", squeeze=False)
    return fig, axes[0]


def _by_condition(lines: Sequence[dict]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for line in lines:
        found.setdefault(line["condition"], []).append(line)
    return found


def _draw_two(ax: Axes, lines: Sequence[dict], names: Sequence[str], looks: Mapping) -> None:
    """Draw two estimates of each line with their intervals, the first line on top."""
    for number, line in enumerate(lines):
        for which, (name, colour, marker, aside) in looks.items():
            if line[which] is not None:
                ax.errorbar(
                    line[which].mean,
                    number + aside,
                    xerr=bars([line[which]])[1],
                    color=colour,
                    marker=marker,
                    capsize=3,
                    label=None if number else name,
                )
    ax.set_yticks(range(len(lines)), names)
    ax.invert_yaxis()
    ax.legend(fontsize=9)
