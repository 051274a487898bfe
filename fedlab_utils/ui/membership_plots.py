"""Who was trained on? Curves of members found against others accused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import CourseError
from fedlab_utils.ui.colours import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from fedlab_utils.ui.twin import Picture, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fedlab_utils.privacy.shadows import Attacked

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
    _finish(ax)
    if note:
        ax.set_title(note, fontsize=9)
    return figure(fig, f"Members found against others accused. {'; '.join(told)}. {note}".strip())


KIND_LOOKS = {"overfitted": VERMILLION, "healthy": BLUE, "control": GREEN}
ATTACK_LOOKS = {"loss threshold": "--", "shadow models": "-"}


def recorded_membership(
    attacked: Mapping[str, Sequence[Attacked]], note: str = "recorded"
) -> Picture:
    """Plot members found against others accused, over all recorded targets of each kind.

    Bars at one false alarm in a hundred are exact 95 % intervals.

    Parameters
    ----------
    attacked
        From :func:`fedlab_utils.privacy.shadows.attack_recorded`.
    note
        Where and when they were recorded; stands on the figure.

    Raises
    ------
    CourseError
        If no target is there.
    """
    from matplotlib import pyplot as plt

    from fedlab_utils.privacy.membership import area, found_at, roc
    from fedlab_utils.privacy.shadows import standings

    if not attacked:
        raise CourseError(
            "membership", "nothing is recorded", "Run python -m fedlab_utils study membership"
        )
    fig, ax = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    told = []
    curves = [(kind, attack) for kind in attacked for attack in ATTACK_LOOKS]
    for number, (kind, attack) in enumerate(curves):
        scores, look = standings(attacked[kind], attack), KIND_LOOKS[kind]
        line, words = ATTACK_LOOKS[attack], f"{kind}, {attack}"
        ax.step(*roc(*scores), line, where="post", color=look, label=words)
        at = found_at(*scores)
        bar = [[at.rate - at.low], [at.high - at.rate]]
        # Side by side, so that bars do not hide each other.
        ax.errorbar(0.01 * 1.06 ** (number - len(curves) / 2), at.rate, bar, color=look, capsize=3)
        told.append(
            f"{words}: area {area(*scores):.2f}, at 1 % false alarms {at.rate:.1%} of "
            f"{len(scores[0])} members found [{at.low:.1%}, {at.high:.1%}]"
        )
    _finish(ax)
    ax.set_title(note, fontsize=9, wrap=True)
    return figure(fig, f"Members found against others accused. {'; '.join(told)}. {note}.")


def _finish(ax: Axes) -> None:
    """Draw what guessing finds, and make both axes logarithmic."""
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
