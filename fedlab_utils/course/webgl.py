"""Ask the browser whether it can draw with WebGL 2, which the 3-D viewer needs."""

from __future__ import annotations

import anywidget
import traitlets

_TWIN = (
    "WebGL: only your browser can tell. Run the cell in JupyterLab to find out; "
    "without WebGL the lessons show still pictures in place of the 3-D viewer."
)

_SCRIPT = """
function render({ model, el }) {
  const gl = document.createElement("canvas").getContext("webgl2");
  const line = document.createElement("p");
  line.setAttribute("role", "status");
  line.textContent = gl
    ? "WebGL 2: ok, the 3-D viewer works in this browser."
    : "WebGL 2: look. This browser has none, so the lessons show still pictures. " +
      "Turn on hardware acceleration in its settings, or try another browser.";
  el.appendChild(line);
  model.set("available", gl ? "yes" : "no");
  model.save_changes();
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
}
export default { render };
"""


class WebGLProbe(anywidget.AnyWidget):
    """One line that the browser writes; ``available`` becomes "yes" or "no" once it has."""

    _esm = _SCRIPT
    available = traitlets.Unicode("unknown").tag(sync=True)

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return data | {"text/html": f"<p>{_TWIN}</p>", "text/plain": _TWIN}, metadata
