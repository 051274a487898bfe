"""A federation as it happens: each hospital's validation Dice, and what has been sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from fedlab_utils.ui.colours import hospital_styles
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import LiveBox, Picture, figure
from fedlab_utils.ui.width import follow_width

if TYPE_CHECKING:
    from fedlab_utils.federated.history import RoundReport

_ALL, _SENT = "all patients", "megabytes sent"
_ALL_COLOUR, _SENT_COLOUR = "#000000", "#767676"


class FederationCurve(LiveBox):
    """A plot that grows by a point per round while hospitals train together.

    Used as ``with FederationCurve(task.hospitals, rounds) as curve: federate(..., on_round=
    curve.add)``: it is shown at the beginning, its picture is stored in the notebook at the end.

    Parameters
    ----------
    hospitals
        Their names; each keeps its colour of the course.
    rounds
        How many there will be.

    Attributes
    ----------
    reports : list of RoundReport
        The rounds so far.
    """

    def __init__(self, hospitals: Sequence[str], rounds: int) -> None:
        self.reports: list[RoundReport] = []
        self.hospitals, self.rounds = list(hospitals), rounds
        self._styles = hospital_styles(self.hospitals)
        self.plot = plotly_figure(layout=_layout())
        for name in self.hospitals:
            style = self._styles[name]
            self.plot.add_scatter(
                x=[],
                y=[],
                name=name,
                mode="lines+markers",
                line={"color": style.on_paper, "dash": style.dash},
                marker={"symbol": style.symbol},
            )
        line = {"color": _ALL_COLOUR, "width": 4}
        self.plot.add_scatter(x=[], y=[], name=_ALL, mode="lines", line=line)
        line = {"color": _SENT_COLOUR, "dash": "dot"}
        self.plot.add_scatter(x=[], y=[], name=_SENT, mode="lines", line=line, yaxis="y2")
        self._bar = widgets.IntProgress(0, 0, max(rounds, 1), layout={"width": "40%"})
        self._text = widgets.HTML("Not begun yet.")
        progress = widgets.HBox([self._bar, self._text])
        super().__init__([progress, self.plot, follow_width(self.plot)])

    def add(self, report: RoundReport) -> None:
        """Add a round: what ``on_round`` of :func:`fedlab_utils.federated.federate` gives."""
        self.reports.append(report)
        self._bar.value = report.round
        self._text.value = f"<span role='status'>{self.describe()}</span>"
        with self.plot.batch_update():
            for trace, (x, y) in zip(self.plot.data, self.series().values(), strict=True):
                trace.x, trace.y = x, y

    def series(self) -> dict[str, tuple[list[int], list[float]]]:
        """Return rounds and values of each line: hospitals, all patients, megabytes in total."""
        judged = [report for report in self.reports if report.score is not None]
        found = {}
        for name in self.hospitals:
            rows = [(r.round, r.validation[name]["score"]) for r in judged if name in r.validation]
            found[name] = ([x for x, _ in rows], [y for _, y in rows])
        found[_ALL] = ([r.round for r in judged], [r.score for r in judged])
        total, sums = 0.0, []
        for report in self.reports:
            total += report.sent + report.received
            sums.append(total)
        found[_SENT] = ([report.round for report in self.reports], sums)
        return found

    def describe(self) -> str:
        """Say in words how the federation went so far; also the picture's alt text."""
        if not self.reports:
            return "A federation that has not begun yet."
        last, lines = self.reports[-1], self.series()
        text = f"Round {last.round} of {self.rounds}, {lines[_SENT][1][-1]:.1f} megabytes sent"
        if lines[_ALL][1]:
            each = ", ".join(f"{n} {lines[n][1][-1]:.2f}" for n in self.hospitals if lines[n][1])
            text += f"; validation Dice of all patients {lines[_ALL][1][-1]:.2f} ({each})"
        for name, why in last.left_out.items():
            text += f"; {name} left out: {why}"
        return text + "."

    def twin(self) -> Picture:
        """Draw the rounds as a still picture."""
        from matplotlib import pyplot as plt

        fig, left = plt.subplots(figsize=(9, 3.8))
        right, lines = left.twinx(), self.series()
        for name in self.hospitals:
            style = self._styles[name]
            look = {"color": style.on_paper, "marker": style.marker, "linestyle": style.line}
            left.plot(*lines[name], label=name, **look)
        left.plot(*lines[_ALL], color=_ALL_COLOUR, linewidth=3, label=_ALL)
        right.plot(*lines[_SENT], ":", color=_SENT_COLOUR, label=_SENT)
        left.set(xlabel="round", ylabel="Dice on validation patients", ylim=(0, 1))
        right.set_ylabel("MB sent for training so far, both ways")
        right.set_ylim(bottom=0)
        fig.legend(loc="outside upper center", ncols=4, fontsize=9)
        return figure(fig, self.describe())


def _layout() -> dict:
    return {
        "height": 380,
        "autosize": True,
        "template": "simple_white",
        "margin": {"l": 60, "r": 60, "t": 30, "b": 45},
        "xaxis": {"title": {"text": "round"}},
        "yaxis": {"title": {"text": "Dice on validation patients"}, "range": [0, 1]},
        "yaxis2": {
            "title": {"text": "MB sent for training so far, both ways"},
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
            "tickmode": "auto",  # else as many ticks as on the left, at odd numbers
        },
    }
