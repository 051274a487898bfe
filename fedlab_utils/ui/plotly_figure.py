"""Plotly's figure widget, made to survive a busy machine.

anywidget (0.9 to 0.11) refuses all messages to a widget whose JavaScript takes longer than two
seconds to be ready. Plotly's five megabytes do, where a training has the processor to itself: the
live plot stays empty for good. Here anywidget loads a short module that is ready at once, notes
what the kernel says, and says it again when plotly has come. A page loads plotly once for all
figures.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plotly.graph_objects import FigureWidget

_MODULE = """
const MESSAGES = %s;
function library(text) {
  globalThis.fedlabPlotly ??= import(
    /* webpackIgnore: true */ URL.createObjectURL(new Blob([text], { type: "text/javascript" }))
  );
  return globalThis.fedlabPlotly;
}
export default () => {
  let figure;
  return {
    initialize({ model }) {
      const said = [];
      const listeners = MESSAGES.map((name) => {
        const hear = () => said.push([name, model.get(name)]);
        model.on(`change:${name}`, hear);
        return [`change:${name}`, hear];
      });
      figure = library(model.get("_library")).then((plotly) => {
        const made = plotly.default();
        for (const [event, hear] of listeners) model.off(event, hear);
        made.initialize({ model });
        for (const [name, value] of said) model.set(name, value);
        return made;
      });
    },
    async render(context) {
      return (await figure).render(context);
    },
  };
};
"""


LEGEND_ROOM = 66
"""Pixels below the axes for a legend of three lines; what is more is scrolled to."""

_BAR = 30  # pixels that the mode bar takes at the top


def plotly_figure(
    data: Sequence[object] = (), layout: Mapping[str, object] | None = None
) -> FigureWidget:
    """Make a live figure, whose mode bar and legend keep off its axes at every width.

    Plotly itself makes room for a legend when it draws it, but not always again when the width
    changes: above the axes a legend of two lines would lie on them, and under the mode bar.

    Parameters
    ----------
    data, layout
        Of :class:`plotly.graph_objects.FigureWidget`. A layout without a legend of its own gets one
        below the axes, for which the figure grows by :data:`LEGEND_ROOM`; it has to say the height
        and the margins at the top and the bottom.

    Returns
    -------
    plotly.graph_objects.FigureWidget
    """
    layout = dict(layout or {})
    if "height" in layout and "legend" not in layout:
        margin = layout["margin"]
        room = {"t": max(margin["t"], _BAR), "b": margin["b"] + LEGEND_ROOM}
        layout |= {"legend": _LEGEND, "margin": margin | room}
        layout["height"] += LEGEND_ROOM
    return _kind()(data=data, layout=layout)


_LEGEND = {
    "orientation": "h",
    "xref": "container",
    "x": 0,
    "yref": "container",
    "y": 0,
    "yanchor": "bottom",
    "maxheight": LEGEND_ROOM,
    "traceorder": "normal",
}


@lru_cache(maxsize=1)
def _kind() -> type[FigureWidget]:
    import plotly.graph_objects as go
    import traitlets

    messages = [n for n in go.FigureWidget.class_trait_names() if n.startswith("_py2js_")]
    library = str(go.FigureWidget._esm)

    class PlotlyFigure(go.FigureWidget):
        _esm = _MODULE % json.dumps(sorted(messages))
        _library = traitlets.Unicode(library).tag(sync=True)

    return PlotlyFigure
