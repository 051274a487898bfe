"""Networks judged at hospitals: trained where against tested where, one table per region."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.errors import CourseError
from fedlab_utils.ui.twin import Picture, figure

_DARK = 0.55  # below this the colour is dark, and the number on it white


def transfer_matrix(
    dice: np.ndarray, trained: Sequence[str], tested: Sequence[str], patients: Sequence[int]
) -> Picture:
    """Plot what each network reaches at each hospital.

    Parameters
    ----------
    dice
        ``(networks, hospitals, 3)``: mean Dice of ET, TC and WT over a hospital's test patients.
    trained
        Where each network was trained: a hospital's name, or another one such as "all".
    tested
        The hospitals' names. A network that was trained at one of them has a frame there.
    patients
        Test patients of each hospital.

    Raises
    ------
    CourseError
        If the shapes do not fit together.
    """
    from matplotlib import pyplot as plt
    from matplotlib.patches import Rectangle

    dice = np.asarray(dice, float)
    if dice.shape != (len(trained), len(tested), len(REGIONS)) or len(patients) != len(tested):
        raise CourseError(
            "transfer_matrix",
            f"dice is {dice.shape} for {len(trained)} networks and {len(tested)} hospitals",
            "Pass (networks, hospitals, 3), and one number of patients per hospital",
        )
    fig, axes = plt.subplots(
        1, len(REGIONS), figsize=(9.5, 1.6 + 0.55 * len(trained)), layout="constrained", sharey=True
    )
    for ax, region, values in zip(axes, REGIONS, np.moveaxis(dice, -1, 0), strict=True):
        shown = ax.imshow(values, vmin=0, vmax=1, cmap="cividis", aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            ink = "white" if value < _DARK else "black"
            ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink)
            if trained[row] == tested[column]:
                corner = (column - 0.47, row - 0.44)
                ax.add_patch(Rectangle(corner, 0.94, 0.88, fill=False, ec=ink, lw=2))
        ax.set_xticks(
            range(len(tested)), [f"{n}\n({p})" for n, p in zip(tested, patients, strict=True)]
        )
        ax.set_yticks(range(len(trained)), list(trained))
        ax.set(title=region, xlabel="tested at (patients)")
    axes[0].set_ylabel("trained at")
    fig.colorbar(shown, ax=axes, label="mean Dice on test patients")
    return figure(fig, _told(dice, trained, tested))


def _told(dice: np.ndarray, trained: Sequence[str], tested: Sequence[str]) -> str:
    home = np.array([[t == s for s in tested] for t in trained])
    abroad = ~home & np.array([[t in tested] for t in trained])
    parts = []
    for region, values in zip(REGIONS, np.moveaxis(dice, -1, 0), strict=True):
        told = f"{region}: at home {values[home].mean():.2f}" if home.any() else region
        told += f", elsewhere {values[abroad].mean():.2f}" if abroad.any() else ""
        others = [row for row, name in enumerate(trained) if name not in tested]
        told += "".join(f", {trained[row]} {values[row].mean():.2f}" for row in others)
        parts.append(told)
    return (
        f"Mean Dice of {len(trained)} networks at {len(tested)} hospitals, hospitals counted "
        f"alike. {'; '.join(parts)}."
    )
