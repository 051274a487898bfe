"""What privacy cost a recorded fine-tuning: Dice, and the share of its gain, by budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.federated.private_utility import (
    UNTOUCHED,
    best_way,
    budget_trials,
    budgets_of,
    dice_at,
    kept_of_gain,
    ways_of,
)
from fedlab_utils.ui.colours import METHOD_STYLES
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WAY_NAMES = {
    "all": "all weights",
    "low_rank": "norm, head and low rank",
    "norm_and_head": "norm and head",
}
_STYLES = {"all": "fedavg", "low_rank": "fedprox", "norm_and_head": "fedbn"}
RESAMPLES = 1000


def cost_of_privacy(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot test Dice, and the share of the gain that is kept, against epsilon, for each way.

    Parameters
    ----------
    rows
        Of the study ``private_fine_tuning``, whole.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    FederationError
        If the public network, or training without privacy, is not recorded.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    told = [draw_dice(axes[0], rows)]
    for number, way in enumerate(ways_of(rows)):
        budgets = budgets_of(rows, way)
        kept = [kept_of_gain(rows, way, e, resamples=RESAMPLES) for e in budgets]
        _interval_line(axes[1], budgets, kept, way, number)
        told.append(
            f"{WAY_NAMES.get(way, way)} keeps "
            + ", ".join(f"{k:.0%} at {e}" for k, e in zip(kept, budgets, strict=True))
        )
    axes[1].axhline(1, color="black", linewidth=0.8)
    axes[1].set(ylabel="share of the gain that is kept")
    _name_budgets(axes[1], budgets_of(rows, best_way(rows)))
    fig.suptitle(note, fontsize=9)
    return figure(fig, f"{'; '.join(told)}. {note}.")


def draw_dice(ax: Axes, rows: Sequence[dict], marked: int | None = None) -> str:
    """Draw test Dice against epsilon; without privacy stands right of the largest budget.

    Parameters
    ----------
    ax
        Where to.
    rows
        Of the study ``private_fine_tuning``, whole.
    marked
        Budget behind which a grey line stands; 0: without privacy.

    Returns
    -------
    str
        What is drawn, in words.
    """
    public = dice_at(rows, UNTOUCHED, resamples=RESAMPLES)
    ax.axhspan(public.low, public.high, color="#DDDDDD", zorder=0)
    ax.axhline(public.mean, color="black", linewidth=0.8, linestyle=":")
    at = ax.get_yaxis_transform()
    ax.text(0.02, public.high, "public network, untouched", transform=at, va="bottom", fontsize=8)
    told = [f"Dice by epsilon, with 95 % intervals. Public network, untouched: {public:.2f}"]
    for number, way in enumerate(ways_of(rows)):
        budgets = budgets_of(rows, way)
        every = [*budgets, 0] if budget_trials(rows, way) else budgets
        found = [dice_at(rows, way, epsilon, resamples=RESAMPLES) for epsilon in every]
        _interval_line(ax, [e or 2 * max(budgets) for e in every], found, way, number)
        told.append(
            f"{WAY_NAMES.get(way, way)}: "
            + ", ".join(f"{d:.2f} at {e or 'no limit'}" for d, e in zip(found, every, strict=True))
        )
    budgets = budgets_of(rows, ways_of(rows)[-1])
    if marked is not None:
        ax.axvline(marked or 2 * max(budgets), color="#BBBBBB", linewidth=8, zorder=0)
    ax.set(ylabel="Dice, mean over test patients")
    _name_budgets(ax, budgets, unlimited=True)
    ax.legend(loc="lower right", fontsize=8)
    return "; ".join(told)


def _interval_line(ax: Axes, at: Sequence[float], found: Sequence, way: str, number: int) -> None:
    style = METHOD_STYLES[_STYLES.get(way, "fedadam")]
    mean, reach = bars(found)
    ax.errorbar(
        np.array(at) * 1.04 ** (number - 1),  # side by side, where they would lie on each other
        mean,
        reach,
        color=style.on_paper,
        marker=style.marker,
        linestyle=style.line,
        capsize=3,
        label=WAY_NAMES.get(way, way),
    )


def _name_budgets(ax: Axes, budgets: Sequence[int], unlimited: bool = False) -> None:
    at, names = list(budgets), [str(e) for e in budgets]
    if unlimited:
        at, names = [*at, 2 * max(at)], [*names, "none"]
    ax.set_xscale("log", base=2)
    ax.set_xticks(at, names)
    ax.minorticks_off()
    what = "epsilon per patient, delta 1e-5"
    ax.set_xlabel(f"{what} (none: no privacy)" if unlimited else what)
