"""Client drift in two dimensions: hospitals that are bowls, their steps, and where it ends."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.ui.colours import BLACK, VERMILLION, hospital_styles
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import Picture, TwinBox, figure
from fedlab_utils.ui.width import follow_width

if TYPE_CHECKING:
    from fedlab_utils.federated.quadratics import QuadraticTask, Walk

METHODS = {"FedAvg": "fedavg", "FedProx": "fedprox", "SCAFFOLD": "scaffold"}
ROUNDS, STEPS = 60, 20
RATES, PULLS = (0.02, 0.3, 0.02), (0.0, 4.0, 0.25)
"""Least, greatest, step. At their greatest no hospital's steps grow: eta (A + mu) stays below 2."""

_GREY = "#BBBBBB"
_VIEW = ((-4.5, 5.5), (-4.5, 4.5))


def three_bowls() -> QuadraticTask:
    """Three hospitals of equal weight: two long and narrow bowls across each other, one shallow."""
    import torch

    from fedlab_utils.federated.quadratics import Quadratic, QuadraticTask

    def bowl(steep: float, flat: float, degrees: float, bottom: tuple[float, float]) -> Quadratic:
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn = np.array([[c, -s], [s, c]])
        curvature = turn @ np.diag([steep, flat]) @ turn.T
        return Quadratic(torch.tensor(curvature), torch.tensor(bottom, dtype=torch.float64))

    of = [bowl(2.4, 0.2, 0, (4, 3.5)), bowl(2.0, 0.15, 75, (1, -3)), bowl(0.3, 0.3, 0, (-3, 3))]
    return QuadraticTask(of, (1, 1, 1))


class DriftExplorer(TwinBox):
    """Local paths, averages, the true optimum and the fixed point, as the sliders say.

    Parameters
    ----------
    task
        Hospitals with two-dimensional losses; default :func:`three_bowls`.

    Attributes
    ----------
    shown : dict
        ``method``, ``steps``, ``learning_rate``, ``mu``, ``round``; ``optimum`` and
        ``fixed_point`` (2,), the latter of FedProx with its pull, else of FedAvg; ``averages``
        (round + 1, 2) and ``paths`` (round, hospitals, steps + 1, 2); ``away`` and ``bias``, the
        distances of the last average and of the fixed point from the optimum.
    """

    def __init__(self, task: QuadraticTask | None = None) -> None:
        self.task = task or three_bowls()
        self._walk = lru_cache(maxsize=256)(self._walked)
        self._make_controls()
        self._update_shown()
        self.plot = plotly_figure(data=self._traces(), layout=_layout())
        self._text = widgets.HTML()
        self.redraw()
        row = {"flex_flow": "row wrap"}
        super().__init__(
            [
                widgets.HBox([self.method, self.mu], layout=row),
                widgets.HBox([self.steps, self.rate, self.round], layout=row),
                self.plot,
                self._text,
                follow_width(self.plot),
            ]
        )

    def _make_controls(self) -> None:
        wide = {"style": {"description_width": "100px"}, "layout": {"width": "340px"}}
        quiet = {**wide, "continuous_update": False}
        self.method = widgets.ToggleButtons(options=list(METHODS), description="Method")
        self.steps = widgets.IntSlider(10, 1, STEPS, description="Local steps", **quiet)
        low, high, step = RATES
        self.rate = widgets.FloatSlider(
            0.1, min=low, max=high, step=step, description="Learning rate", **quiet
        )
        low, high, step = PULLS
        self.mu = widgets.FloatSlider(
            1.0, min=low, max=high, step=step, description="FedProx mu", **quiet
        )
        self.round = widgets.IntSlider(ROUNDS, 0, ROUNDS, description="Rounds", **wide)
        for control in (self.method, self.steps, self.rate, self.mu, self.round):
            control.observe(self.redraw, "value")

    def _walked(self, method: str, steps: int, rate: float, mu: float) -> Walk:
        from fedlab_utils.federated.quick_walk import quick_walk
        from fedlab_utils.federated.settings import FederationSettings

        settings = FederationSettings(
            strategy=METHODS[method],
            rounds=ROUNDS,
            local_steps=steps,
            optimiser="sgd",
            learning_rate=rate,
            weight_decay=0.0,
            mu=mu,
        )
        return quick_walk(self.task, settings)

    def _update_shown(self) -> None:
        from fedlab_utils.federated.quadratics import fixed_point, optimum

        of, shares = self.task.quadratics, self.task.shares
        method, steps, rate = self.method.value, self.steps.value, self.rate.value
        mu, rounds = self.mu.value if method == "FedProx" else 0.0, self.round.value
        found = self._walk(method, steps, rate, mu)
        due, rest = (
            point.numpy()
            for point in (optimum(of, shares), fixed_point(of, shares, steps, rate, mu))
        )
        averages = found.averages[: rounds + 1]
        self.shown = {
            "method": method,
            "steps": steps,
            "learning_rate": rate,
            "mu": mu,
            "round": rounds,
            "optimum": due,
            "fixed_point": rest,
            "averages": averages,
            "paths": found.paths[:rounds],
            "away": float(np.linalg.norm(averages[-1] - due)),
            "bias": float(np.linalg.norm(rest - due)),
        }

    def redraw(self, _change: object = None) -> None:
        """Walk and draw again from the controls."""
        self._update_shown()
        self.mu.disabled = self.method.value != "FedProx"
        with self.plot.batch_update():
            for trace, line in zip(self.plot.data[1:], self._lines(), strict=True):
                trace.x, trace.y, trace.name = line["x"], line["y"], line["name"]
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _lines(self) -> list[dict]:
        """Everything but the contours, each with its look in both drawings."""
        shown, lines = self.shown, []
        styles = hospital_styles(self.task.hospitals)
        bottoms = [bowl.bottom.numpy() for bowl in self.task.quadratics]
        for number, (name, style) in enumerate(styles.items()):
            # A gap after each round keeps the end of one from being joined with the next start.
            gap = [[np.nan, np.nan]]
            rounds = [np.vstack([path[number], gap]) for path in shown["paths"]]
            steps = np.vstack(rounds) if rounds else np.empty((0, 2))
            look = {"colour": style.on_paper, "marker": style.marker, "symbol": style.symbol}
            lines.append(_line(f"{name}: local steps", steps, width=1.2, **look))
            lines.append(_line(f"{name}: its own optimum", bottoms[number][None], size=11, **look))
        marks = {"colour": BLACK, "marker": "o", "symbol": "circle"}
        lines.append(_line("averages", shown["averages"], width=2.2, size=6, **marks))
        of = "FedProx" if shown["method"] == "FedProx" else "FedAvg"
        cross = {"colour": VERMILLION, "marker": "X", "symbol": "x", "size": 13}
        lines.append(_line(f"fixed point of {of}", shown["fixed_point"][None], **cross))
        star = {"colour": BLACK, "marker": "*", "symbol": "star", "size": 16}
        lines.append(_line("true optimum", shown["optimum"][None], **star))
        return lines

    def _traces(self) -> list[dict]:
        across, along, height = self._height()
        contour = {"type": "contour", "x": across, "y": along, "z": height, "showscale": False}
        contour |= {"contours": {"coloring": "lines"}, "ncontours": 14, "hoverinfo": "skip"}
        contour |= {"colorscale": [[0, _GREY], [1, _GREY]], "name": "loss of all together"}
        drawn = [
            {
                "type": "scatter",
                "x": line["x"],
                "y": line["y"],
                "name": line["name"],
                "mode": _mode(line),
                "line": {"color": line["colour"], "width": line["width"]},
                "marker": {
                    "color": line["colour"],
                    "symbol": line["symbol"],
                    "size": line["size"] or 1,
                },
            }
            for line in self._lines()
        ]
        return [contour, *drawn]

    def _height(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The loss of all hospitals together on a grid."""
        across, along = (np.linspace(*edges, 61) for edges in _VIEW)
        grid = np.stack(np.meshgrid(across, along), axis=-1)
        total = 0.0
        for bowl, share in zip(self.task.quadratics, self.task.shares, strict=True):
            off = grid - bowl.bottom.numpy()
            total = total + share * np.einsum("...i,ij,...j", off, bowl.curvature.numpy(), off) / 2
        return across, along, total

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        pull = f", mu {shown['mu']:.2f}" if shown["method"] == "FedProx" else ""
        steps, rounds = shown["steps"], shown["round"]
        of = "FedProx" if shown["method"] == "FedProx" else "FedAvg"
        return (
            f"{shown['method']} on three hospitals with {steps} local step{'s' * (steps != 1)} at "
            f"learning rate {shown['learning_rate']:.2f}{pull}. After {rounds} "
            f"round{'s' * (rounds != 1)} the average is {shown['away']:.2f} from the true optimum. "
            f"The fixed point of {of} with these settings is "
            f"({shown['fixed_point'][0]:.2f}, {shown['fixed_point'][1]:.2f}), "
            f"{shown['bias']:.2f} from it."
        )

    def twin(self) -> Picture:
        """Draw the same as a still picture."""
        from matplotlib import pyplot as plt

        fig, ax = plt.subplots(figsize=(9, 5.4))
        ax.contour(*self._height(), levels=14, colors=_GREY, linewidths=0.7)
        for line in self._lines():
            lone = _mode(line) == "markers"
            ax.plot(
                line["x"],
                line["y"],
                "" if lone else "-",
                color=line["colour"],
                marker=line["marker"] if line["size"] else "",
                markersize=line["size"] * 0.8,
                linewidth=line["width"],
                label=line["name"],
            )
        ax.set(xlabel="weight 1", ylabel="weight 2", xlim=_VIEW[0], ylim=_VIEW[1])
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=9)
        return figure(fig, self.describe())


def _line(name: str, points: np.ndarray, width: float = 0.0, size: float = 0.0, **look) -> dict:
    return {"name": name, "x": points[:, 0], "y": points[:, 1], "width": width, "size": size} | look


def _mode(line: dict) -> str:
    if not line["size"]:
        return "lines"
    return "lines+markers" if line["width"] else "markers"


def _layout() -> dict:
    return {
        "height": 480,
        "autosize": True,
        "template": "simple_white",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 45},
        "xaxis": {"title": {"text": "weight 1"}, "range": _VIEW[0]},
        "yaxis": {"title": {"text": "weight 2"}, "range": _VIEW[1]},
    }
