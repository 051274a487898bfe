"""Still figures of drift between networks: angles, the loss between two models, and scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedlab_utils.ui.colours import hospital_styles
from fedlab_utils.ui.twin import Picture, figure


def cosine_matrices(matrices: Mapping[str, np.ndarray], hospitals: Sequence[str]) -> Picture:
    """Show the cosines between hospitals' updates, one matrix per way of dealing patients.

    Parameters
    ----------
    matrices
        Title -> from :func:`fedlab_utils.federated.drift.update_cosines`.
    hospitals
        Their names, in the order of rows and columns.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(
        1, len(matrices), figsize=(4.2 * len(matrices) + 0.8, 3.9), layout="constrained"
    )
    told, apart = [], ~np.eye(len(hospitals), dtype=bool)
    for ax, (title, matrix) in zip(np.atleast_1d(axes), matrices.items(), strict=True):
        drawn = ax.imshow(matrix, vmin=-1, vmax=1, cmap="PuOr")
        for (row, column), value in np.ndenumerate(matrix):
            dark = abs(value) > 0.6
            ax.text(
                column, row, f"{value:.2f}", ha="center", va="center", color="w" if dark else "k"
            )
        ax.set_xticks(range(len(hospitals)), hospitals)
        ax.set_yticks(range(len(hospitals)), hospitals)
        ax.set(xlabel="update of", ylabel="update of", title=title)
        values = matrix[apart]
        told.append(f"{title}: mean {values.mean():.2f}, least {values.min():.2f}")
    fig.colorbar(drawn, ax=axes, label="cosine", shrink=0.8)
    names = ", ".join(hospitals)
    return figure(fig, f"Cosines between the updates of {names}, two by two. {'; '.join(told)}.")


def loss_between(
    shares: Sequence[float],
    losses: Mapping[str, Mapping[str, np.ndarray]],
    ends: tuple[str, str],
) -> Picture:
    """Plot the loss along the straight line from one hospital's model to another's.

    Parameters
    ----------
    shares
        How far along: 0 the first model, 1 the second.
    losses
        Title -> from :func:`fedlab_utils.federated.drift.loss_along`.
    ends
        Whose models they are.
    """
    from matplotlib import pyplot as plt

    fig, axes = plt.subplots(
        1, len(losses), figsize=(9, 3.6), sharey=True, layout="constrained", squeeze=False
    )
    told = []
    for ax, (title, of) in zip(axes[0], losses.items(), strict=True):
        for name, style in hospital_styles(of).items():
            look = {"color": style.on_paper, "linestyle": style.line, "marker": style.marker}
            ax.plot(shares, of[name], label=f"at {name}", markersize=4, **look)
        both = np.mean(list(of.values()), axis=0)
        ax.plot(shares, both, color="black", lw=2, label="mean of both")
        least = int(both.argmin())
        ax.set(title=title, xlabel=f"0: model of {ends[0]}, 1: model of {ends[1]}")
        told.append(
            f"{title}: mean loss {both[0]:.2f} at the one end, {both[-1]:.2f} at the other, least "
            f"{both[least]:.2f} at {shares[least]:.2f}"
        )
    axes[0, 0].set_ylabel("loss on training patients")
    axes[0, -1].legend(fontsize=9)
    alt = f"Loss along the straight line from {ends[0]}'s model to {ends[1]}'s. {'; '.join(told)}."
    return figure(fig, alt)


def hospital_scores(
    scores: Mapping[str, Mapping[str, float]], title: str, score: str = "mean Dice"
) -> Picture:
    """Show one score per hospital for each of several ways of training.

    Parameters
    ----------
    scores
        Way of training -> hospital's name -> score from 0 to 1.
    title
        What was trained, and on how many seeds.
    score
        Name of the axis.
    """
    from matplotlib import pyplot as plt

    hospitals = list(next(iter(scores.values())))
    styles = hospital_styles(hospitals)
    fig, ax = plt.subplots(figsize=(9, 0.7 * len(scores) + 1.5), layout="constrained")
    apart = {h: 0.5 * (n + 0.5) / len(hospitals) - 0.25 for n, h in enumerate(hospitals)}
    told = []
    for row, (name, of) in enumerate(scores.items()):
        values = list(of.values())
        ax.hlines(row, min(values), max(values), color="#BBBBBB", zorder=1)
        for hospital, value in of.items():
            style = styles[hospital]
            ax.scatter(
                value,
                row + apart[hospital],  # equal scores must not cover each other
                s=60,
                color=style.on_paper,
                marker=style.marker,
                label=hospital if row == 0 else None,
                zorder=2,
            )
        worst = min(of, key=of.get)
        each = ", ".join(f"{hospital} {value:.2f}" for hospital, value in of.items())
        told.append(f"{name}: {each}; worst {worst}")
    ax.set_yticks(range(len(scores)), scores)
    ax.invert_yaxis()
    ax.set(xlabel=score, ylabel="trained by", xlim=(-0.02, 1))
    ax.set_title(title, fontsize=10)
    ax.grid(axis="x", alpha=0.3)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure(fig, f"{title}: {score} at each hospital. {'. '.join(told)}.")
