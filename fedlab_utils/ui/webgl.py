"""Ask the browser, without a word on the page, whether it can draw with WebGL 2."""

from __future__ import annotations

import anywidget
import traitlets

_SCRIPT = """
function render({ model, el }) {
  el.style.display = "none";
  const context = document.createElement("canvas").getContext("webgl2");
  model.set("available", context ? "yes" : "no");
  model.save_changes();
  context?.getExtension("WEBGL_lose_context")?.loseContext();
}
export default { render };
"""


class SilentProbe(anywidget.AnyWidget):
    """Invisible widget; ``available`` becomes "yes" or "no" once a browser has drawn it."""

    _esm = _SCRIPT
    available = traitlets.Unicode("unknown").tag(sync=True)
