"""Bars, dots and figures of a partition: patients and volumes of each hospital, live and still."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.ui.colours import REGION_STYLES, Style
from fedlab_utils.ui.plotly_figure import plotly_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from plotly.graph_objects import FigureWidget

PARTS = {"train": ("to train on", "", ""), "validation": ("to validate", "/", "//")}
PARTS |= {"test": ("to test", ".", "..")}
"""Part of a hospital's patients -> its name, and its pattern in plotly and in matplotlib."""

CAPTION = (
    "Distance of each hospital from all together. In brackets the limit of chance: 19 of 20 random "
    "deals to hospitals of these sizes stay below it."
)
"""Of the table of figures."""

PARTS_TITLE, REGION_TITLE = "a hospital's patients", "tumour region"
"""What the legends are about: a pattern, or a colour and a shape."""

PATIENTS, VOLUME = "patients", "volume (ml)"


def strips(groups: Sequence[np.ndarray], region: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where each patient's volume is drawn: a strip per hospital, hospitals at 0, 1, ...

    Parameters
    ----------
    groups
        Per hospital ``(patients,)``, ml; NaN is left out.
    region
        Place in ``REGIONS``; strips of the three stand side by side.
    """
    x, y = [], []
    for place, group in enumerate(groups):
        known = np.sort(group[np.isfinite(group)])
        spread = np.linspace(-0.09, 0.09, known.size) if known.size > 1 else np.zeros(known.size)
        x.append(place + 0.25 * (region - 1) + spread)
        y.append(known)
    return np.concatenate(x), np.concatenate(y)


def live_figure() -> FigureWidget:
    """Return an empty figure with a trace per part of the patients, then one per region."""
    figure = plotly_figure(layout=_layout())
    for name, pattern, _ in PARTS.values():
        look = {"pattern": {"shape": pattern, "fgcolor": "white", "size": 6}}
        look["line"] = {"color": "black", "width": 0.7}
        figure.add_bar(x=[], y=[], name=name, marker=look, hovertemplate="%{y} " + name)
    for region in REGIONS:
        style = REGION_STYLES[region]
        figure.add_scatter(
            x=[],
            y=[],
            name=region,
            mode="markers",
            xaxis="x2",
            yaxis="y2",
            legend="legend2",
            cliponaxis=False,
            marker={"color": style.on_paper, "symbol": style.symbol, "size": 6},
            hovertemplate="%{y:.1f} ml<extra>" + region + "</extra>",
        )
    return figure


def update_figure(
    figure: FigureWidget,
    report: pd.DataFrame,
    volumes: dict[str, list[np.ndarray]],
    styles: dict[str, Style],
) -> None:
    """Show another partition.

    Parameters
    ----------
    figure
        Of :func:`live_figure`.
    report
        Of :func:`fedlab_utils.data.describe`.
    volumes
        Of :func:`fedlab_utils.data.hospital_report.hospital_volumes`.
    styles
        Hospital's name -> style.
    """
    names = list(report.index)
    colours = [styles[name].colour for name in names]
    for trace in figure.data[: len(PARTS)]:  # in the batch the dots would lose their colour
        trace.marker.color = colours
    with figure.batch_update():
        for trace, part in zip(figure.data, PARTS, strict=False):
            trace.x, trace.y = list(range(len(names))), report[part].tolist()
        for number, trace in enumerate(figure.data[len(PARTS) :]):
            trace.x, trace.y = strips(volumes[trace.name], number)
        ticks = {"tickvals": list(range(len(names))), "ticktext": names}
        for axis in (figure.layout.xaxis, figure.layout.xaxis2):
            axis.update(range=[-0.6, len(names) - 0.4], **ticks)


def draw_bars(ax: Axes, report: pd.DataFrame, styles: dict[str, Style]) -> None:
    """Draw the patients of each hospital, one part on the other."""
    base = np.zeros(len(report))
    places, colours = np.arange(len(report)), [styles[name].colour for name in report.index]
    for part, (name, _, hatch) in PARTS.items():
        ax.bar(places, report[part], bottom=base, color=colours, hatch=hatch, edgecolor="white")
        ax.bar(places, 0, bottom=base, color="grey", hatch=hatch, edgecolor="white", label=name)
        base += report[part].to_numpy()
    ax.bar(places, base, color="none", edgecolor="black", lw=0.7)
    ax.set_xticks(places, list(report.index))
    ax.set(xlabel="hospital", ylabel=PATIENTS)
    _legend(ax, PARTS_TITLE)


def draw_volumes(ax: Axes, report: pd.DataFrame, volumes: dict[str, list[np.ndarray]]) -> None:
    """Draw the tumour volumes of each hospital's patients, a strip per region."""
    for number, region in enumerate(REGIONS):
        style = REGION_STYLES[region]
        ax.scatter(
            *strips(volumes[region], number),
            s=14,
            c=style.on_paper,
            marker=style.marker,
            label=region,
        )
    ax.set_xticks(range(len(report)), list(report.index))
    ax.set(xlabel="hospital", ylabel=VOLUME, xlim=(-0.6, len(report) - 0.4))
    _legend(ax, REGION_TITLE)


def _legend(ax: Axes, title: str) -> None:
    """Say beside the plot what its marks stand for."""
    ax.legend(fontsize=9, title=title, title_fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))


def figures_table(report: pd.DataFrame) -> str:
    """Return the figures of heterogeneity as a table in HTML."""
    looks = report[[f"intensity_{s.lower()}" for s in SEQUENCES]]
    told = {"scanner": report["scanner"].notna().any(), "missing": report["missing"].notna().any()}
    heads = [
        "hospital",
        "patients",
        *(f"{r} volumes: distance (limit of chance)" for r in REGIONS),
    ]
    heads += ["look of scans: distance"] * bool(looks.notna().any(axis=None))
    heads += [name for name, there in told.items() if there]
    lines = []
    for name, row in report.iterrows():
        cells = [str(row.patients)]
        for region in (r.lower() for r in REGIONS):
            cells.append(f"{row[f'jsd_{region}']:.2f} ({row[f'jsd_{region}_by_chance']:.2f})")
        if looks.notna().any(axis=None):
            cells.append(f"{looks.loc[name].mean():.3f}")
        cells += [html.escape(str(row[column] or "-")) for column, there in told.items() if there]
        lines.append("".join(f"<td>{cell}</td>" for cell in cells))
    head = "".join(f"<th scope='col'>{text}</th>" for text in heads)
    body = "".join(
        f"<tr><th scope='row'>{html.escape(name)}</th>{line}</tr>"
        for name, line in zip(report.index, lines, strict=True)
    )
    caption = f"<caption>{CAPTION}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _layout() -> dict:
    """Two plots one above the other, hospitals at the same places in both."""
    return {
        "template": "plotly_white",
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"color": "black", "size": 13},
        "height": 520,
        "margin": {"l": 65, "r": 20, "t": 62, "b": 50},  # mode bar, then a legend
        "barmode": "stack",
        "xaxis": {"anchor": "y", "zeroline": False},
        "yaxis": {"domain": [0.62, 1.0], "title": {"text": PATIENTS}},
        "xaxis2": {"anchor": "y2", "title": {"text": "hospital"}, "zeroline": False},
        "yaxis2": {"domain": [0.0, 0.46], "title": {"text": VOLUME}, "rangemode": "tozero"},
        "legend": _live_legend(PARTS_TITLE, 1.0),
        "legend2": _live_legend(REGION_TITLE, 0.46),
    }


def _live_legend(title: str, above: float) -> dict:
    """A line above the plot that ends there."""
    place = {"orientation": "h", "x": 0, "y": above + 0.01, "yanchor": "bottom"}
    return {"title": {"text": f"{title}: "}} | place
