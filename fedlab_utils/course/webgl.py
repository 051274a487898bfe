"""Say whether the browser can draw with WebGL 2, which the 3-D viewer needs."""

from __future__ import annotations

import ipywidgets

from fedlab_utils.ui.webgl import SilentProbe

_LINES = {
    "unknown": "WebGL: only your browser can tell. Run the cell in JupyterLab to find out; "
    "without WebGL the lessons show still pictures in place of the 3-D viewer.",
    "yes": "WebGL 2: ok, the 3-D viewer works in this browser.",
    "no": "WebGL 2: look. This browser has none, so the lessons show still pictures. "
    "Turn on hardware acceleration in its settings, or try another browser.",
}


class WebGLLine(ipywidgets.VBox):
    """One line of text, which tells the answer once the browser has given it."""

    def __init__(self) -> None:
        self.probe, self._line = SilentProbe(), ipywidgets.HTML()
        super().__init__([self._line, self.probe])
        self.probe.observe(self._tell, "available")
        self._tell()

    @property
    def text(self) -> str:
        """What the line says now."""
        return _LINES[self.probe.available]

    def _tell(self, _change: object = None) -> None:
        self._line.value = f'<p role="status">{self.text}</p>'

    def _repr_mimebundle_(self, **kwargs: object) -> dict:
        twin = {"text/html": f"<p>{self.text}</p>", "text/plain": self.text}
        return super()._repr_mimebundle_(**kwargs) | twin
