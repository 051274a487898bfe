"""What an epsilon asks for: the noise of a step, and the budget that all steps spend."""

from __future__ import annotations

from functools import lru_cache

import ipywidgets as widgets
import numpy as np

from fedlab_utils.ui.colours import BLACK, BLUE, VERMILLION
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import Picture, TwinBox, figure
from fedlab_utils.ui.width import follow_width

EPSILONS = (0.5, 1, 2, 4, 8, 16)
DELTA, POINTS = 1e-5, 25
PER_STEP = "one step: noisy sum along the patient's gradient (in clipping bounds)"


@lru_cache(maxsize=512)
def _noise(epsilon: float, rate: float, steps: int) -> float:
    from fedlab_utils.privacy import noise_for

    return noise_for(epsilon, DELTA, rate, steps, "rdp")


class EpsilonExplorer(TwinBox):
    """Budget, sampling rate, steps and patients on sliders; noise and spending beside each other.

    By the quick accountant (Renyi divergences), which says some percent more than the tight one
    that ledgers use.

    Attributes
    ----------
    shown : dict
        ``epsilon``, ``rate``, ``steps``, ``patients``; ``noise``, the multiplier; ``share``, the
        deviation of the noise on the mean gradient as a part of the clipping bound; ``spent``,
        epsilon after each number of steps in ``counts``.
    """

    def __init__(self) -> None:
        wide = {"style": {"description_width": "130px"}, "layout": {"width": "370px"}}
        self.epsilon = widgets.SelectionSlider(
            options=EPSILONS, value=8, description="Epsilon", **wide
        )
        self.rate = widgets.SelectionSlider(
            options=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0), value=0.1, description="Rate", **wide
        )
        self.steps = widgets.SelectionSlider(
            options=(1, 10, 30, 100, 300, 1000), value=100, description="Steps", **wide
        )
        self.patients = widgets.SelectionSlider(
            options=(10, 30, 100, 300, 1000, 3000), value=100, description="Patients", **wide
        )
        controls = (self.epsilon, self.rate, self.steps, self.patients)
        for control in controls:
            control.observe(self.redraw, "value")
        self._update_shown()
        self.plot = plotly_figure(data=self._traces(), layout=_layout())
        self._text = widgets.HTML()
        self.redraw()
        row = {"flex_flow": "row wrap"}
        super().__init__(
            [
                widgets.HBox(controls[:2], layout=row),
                widgets.HBox(controls[2:], layout=row),
                self.plot,
                self._text,
                follow_width(self.plot),
            ]
        )

    def _update_shown(self) -> None:
        from fedlab_utils.privacy import epsilon_of

        epsilon, rate = float(self.epsilon.value), float(self.rate.value)
        steps, patients = int(self.steps.value), int(self.patients.value)
        noise = _noise(epsilon, rate, steps)
        counts = sorted({int(n) for n in np.linspace(1, steps, POINTS).round()})
        spent = [epsilon_of([(noise, rate, n)], DELTA, "rdp") for n in counts]
        self.shown = {
            "epsilon": epsilon,
            "rate": rate,
            "steps": steps,
            "patients": patients,
            "noise": noise,
            "share": noise / (rate * patients),
            "counts": counts,
            "spent": spent,
        }

    def redraw(self, _change: object = None) -> None:
        """Compute and draw again from the controls."""
        self._update_shown()
        with self.plot.batch_update():
            for trace, line in zip(self.plot.data, self._traces(), strict=True):
                trace.x, trace.y = line["x"], line["y"]
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _lines(self) -> list[dict]:
        noise = self.shown["noise"]
        along = np.linspace(-3 * noise, 1 + 3 * noise, 121)

        def bell(middle: float) -> np.ndarray:
            return np.exp(-(((along - middle) / noise) ** 2) / 2) / (noise * np.sqrt(2 * np.pi))

        spending = {"x": self.shown["counts"], "y": self.shown["spent"], "right": True}
        return [
            {"name": "without the patient", "x": along, "y": bell(0), "colour": BLUE, "dash": ""},
            {
                "name": "with the patient",
                "x": along,
                "y": bell(1),
                "colour": VERMILLION,
                "dash": "dash",
            },
            {"name": "epsilon spent", "colour": BLACK, "dash": "", **spending},
        ]

    def _traces(self) -> list[dict]:
        axes = {True: {"xaxis": "x2", "yaxis": "y2"}, False: {}}
        return [
            {
                "type": "scatter",
                "mode": "lines",
                "name": line["name"],
                "x": np.asarray(line["x"]),
                "y": np.asarray(line["y"]),
                "line": {"color": line["colour"], "dash": line["dash"] or "solid"},
                **axes[line.get("right", False)],
            }
            for line in self._lines()
        ]

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        expected = shown["rate"] * shown["patients"]
        halfway = np.interp(shown["steps"] / 2, shown["counts"], shown["spent"])
        return (
            f"Epsilon {shown['epsilon']:g} per patient (delta {DELTA:g}, one patient added or "
            f"removed) over {shown['steps']} steps at rate {shown['rate']:g} takes noise of "
            f"{shown['noise']:.2f} clipping bounds in each step's sum; half of the steps have "
            f"spent {halfway:.2f}. With {shown['patients']} patients {expected:g} are expected in "
            f"a step, and the noise on their mean gradient is {shown['share']:.3g} bounds in each "
            "weight."
        )

    def twin(self) -> Picture:
        """Draw the same as a still picture."""
        from matplotlib import pyplot as plt

        fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
        for line in self._lines():
            ax = axes[int(line.get("right", False))]
            style = "--" if line["dash"] else "-"
            ax.plot(line["x"], line["y"], style, color=line["colour"], label=line["name"])
        axes[0].set(xlabel=PER_STEP.replace(": ", ":\n"), ylabel="density (per bound)")
        axes[0].legend(fontsize=9)
        axes[1].set(xlabel="steps taken", ylabel=f"epsilon spent (delta {DELTA:g})")
        axes[1].set_ylim(0, None)
        return figure(fig, self.describe())


def _layout() -> dict:
    return {
        "height": 380,
        "autosize": True,
        "template": "simple_white",
        "margin": {"l": 60, "r": 20, "t": 20, "b": 60},
        "xaxis": {"title": {"text": PER_STEP, "font": {"size": 11}}, "domain": [0, 0.46]},
        "yaxis": {"title": {"text": "density (per bound)"}, "rangemode": "tozero"},
        "xaxis2": {"title": {"text": "steps taken"}, "domain": [0.58, 1], "anchor": "y2"},
        "yaxis2": {
            "title": {"text": f"epsilon spent (delta {DELTA:g})"},
            "anchor": "x2",
            "rangemode": "tozero",
        },
    }
