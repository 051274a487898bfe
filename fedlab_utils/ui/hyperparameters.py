"""What each hyperparameter gave in the recorded comparison, and what validation chose."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np

from fedlab_utils.federated.comparison import estimate
from fedlab_utils.federated.recorded_trials import (
    SETTINGS,
    Trial,
    best_setting,
    matching,
    settings_of,
    tried,
    validated,
)
from fedlab_utils.ui.colours import METHOD_NAMES, METHOD_STYLES
from fedlab_utils.ui.comparison_plots import (
    BASELINE,
    MEASURES,
    RESAMPLES,
    conditions_of,
    methods_of,
    refuse_none,
)
from fedlab_utils.ui.intervals import bars
from fedlab_utils.ui.twin import Picture, TwinBox, figure


class HyperparameterExplorer(TwinBox):
    """What each learning rate and mu gave, on validation and on test patients.

    Settings are compared on the same patients: on the seed that they were tried on, where there is
    such a seed. The chosen one's other seeds are the comparison's, not shown here.

    Parameters
    ----------
    trials
        At least one.
    note
        Where and when they were recorded; stands on the figure.

    Attributes
    ----------
    shown : dict
        ``method``, ``condition``, ``measure``; ``rows``, one per setting, with ``learning_rate``,
        ``mu``, ``server_rate``, ``validation`` (mean over seeds), ``test`` (an
        :class:`fedlab_utils.segmentation.statistics.Estimate`) and ``seeds``; ``chosen``, the
        index of the row that validates best.

    Raises
    ------
    CourseError
        If there is no trial.
    """

    def __init__(self, trials: Sequence[Trial], note: str = "recorded") -> None:
        refuse_none(trials)
        self._trials, self._note = tried(trials), note
        methods = [(METHOD_NAMES.get(m, m), m) for m in methods_of(self._trials)]
        self.method = widgets.Dropdown(options=methods, description="Trained by")
        self.condition = widgets.Dropdown(options=self._conditions(), description="Differ by")
        self.measure = widgets.ToggleButtons(
            options=[(told, name) for name, told in MEASURES.items()], description="Show"
        )
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        self._changing = False
        self.method.observe(self._offer_conditions, "value")
        for control in (self.condition, self.measure):
            control.observe(self.redraw, "value")
        self.redraw()
        row = {"flex_flow": "row wrap"}
        controls = widgets.HBox([self.method, self.condition, self.measure], layout=row)
        super().__init__([controls, self._picture, self._text])

    def _conditions(self) -> list[str]:
        return conditions_of(matching(self._trials, method=self.method.value))

    def _offer_conditions(self, _change: object = None) -> None:
        """Offer the conditions that the method was tried in; stay at this one where possible."""
        offered, before = self._conditions(), self.condition.value
        self._changing = True
        self.condition.options = offered
        self.condition.value = before if before in offered else offered[0]
        self._changing = False
        self.redraw()

    def redraw(self, _change: object = None) -> None:
        """Draw again from the controls."""
        if self._changing:
            return
        self._update_shown()
        self._picture.value = self._draw().png
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _update_shown(self) -> None:
        method, condition, measure = self.method.value, self.condition.value, self.measure.value
        rows = []
        for setting, score in validated(self._trials, method, condition).items():
            named = dict(zip(SETTINGS, setting, strict=True))
            of = matching(self._trials, method=method, condition=condition, **named)
            test = estimate(of, measure, resamples=RESAMPLES)
            seeds = len({t["seed"] for t in of})
            rows.append(named | {"validation": score, "test": test, "seeds": seeds})
        best = best_setting(self._trials, method, condition)
        names = [settings_of(row) for row in rows]
        self.shown = {
            "method": method,
            "condition": condition,
            "measure": measure,
            "rows": rows,
            "chosen": names.index(best),
        }

    def _draw(self) -> Picture:
        from matplotlib import pyplot as plt

        rows, kept = self.shown["rows"], self.shown["chosen"]
        at = np.arange(len(rows))
        fig, ax = plt.subplots(figsize=(9, 4), layout="constrained")
        mean, spread = bars([row["test"] for row in rows])
        style = METHOD_STYLES.get(self.shown["method"], METHOD_STYLES[BASELINE])
        test = f"test, {MEASURES[self.shown['measure']]}"
        look = {"color": style.on_paper, "marker": style.marker, "linestyle": ""}
        ax.errorbar(at, mean, spread, capsize=4, label=test, **look)
        ax.scatter(
            at + 0.12,
            [row["validation"] for row in rows],
            marker="_",
            s=200,
            color="black",
            label="validation, mean over patients",
        )
        ax.axvspan(kept - 0.4, kept + 0.4, color="#EEEEEE", zorder=0, label="chosen on validation")
        ax.set_xticks(at, [_named(row) for row in rows])
        ax.set(
            xlabel="learning rate, and mu or the server's rate where there is one",
            ylabel="Dice",
            ylim=self._limits(),
        )
        ax.set_xlim(-0.6, len(rows) - 0.4)
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
        ax.set_title(self._note, fontsize=9)
        return figure(fig, self.describe())

    def _limits(self) -> tuple[float, float]:
        """Tenths of Dice around all hospitals' scores: one axis, unless an interval needs more."""
        scores = [np.mean(v) for trial in self._trials for v in trial["scores"].values()]
        tests = [row["test"] for row in self.shown["rows"]]
        low = min(*scores, *(trial["validation"] for trial in self._trials))
        high = max(*scores, *(trial["validation"] for trial in self._trials))
        low, high = min(low, *(t.low for t in tests)), max(high, *(t.high for t in tests))
        return max(0.0, np.floor(10 * low) / 10), min(1.0, np.ceil(10 * high) / 10)

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        told = "; ".join(
            f"{_named(row, ', ')}: validation {row['validation']:.3f}, test {row['test']:.3f}, "
            f"{row['seeds']} seed{'s' * (row['seeds'] != 1)}"
            for row in shown["rows"]
        )
        name = METHOD_NAMES.get(shown["method"], shown["method"])
        kept = _named(shown["rows"][shown["chosen"]], ", ")
        return (
            f"{name}, {shown['condition']}, {MEASURES[shown['measure']]}, with 95 % "
            f"intervals; validation is a mean over patients. {told}. "
            f"Chosen on validation: {kept}. {self._note}."
        )

    def twin(self) -> Picture:
        """Picture of the settings as they stand."""
        return self._draw()


def _named(row: dict, joint: str = "\n") -> str:
    mu = f"{joint}mu {row['mu']:g}" if row["mu"] else ""
    eta = f"{joint}server {row['server_rate']:g}" if row["server_rate"] else ""
    return f"{row['learning_rate']:g}{mu}{eta}"
