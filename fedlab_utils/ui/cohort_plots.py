"""The cohort at a glance: choose what to plot against what, and by whom to colour it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np

from fedlab_utils.data.naming import natural_key
from fedlab_utils.errors import DataError
from fedlab_utils.ui.colours import hospital_styles
from fedlab_utils.ui.plotly_figure import plotly_figure
from fedlab_utils.ui.twin import Picture, TwinBox, figure
from fedlab_utils.ui.width import follow_width

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "age": "age (years)",
    "volume_wt_ml": "whole tumour volume (ml)",
    "volume_tc_ml": "tumour core volume (ml)",
    "volume_et_ml": "enhancing tumour volume (ml)",
    "survival_days": "survival (days)",
}
"""Column of the cohort table -> name and unit on an axis."""

GROUPINGS = ("grade", "institution", "resection", "sex")
COUNT = "number of cases"
_ALL, _UNKNOWN = "all cases", "not recorded"


class CohortExplorer(TwinBox):
    """Scatter plot or histogram of the cohort table, grouped by colour, with case ids on hover.

    Parameters
    ----------
    table
        One row per case, indexed by case id, with any of the columns in :data:`MEASURES` and
        :data:`GROUPINGS`; ``Cohort.with_volumes()`` gives it. Columns without a single value are
        not offered.

    Attributes
    ----------
    shown : dict
        ``x``, ``y`` (column names; `y` is :data:`COUNT` for a histogram), ``group``, ``points``
        (group -> list of (case id, x, y or None)), ``missing`` (cases left out for want of a
        value).

    Raises
    ------
    DataError
        If the table has no measure at all.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        measures = [m for m in MEASURES if m in table and table[m].notna().any()]
        if not measures:
            raise DataError(
                "cohort table",
                f"none of the columns {', '.join(MEASURES)} holds a value",
                "Use cohort.with_volumes(), which measures the tumours",
            )
        groups = [g for g in GROUPINGS if g in table and table[g].notna().any()]
        named = [(MEASURES[m], m) for m in measures]
        y = "volume_wt_ml" if "volume_wt_ml" in measures else measures[-1]
        self.x = widgets.Dropdown(options=named, value=measures[0], description="Along x")
        self.y = widgets.Dropdown(options=[*named, (COUNT, COUNT)], value=y, description="Along y")
        self.group = widgets.Dropdown(options=[*groups, "none"], description="Colour by")
        self.plot = plotly_figure(layout=_plotly_layout())
        self._text = widgets.HTML()
        for control in (self.x, self.y, self.group):
            control.observe(self.redraw, "value")
        self.redraw()
        controls = widgets.HBox([self.x, self.y, self.group], layout={"flex_flow": "row wrap"})
        super().__init__([controls, self.plot, self._text, follow_width(self.plot)])

    def redraw(self, _change: object = None) -> None:
        """Draw again from the controls."""
        self._update_shown()
        with self.plot.batch_update():
            self.plot.data = []
            self.plot.add_traces(self._traces())
            self.plot.layout.xaxis.title.text = MEASURES[self.x.value]
            self.plot.layout.yaxis.title.text = MEASURES.get(self.y.value, COUNT)
            self.plot.layout.legend.title.text = self.group.value if self._grouped else ""
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    @property
    def _grouped(self) -> bool:
        return self.group.value != "none"

    def _update_shown(self) -> None:
        columns = [self.x.value] + ([self.y.value] if self.y.value != COUNT else [])
        table = self._table.dropna(subset=list(dict.fromkeys(columns)))
        label = _ALL
        points: dict[str, list[tuple[str, float, float | None]]] = {}
        for case, row in table.iterrows():
            if self._grouped:
                value = row[self.group.value]
                label = _UNKNOWN if value != value or value is None else str(value)
            y = None if self.y.value == COUNT else float(row[self.y.value])
            points.setdefault(label, []).append((str(case), float(row[self.x.value]), y))
        self.shown = {
            "x": self.x.value,
            "y": self.y.value,
            "group": self.group.value,
            "points": {g: points[g] for g in sorted(points, key=natural_key)},
            "missing": len(self._table) - len(table),
        }

    def _styles(self) -> dict:
        names = [_ALL]
        if self._grouped:
            column = self._table[self.group.value]
            names = [str(v) for v in column.dropna().unique()] + [_UNKNOWN] * column.hasnans
        return hospital_styles(names)

    def _traces(self) -> list:
        import plotly.graph_objects as go

        styles, edges = self._styles(), self._bin_edges()
        traces = []
        for name, points in self.shown["points"].items():
            style = styles[name]
            marker = {"color": style.colour, "line": {"color": "black", "width": 0.7}}
            values = [p[1] for p in points]
            if self.y.value == COUNT:
                bins = {"start": edges[0], "end": edges[-1], "size": edges[1] - edges[0]}
                marker |= {"pattern": {"shape": style.pattern, "fgcolor": "black", "size": 6}}
                traces.append(go.Histogram(x=values, xbins=bins, name=name, marker=marker))
            else:
                marker |= {"symbol": style.symbol, "size": 9}
                hover = "%{text}<br>%{x:.4g}, %{y:.4g}<extra>" + name + "</extra>"
                traces.append(
                    go.Scatter(
                        x=values,
                        y=[p[2] for p in points],
                        text=[p[0] for p in points],
                        mode="markers",
                        name=name,
                        marker=marker,
                        hovertemplate=hover,
                    )
                )
        return traces

    def _bin_edges(self) -> np.ndarray:
        values = [p[1] for points in self.shown["points"].values() for p in points]
        if not values:
            return np.array([0.0, 1.0])
        low, high = min(values), max(values)
        span = high - low or 1.0
        # A plotly bin ends before its upper edge: the last one reaches just beyond the largest.
        return np.linspace(low, low + span * (1 + 1e-6), 13)

    def describe(self) -> str:
        """Say in words what the plot shows; also its alt text."""
        shown = self.shown
        sizes = ", ".join(f"{name} {len(points)}" for name, points in shown["points"].items())
        total = sum(len(points) for points in shown["points"].values())
        y = MEASURES.get(shown["y"], COUNT)
        text = f"{y[0].upper()}{y[1:]} against {MEASURES[shown['x']]} of {total} cases"
        if self._grouped:
            text += f", by {shown['group']} ({sizes})"
        values = [p[1] for points in shown["points"].values() for p in points]
        if values:
            text += f". Median {MEASURES[shown['x']]} is {np.median(values):.4g}"
        missing = shown["missing"]
        return text + (f"; {missing} cases without a value are left out." if missing else ".")

    def twin(self) -> Picture:
        """The same plot drawn by matplotlib."""
        from matplotlib import pyplot as plt

        fig, ax = plt.subplots(figsize=(8, 4.2))
        styles, edges, groups = self._styles(), self._bin_edges(), self.shown["points"]
        if self.y.value == COUNT:
            ax.hist(
                [[p[1] for p in points] for points in groups.values()],
                bins=edges,
                stacked=True,
                color=[styles[name].colour for name in groups],
                hatch=[styles[name].hatch for name in groups],
                label=list(groups),
                edgecolor="black",
            )
        else:
            for name, points in groups.items():
                x, y = [p[1] for p in points], [p[2] for p in points]
                style = styles[name]
                ax.scatter(
                    x,
                    y,
                    c=style.colour,
                    marker=style.marker,
                    label=name,
                    edgecolors="black",
                    lw=0.5,
                )
        ax.set(xlabel=MEASURES[self.x.value], ylabel=MEASURES.get(self.y.value, COUNT))
        if self._grouped:
            ax.legend(title=self.group.value, loc="upper left", bbox_to_anchor=(1, 1))
        return figure(fig, self.describe())


def _plotly_layout() -> dict:
    """White paper under any theme, room for axis names, bars on top of each other."""
    return {
        "template": "plotly_white",
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"color": "black", "size": 14},
        "height": 420,
        "margin": {"l": 70, "r": 20, "t": 20, "b": 60},
        "barmode": "stack",
        "showlegend": True,
    }
