"""Plotly's figure widget, made to survive a busy machine.

anywidget (0.9 to 0.11) refuses all messages to a widget whose JavaScript takes longer than two
seconds to be ready. Plotly's five megabytes do, where a training has the processor to itself: the
live plot stays empty for good. Here anywidget loads a short module that is ready at once, notes
what the kernel says, and says it again when plotly has come. A page loads plotly once for all
figures.
"""

from __future__ import annotations

import json
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


def plotly_figure(**parts: object) -> FigureWidget:
    """Make a live figure.

    Parameters
    ----------
    **parts
        Of :class:`plotly.graph_objects.FigureWidget`: ``data``, ``layout``.

    Returns
    -------
    plotly.graph_objects.FigureWidget
    """
    return _kind()(**parts)


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
