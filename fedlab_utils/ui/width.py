"""A plotly figure that is as wide as its box, also after the window or a side bar changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anywidget

from fedlab_utils.ui.companion import companion_script

if TYPE_CHECKING:
    from plotly.graph_objects import FigureWidget

_BODY = """
  const differs = (plot) => {
    const drawn = plot.querySelector(".main-svg");
    return drawn && Math.abs(drawn.getBoundingClientRect().width - plot.clientWidth) > 1;
  };
  // Plotly forgets the event where it is just drawing, so that one look is not enough.
  let timer;
  const follow = (looks) => {
    clearTimeout(timer);
    if ([...box.querySelectorAll(".js-plotly-plot")].some(differs))
      window.dispatchEvent(new Event("resize"));
    if (looks > 1) timer = setTimeout(() => follow(looks - 1), 500);
  };
  const observer = new ResizeObserver(() => follow(10));
  observer.observe(box);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
  };
"""


class FollowWidth(anywidget.AnyWidget):
    """Invisible part of a box: plotly figures in it are told when the box changes its size.

    A ``FigureWidget`` is drawn before it is in the page, 700 pixels wide, and plotly by itself
    listens to the window only.
    """

    _esm = companion_script(_BODY)


def follow_width(plot: FigureWidget) -> FollowWidth:
    """Let a figure without a width of its own follow that of its box.

    Parameters
    ----------
    plot
        The figure.

    Returns
    -------
    FollowWidth
        To be put into the same box.
    """
    plot._config = {**plot._config, "responsive": True}
    plot.layout.autosize = True
    return FollowWidth()
