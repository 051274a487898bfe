"""Figures of recorded studies. Each says on its face that it is recorded, when and where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import CourseError
from fedlab_utils.ui.colours import REGION_STYLES
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

_DICE = "mean Dice on test phantoms, 2 mm grid"
_MEASURE = "Dice on the network's grid of 2 mm, small pieces left in, no mirror image"


def more_patients(rows: Sequence[dict]) -> Picture:
    """Plot Dice against the number of training patients, all four sequences.

    Parameters
    ----------
    rows
        Of the study ``pooled_training``, see :func:`fedlab_utils.studies.runner.read_rows`.

    Raises
    ------
    CourseError
        If no row is there.
    """
    from matplotlib import pyplot as plt

    groups = _grouped(rows, lambda s: s["sequences"] == list(SEQUENCES), lambda s: s["patients"])
    fig, ax = plt.subplots(figsize=(8, 4.2))
    told = []
    for number, region in enumerate(REGIONS):
        style, estimates = REGION_STYLES[region], [_estimate(g, number) for g in groups.values()]
        mean, reach = bars(estimates)
        ax.errorbar(
            list(groups),
            mean,
            reach,
            marker=style.marker,
            color=style.on_paper,
            capsize=4,
            label=region,
        )
        told.append(f"{region} {mean[0]:.2f} to {mean[-1]:.2f}")
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(groups), [str(n) for n in groups])
    ax.set(xlabel="training phantoms", ylabel=_DICE, ylim=(0, 1))
    ax.legend()
    note = provenance_note([row for group in groups.values() for row in group])
    ax.set_title(note, fontsize=9, wrap=True)
    alt = (
        f"Dice against {min(groups)} to {max(groups)} training patients: {', '.join(told)}. {note}."
    )
    return figure(fig, alt)


def which_sequence(rows: Sequence[dict]) -> Picture:
    """Plot Dice per region for each sequence alone, each pair, and all four.

    Parameters
    ----------
    rows
        As for :func:`more_patients`.

    Raises
    ------
    CourseError
        If no row is there.
    """
    from matplotlib import pyplot as plt

    most = max((row["settings"]["patients"] for row in rows), default=0)
    groups = _grouped(
        rows,
        lambda s: s["patients"] == most,
        lambda s: (len(s["sequences"]), *map(SEQUENCES.index, s["sequences"])),
    )
    names = [
        "all four" if key[0] == len(SEQUENCES) else " + ".join(SEQUENCES[i] for i in key[1:])
        for key in groups
    ]
    fig, ax = plt.subplots(figsize=(9, 0.42 * len(names) + 1.6))
    best = []
    for number, region in enumerate(REGIONS):
        style, estimates = REGION_STYLES[region], [_estimate(g, number) for g in groups.values()]
        mean, reach = bars(estimates)
        at = np.arange(len(names)) + 0.22 * (number - 1)
        ax.errorbar(
            mean,
            at,
            xerr=reach,
            fmt=style.marker,
            color=style.on_paper,
            capsize=3,
            label=region,
        )
        alone = [(m, n) for m, n, key in zip(mean, names, groups, strict=True) if key[0] == 1]
        if alone:
            best.append(f"{region}: best alone is {max(alone)[1]} ({max(alone)[0]:.2f})")
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set(xlabel=_DICE, ylabel="input sequences", xlim=(0, 1))
    ax.grid(axis="x", alpha=0.3)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    note = provenance_note([row for group in groups.values() for row in group])
    ax.set_title(f"{most} training phantoms; {note}", fontsize=9, wrap=True)
    return figure(fig, f"Dice per region for each choice of sequences. {'; '.join(best)}. {note}.")


def provenance_note(rows: Sequence[dict]) -> str:
    """Say in a line that a figure is recorded, on how many seeds, when, where, at which commit."""
    points: dict[tuple, int] = {}
    for row in rows:
        told = row["settings"]
        key = (told["patients"], *told["sequences"])
        points[key] = points.get(key, 0) + 1
    few, many = min(points.values()), max(points.values())
    seeds = f"{few}" if few == many else f"{few} to {many}"
    line = recorded_line(rows, f"{seeds} seed{'s' * (many > 1)} a point")
    return f"{line}; 95 % intervals over {'seeds and ' * (many > 1)}patients; {_MEASURE}"


def recorded_line(rows: Sequence[dict], extent: str) -> str:
    """Say when, where and at which commits rows were recorded, interrupted pieces included.

    Parameters
    ----------
    rows
        From :func:`fedlab_utils.studies.runner.read_rows`, at least one.
    extent
        How much they are, in words.
    """
    whole = [row["provenance"] for row in rows]
    told = [piece for about in whole for piece in about.get("pieces", [about])]
    devices, commits = (", ".join(sorted({str(p[k]) for p in told})) for k in ("device", "commit"))
    last = max(piece["date"] for piece in told)[:10]
    return f"recorded until {last}, {extent}, {devices}, commit {commits}"


def _grouped(rows: Sequence[dict], wanted, key) -> dict:
    """Group rows by a key of their settings, sorted."""
    groups: dict = {}
    for row in rows:
        if wanted(row["settings"]):
            groups.setdefault(key(row["settings"]), []).append(row)
    if not groups:
        raise CourseError(
            "pooled_training",
            "nothing is recorded",
            "Run python -m fedlab_utils study pooled_training",
        )
    return dict(sorted(groups.items()))


def _estimate(rows: Sequence[dict], region: int):
    """Mean over seeds and test patients of one region, with its interval."""
    from fedlab_utils.segmentation.statistics import bootstrap_mean

    cases = sorted(rows[0]["result"]["dice"])
    values = [[row["result"]["dice"][case][region] for case in cases] for row in rows]
    return bootstrap_mean(values, resamples=1000)
