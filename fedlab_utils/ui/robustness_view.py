"""Attacks against rules: hospitals' updates as points, who is trusted, and what the model is worth.

Every rule is told that two hospitals may be hostile, however many are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.ui.colours import BLACK, BLUE, VERMILLION
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import Picture, TwinBox, figure
from fedlab_utils.ui.width import follow_width

if TYPE_CHECKING:
    from fedlab_utils.federated import AttackPlan, RobustPlan
    from fedlab_utils.federated.attack_lab import AttackedRun

    Attacked = Callable[[AttackPlan, RobustPlan], AttackedRun]

ASSUMED = 2
ATTACKS = {
    "nobody is hostile": ("", 0.0),
    "sign flip, 4 times as long": ("sign-flip", 4.0),
    "noise, 40 times as long": ("noise", 40.0),
    "regions swapped, 4 times as long": ("label-flip", 4.0),
    "a little is enough (ALIE), z = 1": ("alie", 1.0),
    "inner product, 4 times as long": ("ipm", 4.0),
    "inner product, half as long": ("ipm", 0.5),
    "backdoor, 4 times as long": ("backdoor", 4.0),
    "free rider": ("free-rider", 0.0),
    "sends NaN": ("nan", 0.0),
}
RULES = {
    "plain mean": "",
    "median": "median",
    "trimmed mean": "trimmed-mean",
    "Krum": "krum",
    "Multi-Krum": "multi-krum",
    "clipping": "clip",
    "FLTrust": "fltrust",
}
PLACES = ("2", "2,6", "2,4,6")
"""Who is hostile, where one, two or three are, by partition."""

_GREY = "#777777"
ALONG = "along the mean of the honest updates"
ASIDE = "aside, where updates differ most"
UNIT = "1: median length of an honest update"


class RobustnessExplorer(TwinBox):
    """Attack, attackers and rule to choose; the last round's updates in a plane.

    A disc's area says how much of a hospital's update was taken; a ring: nothing.

    Parameters
    ----------
    attacked
        Runs a few rounds with an attack and a rule, such as
        :func:`fedlab_utils.federated.attack_lab.attacked_run` with a task and settings of eight
        hospitals. What it returned is kept.

    Attributes
    ----------
    shown : dict
        ``attack``, ``attackers``, ``rule`` as chosen; ``run``; ``points`` ``(n, 2)``, ``moved``
        ``(2,)`` and ``weights`` ``(n,)``, as a multiple of an equal share; ``honest``, boolean
        ``(n,)``; ``dice``, and ``clean``, that of the plain mean with nobody hostile, on the
        same patients.
    """

    def __init__(self, attacked: Attacked) -> None:
        self._run = lru_cache(maxsize=256)(lambda attack, robust: attacked(attack, robust))
        wide = {"style": {"description_width": "80px"}, "layout": {"width": "340px"}}
        self.attack = widgets.Dropdown(
            options=list(ATTACKS), value=list(ATTACKS)[1], description="Attack", **wide
        )
        self.rule = widgets.Dropdown(options=list(RULES), description="Rule", **wide)
        self.attackers = widgets.IntSlider(
            2, 1, len(PLACES), description="Hostile", continuous_update=False, **wide
        )
        for control in (self.attack, self.rule, self.attackers):
            control.observe(self.redraw, "value")
        self._update_shown()
        self.plot = plotly_figure(data=self._traces(), layout=_layout())
        self._text = widgets.HTML()
        self.redraw()
        row = {"flex_flow": "row wrap"}
        super().__init__(
            [
                widgets.HBox([self.attack, self.rule, self.attackers], layout=row),
                self.plot,
                self._text,
                follow_width(self.plot),
            ]
        )

    def _update_shown(self) -> None:
        from fedlab_utils.federated import AttackPlan
        from fedlab_utils.federated.attack_lab import MEAN, in_a_plane

        attack, strength = ATTACKS[self.attack.value]
        places = PLACES[self.attackers.value - 1] if attack else ""
        run = self._run(AttackPlan(attack, places, strength), _plan(RULES[self.rule.value]))
        honest = np.array([name not in run.hostile for name in run.names])
        points, moved = in_a_plane(run.rows, honest, run.moved)
        self.shown = {
            "attack": self.attack.value,
            "attackers": len(run.hostile),
            "rule": self.rule.value,
            "run": run,
            "points": points,
            "moved": moved,
            "weights": run.weights * len(run.names),
            "honest": honest,
            "dice": run.dice,
            "clean": self._run(AttackPlan(), MEAN).dice_without(run.hostile),
        }

    def redraw(self, _change: object = None) -> None:
        """Run and draw again from the controls; what was run before is not run again."""
        self._update_shown()
        self.attackers.disabled = not ATTACKS[self.attack.value][0]
        with self.plot.batch_update():
            for trace, line in zip(self.plot.data, self._lines(), strict=True):
                trace.x, trace.y, trace.text = line["x"], line["y"], line["text"]
                trace.marker.size = line["size"]
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _lines(self) -> list[dict]:
        """Groups of points, each with its look in both drawings."""
        shown, lines = self.shown, []
        names = np.array(shown["run"].names)
        trusted = shown["weights"] > 0
        for told, of, colour in (
            ("honest", shown["honest"], BLUE),
            ("hostile", ~shown["honest"], VERMILLION),
        ):
            for taken, word in ((trusted, "taken"), (~trusted, "not taken")):
                at = shown["points"][of & taken]
                sizes = 7 + 11 * np.sqrt(shown["weights"][of & taken])
                look = {"colour": colour, "full": word == "taken"}
                look |= {"marker": "o" if told == "honest" else "s"}
                lines.append(_line(f"{told}, {word}", at, sizes, names[of & taken], **look))
        nowhere, moved = np.zeros((1, 2)), shown["moved"][None]
        start = {"colour": _GREY, "full": True, "marker": "P"}
        lines.append(_line("the model as sent", nowhere, [9], [""], **start))
        star = {"colour": BLACK, "full": True, "marker": "*"}
        lines.append(_line("what the rule makes of it", moved, [15], [""], **star))
        return lines

    def _traces(self) -> list[dict]:
        symbols = {"o": "circle", "s": "square", "P": "cross", "*": "star"}
        return [
            {
                "type": "scatter",
                "mode": "markers+text",
                "textposition": "top center",
                "name": line["name"],
                "x": line["x"],
                "y": line["y"],
                "text": line["text"],
                "marker": {
                    "color": line["colour"],
                    "symbol": symbols[line["marker"]] + ("" if line["full"] else "-open"),
                    "size": line["size"],
                },
            }
            for line in self._lines()
        ]

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown, run = self.shown, self.shown["run"]
        count = shown["attackers"]
        who = f"{shown['attack']}, {count} hostile" if count else shown["attack"]
        told = "; ".join(f"{name} is left out: {why}" for name, why in run.left_out.items())
        hostile = shown["weights"][~shown["honest"]].sum() / len(run.names)
        part = f" Hostile hospitals have {hostile:.0%} of the weight." if hostile or count else ""
        return (
            f"Rule: {shown['rule']}. Attack: {who}.{part} Dice of honest hospitals' test patients "
            f"{shown['dice']:.3f}; plain mean with nobody hostile: {shown['clean']:.3f}. "
            f" {told}"
        ).strip()

    def twin(self) -> Picture:
        """Draw the same as a still picture."""
        from matplotlib import pyplot as plt

        fig, ax = plt.subplots(figsize=(9, 5), layout="constrained")
        for line in self._lines():
            face = line["colour"] if line["full"] else "none"
            area = np.square(line["size"])
            look = {"marker": line["marker"], "edgecolors": line["colour"], "facecolors": face}
            ax.scatter(line["x"], line["y"], area, label=line["name"], **look)
            for x, y, name in zip(line["x"], line["y"], line["text"], strict=True):
                ax.annotate(name, (x, y), (0, 9), textcoords="offset points", ha="center")
        ax.set(xlabel=f"{ALONG} ({UNIT})", ylabel=f"{ASIDE} (same unit)")
        handles, labels = ax.get_legend_handles_labels()
        legend = ax.legend(handles, labels, loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
        for handle in legend.legend_handles:
            handle.set_sizes([60])
        return figure(fig, self.describe())


def _plan(rule: str) -> RobustPlan:
    from fedlab_utils.federated import RobustPlan
    from fedlab_utils.federated.attack_lab import MEAN

    if not rule:
        return MEAN
    return RobustPlan(rule) if rule == "fltrust" else RobustPlan(rule, ASSUMED)


def _line(name: str, points: np.ndarray, size: object, text: object, **look: object) -> dict:
    places = {"x": points[:, 0], "y": points[:, 1]}
    return {"name": name, "size": np.asarray(size), "text": list(text)} | places | look


def _layout() -> dict:
    return {
        "height": 440,
        "autosize": True,
        "template": "simple_white",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 45},
        "xaxis": {"title": {"text": f"{ALONG} ({UNIT})"}},
        "yaxis": {"title": {"text": f"{ASIDE} (same unit)"}},
    }
