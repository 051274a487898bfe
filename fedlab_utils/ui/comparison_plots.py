"""The recorded comparison of methods where hospitals differ, with intervals and the worst hospital.

Trials are those of :mod:`fedlab_utils.federated.comparison`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import CourseError
from fedlab_utils.federated.comparison import difference, estimate, figure_of
from fedlab_utils.federated.recorded_trials import Trial, chosen, matching, reported
from fedlab_utils.ui.colours import METHOD_NAMES, METHOD_STYLES, hospital_styles
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.study_plots import recorded_line
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MEASURES = {"mean": "mean over patients", "worst": "worst hospital"}
BASELINE = "fedavg"
BASELINE_OF = {"scaffold": "fedavg_sgd"}
"""What a method is compared with, where it is not :data:`BASELINE`: the same optimiser counts."""

RESAMPLES = 1000


def method_comparison(trials: Sequence[Trial], note: str = "recorded") -> Picture:
    """Plot mean and worst hospital of each method, and the difference to FedAvg, by condition.

    Each method's hyperparameters are those that validate best in that condition. FedAvg has the
    method's own optimiser: plain SGD for SCAFFOLD.

    Parameters
    ----------
    trials
        At least one.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    CourseError
        If there is no trial.
    """
    from matplotlib import pyplot as plt

    refuse_none(shown := reported(trials))
    methods = methods_of(shown)
    fig, axes = plt.subplots(1, 3, figsize=(11, 5), layout="constrained")
    told, every = [], conditions_of(shown)
    for number, method in enumerate(methods):
        best = {
            name: found
            for name in conditions_of(matching(shown, method=method))
            if (found := chosen(trials, method, name))
        }
        conditions = list(best)
        for ax, measure in zip(axes, MEASURES, strict=False):
            found = [estimate(best[s], measure, resamples=RESAMPLES) for s in conditions]
            at = [every.index(s) for s in conditions]
            _interval_line(ax, at, found, method, number, len(methods))
            told.append(
                f"{METHOD_NAMES.get(method, method)}, {MEASURES[measure]}: "
                + ", ".join(f"{e:.2f} ({s})" for s, e in zip(conditions, found, strict=True))
            )
        against = {
            s: _against(trials, method, best[s], s) for s in conditions if method != BASELINE
        }
        against = {name: found for name, found in against.items() if found is not None}
        if against:
            at = [every.index(s) for s in against]
            _interval_line(axes[2], at, list(against.values()), method, number, len(methods))
            told.append(
                f"{METHOD_NAMES.get(method, method)} less FedAvg, same optimiser, worst hospital: "
                + ", ".join(f"{e:.2f} ({s})" for s, e in against.items())
            )
    _name_axes(axes, every)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=5)
    fig.suptitle(note, fontsize=9)
    return figure(fig, f"Means with 95 % intervals. {'; '.join(told)}. {note}.")


def gap_to_pooled(trials: Sequence[Trial], note: str = "recorded") -> Picture:
    """Plot FedAvg minus pooled training: each seed a point, and their mean with its interval.

    Parameters
    ----------
    trials
        Of the methods ``fedavg`` and ``pooled``, at least one seed that both have.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    CourseError
        If there is no such seed.
    """
    from matplotlib import pyplot as plt

    pairs = _paired(reported(trials))
    refuse_none(list(pairs), "federation_gap")
    fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    told, style = [], METHOD_STYLES[BASELINE]
    for at, (condition, (ours, theirs)) in enumerate(pairs.items()):
        points = [[figure_of(t, "mean") for t in of] for of in (ours, theirs)]
        each, of = np.subtract(*points), np.mean(points[1])
        aside = at - 0.25 + 0.1 * np.linspace(-1, 1, len(each))
        ax.plot(aside, each, "o", mfc="none", color="0.4", label=None if at else "a seed")
        gap = difference(ours, theirs, resamples=RESAMPLES)
        ax.errorbar(
            at,
            gap.mean,
            [[max(gap.mean - gap.low, 0)], [max(gap.high - gap.mean, 0)]],
            color=style.on_paper,
            marker=style.marker,
            capsize=4,
            label=None if at else "mean of the seeds, 95 %",
        )
        shares = [f"{100 * value / of:z.1f}" for value in (gap.mean, gap.low, gap.high)]
        part = f"which is {shares[0]} % [{shares[1]}, {shares[2]}] of the pooled {of:.3f}"
        told.append(f"{condition}, {len(each)} seeds: {gap}, {part}")
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xticks(range(len(pairs)), pairs)
    ax.set(xlim=(-0.6, len(pairs) - 0.4), xlabel="how hospitals differ")
    ax.set_ylabel("FedAvg minus pooled training,\ntest Dice, paired")
    fig.legend(loc="outside lower center", ncols=2)
    fig.suptitle(note, fontsize=9)
    return figure(fig, f"FedAvg minus pooled training, paired. {'; '.join(told)}. {note}.")


def _paired(trials: Sequence[Trial]) -> dict[str, list[list[Trial]]]:
    """Return condition -> trials of FedAvg and of pooled patients, of the seeds that both have."""
    pairs = {}
    for condition in conditions_of(trials):
        both = [matching(trials, method=m, condition=condition) for m in (BASELINE, "pooled")]
        seeds = set.intersection(*({t["seed"] for t in of} for of in both))
        if seeds:
            pairs[condition] = [[t for t in of if t["seed"] in seeds] for of in both]
    return pairs


def _name_axes(axes: Sequence[Axes], conditions: Sequence[str]) -> None:
    titles = (*MEASURES.values(), "worst hospital, less FedAvg\nwith the same optimiser")
    for ax, title in zip(axes, titles, strict=True):
        ax.set(xlabel="how hospitals differ", title=title, xlim=(-0.5, len(conditions) - 0.5))
        slant = {"rotation": 35, "ha": "right"} if len(conditions) > 3 else {}
        ax.set_xticks(range(len(conditions)), conditions, **slant)
        for between in np.arange(1, len(conditions)) - 0.5:
            ax.axvline(between, color="0.85", lw=0.8, zorder=0)
    axes[0].set_ylabel("test Dice")
    axes[1].set_ylabel("test Dice")
    axes[2].set_ylabel("difference of test Dice, paired")
    axes[2].axhline(0, color="black", lw=0.8)


def provenance_line(rows: Sequence[dict]) -> str:
    """Say in a line when, where and at which commit a study's rows were recorded.

    Parameters
    ----------
    rows
        From :func:`fedlab_utils.studies.runner.read_rows`, at least one.
    """
    return recorded_line(rows, f"{len(rows)} trainings")


def refuse_none(trials: Sequence[Trial], study: str = "heterogeneity") -> None:
    """Raise where nothing is recorded, and say how it is."""
    if not trials:
        raise CourseError(study, "nothing is recorded", f"Run python -m fedlab_utils study {study}")


def methods_of(trials: Sequence[Trial]) -> list[str]:
    """Methods in the palette's order, unknown ones behind."""
    known, seen = list(METHOD_STYLES), {t["method"] for t in trials}
    return sorted(seen, key=lambda m: (known.index(m) if m in known else len(known), m))


def conditions_of(trials: Sequence[Trial]) -> list[str]:
    """Return the conditions, in the order in which they were recorded."""
    return list(dict.fromkeys(trial["condition"] for trial in trials))


def _against(trials: Sequence[Trial], method: str, ours: Sequence[Trial], condition: str):
    """Difference to FedAvg's worst hospital; None where FedAvg lacks the condition or the seeds."""
    baseline = BASELINE_OF.get(method, BASELINE)
    theirs = matching(trials, method=baseline, condition=condition)
    if not {t["seed"] for t in theirs} & {t["seed"] for t in ours}:
        return None
    theirs = chosen(trials, baseline, condition)
    if not {t["seed"] for t in theirs} & {t["seed"] for t in ours}:
        return None
    return difference(ours, theirs, "worst", resamples=RESAMPLES)


def _interval_line(ax, at, found, method: str, number: int, of: int) -> None:
    style = METHOD_STYLES.get(method) or hospital_styles([method])[method]
    mean, reach = bars(found)
    aside = 0.7 / of * (number - (of - 1) / 2)  # so that intervals do not cover each other
    ax.errorbar(
        np.array(at) + aside,
        mean,
        reach,
        color=style.on_paper,
        marker=style.marker,
        linestyle="",
        capsize=3,
        label=METHOD_NAMES.get(method, method),
    )
