"""Dice against megabytes: the recorded frontier, and points of runs that the reader made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fedlab_utils.errors import CourseError
from fedlab_utils.federated.frontier import (
    EVERYTHING,
    dice_of,
    kept_of_dice,
    megabytes_of,
    plans_of,
    saving,
)
from fedlab_utils.ui.colours import METHOD_NAMES, METHOD_STYLES
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CUT, KEPT = 50, 0.99
"""The goal: so many times fewer megabytes, and at least that share of the Dice."""

RESAMPLES = 1000


def compression_frontier(
    rows: Sequence[dict],
    note: str = "recorded",
    live: Mapping[str, tuple[float, float]] | None = None,
) -> Picture:
    """Plot test Dice against megabytes, and what is kept against what is saved.

    Parameters
    ----------
    rows
        Of the study ``compression_frontier``.
    note
        Where and when they were recorded; stands on the figure.
    live
        Name -> factor by which a run just made cut its traffic, and share of Dice that it kept: of
        other patients and rounds than the recorded ones, so only the right picture has them.

    Raises
    ------
    CourseError
        If nothing is recorded.
    """
    from matplotlib import pyplot as plt

    methods = [m for m in METHOD_STYLES if plans_of(rows, m)]
    if not methods:
        raise CourseError(
            "compression_frontier",
            "nothing is recorded",
            "Run python -m fedlab_utils study compression_frontier",
        )
    fig, axes = plt.subplots(1, 2, figsize=(14, 5.4), layout="constrained")
    told = [_draw_method(axes, rows, method) for method in methods]
    for name, (factor, share) in (live or {}).items():
        axes[1].plot(factor, share, "*", color="black", markersize=14, zorder=3)
        aside, side = (-8, "right") if factor**2 > CUT else (8, "left")  # into the picture
        axes[1].annotate(
            f"live: {name}", (factor, share), (aside, 8), ha=side, textcoords="offset points"
        )
        told.append(f"Live, {name}: {factor:.0f} times fewer, {share:.1%} of the Dice")
    _name_axes(axes)
    axes[0].legend(loc="lower right", fontsize=9)
    fig.suptitle(note, fontsize=9)
    return figure(fig, f"{'. '.join(told)}. {note}.")


def _draw_method(axes: Sequence[Axes], rows: Sequence[dict], method: str) -> str:
    """Draw a method's ways to save; say what they keep."""
    name = METHOD_NAMES[method]
    plans = sorted(plans_of(rows, method), key=lambda plan: -megabytes_of(rows, method, plan))
    sizes = [megabytes_of(rows, method, plan) for plan in plans]
    _points(axes[0], sizes, [dice_of(rows, method, p, resamples=RESAMPLES) for p in plans], method)
    if EVERYTHING not in plans:
        return f"{name}: nothing to compare with is recorded yet"
    saved = [plan for plan in plans if plan != EVERYTHING]
    kept = [kept_of_dice(rows, method, plan, resamples=RESAMPLES) for plan in saved]
    factors = [saving(rows, method, plan) for plan in saved]
    if saved:
        _points(axes[1], factors, kept, method)
    if method == "fedavg":
        for n, (factor, share) in enumerate(zip(factors, kept, strict=True), 1):
            at, rise = (share.high, 4) if n % 2 else (share.low, -10)
            axes[1].annotate(
                str(n), (factor, at), (0, rise), textcoords="offset points", fontsize=8, ha="center"
            )
        key = "\n".join(f"{n} {plan}" for n, plan in enumerate(saved, 1))
        axes[1].text(1.03, 1, f"{name}:\n{key}", fontsize=8, va="top", transform=axes[1].transAxes)
    parts = [
        f"{plan} {factor:.0f} times fewer megabytes, {share:.1%} of the Dice"
        for plan, factor, share in zip(saved, factors, kept, strict=True)
    ]
    whole = megabytes_of(rows, method, EVERYTHING)
    return f"{name}, {whole:.0f} megabytes without saving: {'; '.join(parts)}"


def _points(ax: Axes, at: Sequence[float], found: Sequence, method: str) -> None:
    style = METHOD_STYLES[method]
    mean, reach = bars(found)
    ax.errorbar(
        at,
        mean,
        reach,
        color=style.on_paper,
        marker=style.marker,
        linestyle="",
        capsize=3,
        label=METHOD_NAMES[method],
    )


def _name_axes(axes: Sequence[Axes]) -> None:
    from matplotlib.ticker import PercentFormatter, ScalarFormatter

    for ax in axes:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(ScalarFormatter())
        ax.margins(0.08, 0.25)
    axes[0].set(xlabel="megabytes, both ways, all rounds", ylabel="test Dice, mean over patients")
    axes[1].set(xlabel="times fewer megabytes", ylabel="share of the Dice without saving, paired")
    axes[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    axes[1].axhline(KEPT, color="black", linewidth=0.8, linestyle=":")
    axes[1].axvline(CUT, color="black", linewidth=0.8, linestyle=":")
