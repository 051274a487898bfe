"""Invisible widgets that look after the box in which they lie, in the browser.

What ipywidgets cannot set from Python, a few lines of JavaScript add to the page.
"""

from __future__ import annotations

_MODULE = """
function watch(box) {%s}
function render({ el }) {
  el.style.display = "none";
  let stop, frame;
  const start = () => {
    const box = el.closest(".widget-vbox");
    if (box) stop = watch(box);
    else frame = requestAnimationFrame(start);
  };
  start();
  return () => {
    cancelAnimationFrame(frame);
    stop?.();
  };
}
export default { render };
"""


def companion_script(body: str) -> str:
    """Give the JavaScript module of an ``anywidget.AnyWidget`` that looks after a box.

    Parameters
    ----------
    body
        Body of a function of ``box``, the element of the nearest box of widgets above. It runs
        once the box is in the page and returns a function that ends what it began.
    """
    return _MODULE % body
