"""How long a whole training takes over a hospital's line, by what travels and how often."""

from __future__ import annotations

import math
from collections.abc import Mapping

import ipywidgets as widgets
import numpy as np

from fedlab_utils.errors import CourseError
from fedlab_utils.ui.colours import BLUE, ORANGE, SKY
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import Picture, TwinBox, figure
from fedlab_utils.ui.width import follow_width

SPEEDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
LOCAL_STEPS = (1, 2, 5, 10, 20, 50, 100)
PARTS = {"down": (SKY, "//"), "training": (ORANGE, ""), "up": (BLUE, "xx")}
"""What time goes into, in the order of a round -> colour and hatch."""

AXIS = "minutes for the whole training"


class LinkExplorer(TwinBox):
    """Speeds up and down and local steps on sliders; minutes of each way to send as bars.

    All hospitals are taken to have the same line and to work at the same time.

    Parameters
    ----------
    ways
        Name of a way to send -> megabytes to a hospital and from it in a round.
    steps
        That each hospital takes in the whole training, however they are dealt over rounds.
    step_seconds
        Of one step.
    latency
        Of the line, in milliseconds.

    Attributes
    ----------
    shown : dict
        ``up``, ``down`` (megabits per second), ``local_steps``, ``rounds``; ``minutes``, way ->
        part of :data:`PARTS` -> minutes of the whole training.

    Raises
    ------
    CourseError
        If there is no way to send.
    """

    def __init__(
        self,
        ways: Mapping[str, tuple[float, float]],
        steps: int = 2000,
        step_seconds: float = 0.1,
        latency: float = 30.0,
    ) -> None:
        if not ways:
            raise CourseError("LinkExplorer", "there is nothing to send", "Pass one way or more")
        self._ways, self._steps = dict(ways), steps
        self._step_seconds, self._latency = step_seconds, latency
        wide = {"style": {"description_width": "150px"}, "layout": {"width": "390px"}}
        self.up = widgets.SelectionSlider(
            options=SPEEDS, value=10, description="Up (Mbit/s)", **wide
        )
        self.down = widgets.SelectionSlider(
            options=SPEEDS, value=50, description="Down (Mbit/s)", **wide
        )
        self.local_steps = widgets.SelectionSlider(
            options=LOCAL_STEPS, value=10, description="Local steps per round", **wide
        )
        controls = (self.up, self.down, self.local_steps)
        for control in controls:
            control.observe(self.redraw, "value")
        self._update_shown()
        self.plot = plotly_figure(data=self._traces(), layout=_layout(len(self._ways)))
        self._text = widgets.HTML()
        self.redraw()
        row = widgets.HBox(controls, layout={"flex_flow": "row wrap"})
        super().__init__([row, self.plot, self._text, follow_width(self.plot)])

    def _update_shown(self) -> None:
        from fedlab_utils.federated import Link

        link = Link(float(self.up.value), float(self.down.value), self._latency)
        local = int(self.local_steps.value)
        rounds = math.ceil(self._steps / local)
        half = self._latency / 1e3  # of the way there, and of the way back
        minutes = {
            name: {
                "down": rounds * (link.seconds(sent, 0) - half) / 60,
                "training": self._steps * self._step_seconds / 60,
                "up": rounds * (link.seconds(0, received) - half) / 60,
            }
            for name, (sent, received) in self._ways.items()
        }
        self.shown = {
            "up": link.up,
            "down": link.down,
            "local_steps": local,
            "rounds": rounds,
            "minutes": minutes,
        }

    def redraw(self, _change: object = None) -> None:
        """Compute and draw again from the controls."""
        self._update_shown()
        with self.plot.batch_update():
            for trace, part in zip(self.plot.data, PARTS, strict=True):
                trace.x = self._values(part)
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _values(self, part: str) -> np.ndarray:
        return np.array([row[part] for row in self.shown["minutes"].values()])

    def _traces(self) -> list[dict]:
        return [
            {
                "type": "bar",
                "orientation": "h",
                "name": part,
                "y": list(self._ways),
                "x": self._values(part),
                "marker": {
                    "color": colour,
                    "pattern": {"shape": {"//": "/", "xx": "x"}.get(hatch, "")},
                },
            }
            for part, (colour, hatch) in PARTS.items()
        ]

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        told = "; ".join(
            f"{name} {_minutes(sum(row.values()))} (down {_minutes(row['down'])}, up "
            f"{_minutes(row['up'])})"
            for name, row in shown["minutes"].items()
        )
        training = next(iter(shown["minutes"].values()))["training"]
        return (
            f"{self._steps} steps, {shown['local_steps']} in a round, hence {shown['rounds']} "
            f"rounds, over {shown['up']:g} megabits per second up and {shown['down']:g} down. "
            f"Training takes {_minutes(training)}; with it, the whole takes: {told}."
        )

    def twin(self) -> Picture:
        """Draw the same as a still picture."""
        from matplotlib import pyplot as plt

        names = list(self._ways)
        fig, ax = plt.subplots(figsize=(9, 1.6 + 0.5 * len(names)), layout="constrained")
        start = np.zeros(len(names))
        for part, (colour, hatch) in PARTS.items():
            values = self._values(part)
            ax.barh(names, values, left=start, color=colour, hatch=hatch, label=part, ec="black")
            start = start + values
        ax.invert_yaxis()
        ax.set(xlabel=AXIS, ylabel="what travels")
        ax.legend(fontsize=9, loc="lower right")
        return figure(fig, self.describe())


def _minutes(value: float) -> str:
    """Write minutes in three digits."""
    return f"{value:.3g} min" if value < 1000 else f"{value:.0f} min"


def _layout(ways: int) -> dict:
    return {
        "height": 170 + 50 * ways,
        "autosize": True,
        "barmode": "stack",
        "template": "simple_white",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 60},
        "xaxis": {"title": {"text": AXIS}, "rangemode": "tozero"},
        "yaxis": {
            "title": {"text": "what travels"},
            "autorange": "reversed",
            "automargin": True,
        },
    }
