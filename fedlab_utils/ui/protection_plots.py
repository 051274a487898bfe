"""One run under four protections: what each costs and leaves, as a table and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import CourseError
from fedlab_utils.federated.comparison import estimate
from fedlab_utils.segmentation.statistics import Estimate
from fedlab_utils.ui.colours import BLACK, BLUE, GREEN, ORANGE
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    import pandas as pd

PROTECTIONS = ("plain", "dp", "masks", "dp and masks")
NAMES = {
    "plain": "plain",
    "dp": "privacy (DP)",
    "masks": "masks (SecAgg)",
    "dp and masks": "DP and masks",
}
_LOOKS = {
    "plain": (BLACK, "o"),
    "dp": (BLUE, "s"),
    "masks": (ORANGE, "^"),
    "dp and masks": (GREEN, "D"),
}
FIGURES = {
    "dice": "Dice, mean",
    "worst": "Dice, worst hospital",
    "advantage": "lead of members found\nover others accused",
    "psnr": "inversion less best guess\n(dB; to count, also more similar)",
    "megabytes": "to and from the server\n(megabytes per round)",
    "seconds": "seconds per round",
}
RESAMPLES = 1000


def protection_table(rows: Sequence[dict]) -> pd.DataFrame:
    """Return one line per protection and budget, means over seeds with 95 % intervals for Dice.

    Parameters
    ----------
    rows
        Of the study ``protections``: ``settings`` with ``measured``, ``protection``, ``epsilon``
        and ``seed``; ``result``, of a training or of an attack.

    Returns
    -------
    pandas.DataFrame
        Columns: protection, epsilon (per patient, delta 1e-5, in the view of everybody outside the
        hospital; infinite without), Dice, worst hospital, membership advantage, inversion (dB,
        the best guess, and on how many patients it counts), megabytes and seconds per round.

    Raises
    ------
    CourseError
        If nothing is recorded.
    """
    import pandas as pd

    lines = []
    for key, found in _figures(rows).items():
        protection, epsilon = key
        attack = found["attack"]
        lines.append(
            {
                "protection": NAMES[protection],
                "epsilon": epsilon or float("inf"),
                "Dice": f"{found['dice']:.3f}",
                "worst hospital": f"{found['worst']:.3f}",
                "membership advantage": f"{found['advantage'].mean:.3f}",
                "inversion (best guess), dB; counts": attack or "not tried",
                "MB per round": f"{found['megabytes'].mean:.2f}",
                "s per round": f"{found['seconds'].mean:.2f}",
            }
        )
    return pd.DataFrame(lines)


def protection_costs(rows: Sequence[dict], note: str = "recorded") -> Picture:
    """Plot Dice, worst hospital, membership, inversion, bytes and seconds, by protection.

    Parameters
    ----------
    rows
        As for :func:`protection_table`.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    CourseError
        If nothing is recorded.
    """
    from matplotlib import pyplot as plt

    found = _figures(rows)
    labels = [NAMES[p] + (f", epsilon {e}" if e else "") for p, e in found]
    fig, axes = plt.subplots(2, 3, figsize=(12, 6.4), sharey=True, layout="constrained")
    told = []
    for ax, (name, words) in zip(axes.flat, FIGURES.items(), strict=True):
        for line, ((protection, _), row) in enumerate(found.items()):
            value = row.get(name)
            if value is None:
                continue
            colour, marker = _LOOKS[protection]
            mean, reach = bars([value])
            ax.errorbar(mean, line, xerr=reach, color=colour, marker=marker, capsize=3)
            told.append(f"{words.replace(chr(10), ' ')}, {labels[line]}: {value.mean:.3g}")
        ax.set(xlabel=words, ylabel="protection" if ax in axes[:, 0] else "")
        ax.set_yticks(range(len(labels)), labels)
        ax.grid(axis="x", alpha=0.3)
    axes[0, 0].invert_yaxis()
    axes[1, 0].axvline(0, color=BLACK, linewidth=0.8)
    fig.suptitle(f"{note}; bars: 95 % intervals of Dice, else the range of seeds", fontsize=9)
    spread = "bars: 95 % intervals of Dice, smallest and largest seed elsewhere"
    return figure(fig, f"Means; {spread}. {'; '.join(told)}. {note}.")


def _figures(rows: Sequence[dict]) -> dict[tuple[str, int], dict]:
    """Return the figures of each protection and budget, the weakest budget first."""
    if not rows:
        raise CourseError(
            "protections", "nothing is recorded", "Run python -m fedlab_utils study protections"
        )
    cells: dict[tuple, dict[str, list]] = {}
    for row in rows:
        settings = row["settings"]
        key = (settings["protection"], settings["epsilon"])
        cells.setdefault(key, {}).setdefault(settings["measured"], []).append(row)
    ordered = sorted(
        (key for key in cells if "training" in cells[key]),
        key=lambda key: (PROTECTIONS.index(key[0]), -key[1]),
    )
    return {key: _one(cells[key]["training"], cells[key].get("attack", [])) for key in ordered}


def _one(trainings: Sequence[dict], attacks: Sequence[dict]) -> dict:
    results = [row["result"] for row in trainings]
    trials = [
        {"seed": row["settings"]["seed"], "scores": row["result"]["scores"]} for row in trainings
    ]
    found = {
        "dice": estimate(trials, "mean", resamples=RESAMPLES),
        "worst": estimate(trials, "worst", resamples=RESAMPLES),
        "advantage": _over_seeds([r["advantage"] for r in results]),
        "megabytes": _over_seeds([r["sent"] + r["received"] for r in results]),
        "seconds": _over_seeds([r["seconds"] / r["rounds"] for r in results]),
        "attack": "",
    }
    if attacks:
        pairs = [np.mean([row["result"][n] for n in ("psnr", "guess")], axis=1) for row in attacks]
        counts = [count for row in attacks for count in row["result"]["counts"]]
        found["psnr"] = _over_seeds([psnr - guess for psnr, guess in pairs])
        found["attack"] = "{:.1f} ({:.1f}), {} of {}".format(
            *np.mean(pairs, axis=0), sum(counts), len(counts)
        )
    return found


def _over_seeds(values: Sequence[float]) -> Estimate:
    """Return the mean over seeds, and the smallest and the largest: seeds are few."""
    return Estimate(float(np.mean(values)), min(values), max(values), len(values))
