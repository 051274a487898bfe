"""Who was trained on? Curves of members found against others accused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedlab_utils.ui.colours import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from fedlab_utils.ui.twin import Picture, figure

LOOKS = ((VERMILLION, "-"), (BLUE, "--"), (GREEN, "-."), (ORANGE, ":"))
LEAST = 1e-3
"""Of both axes, which are logarithmic: what matters is who is found while few are accused."""


def membership_curves(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]], note: str = ""
) -> Picture:
    """Plot the receiver operating characteristic of some attacks, on logarithmic axes.

    Parameters
    ----------
    scores
        Attack -> scores of members ``(M,)`` and of others ``(N,)``, larger for "member"; four at
        most.
    note
        Where they come from; stands on the figure.
    """
    from matplotlib import pyplot as plt

    from fedlab_utils.privacy.membership import advantage, area, roc

    fig, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    told = []
    for (name, (members, others)), (colour, line) in zip(scores.items(), LOOKS, strict=False):
        false_alarms, found = roc(members, others)
        ax.step(false_alarms, found, line, where="post", color=colour, label=name)
        lead, _ = advantage(members, others)
        told.append(
            f"{name}: area {area(members, others):.2f}, largest lead {lead:.2f}, "
            f"{len(members)} members and {len(others)} others"
        )
    line = np.geomspace(LEAST, 1, 50)
    ax.plot(line, line, color=BLACK, linewidth=0.8, label="guessing")
    ax.set(
        xscale="log",
        yscale="log",
        xlim=(LEAST, 1.05),
        ylim=(LEAST, 1.05),
        xlabel="others accused (share)",
        ylabel="members found (share)",
    )
    ax.legend(loc="lower right", fontsize=9)
    if note:
        ax.set_title(note, fontsize=9)
    return figure(fig, f"Members found against others accused. {'; '.join(told)}. {note}".strip())
