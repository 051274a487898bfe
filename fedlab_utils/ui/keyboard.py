"""Keys that belong to the widget under them, not to the notebook around it.

JupyterLab reads plain keys as commands to the notebook: an arrow pressed on a drop-down list, or
after a click on a slider's track, goes to another cell. It looks away where the focused element
or one above it has the attribute ``data-lm-suppress-shortcuts`` (Lumino's command registry), which
ipywidgets cannot set from Python.
"""

from __future__ import annotations

import anywidget

from fedlab_utils.ui.companion import companion_script

_BODY = """
  const keep = (event) => {
    const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
    if (box.contains(event.target))
      event.target.toggleAttribute("data-lm-suppress-shortcuts", plain);
  };
  const focus = ({ target }) => {
    const slider = box.contains(target) && target.closest(".noUi-target");
    if (slider && !slider.contains(document.activeElement))
      slider.querySelector(".noUi-handle").focus();
  };
  window.addEventListener("keydown", keep, true);
  window.addEventListener("click", focus, true);
  return () => {
    window.removeEventListener("keydown", keep, true);
    window.removeEventListener("click", focus, true);
  };
"""


class KeepKeys(anywidget.AnyWidget):
    """Invisible part of a box: keys without Ctrl, Alt, Shift or Cmd go to the box's controls.

    A click on a slider's track puts the focus on its handle, as a click on the handle does.
    """

    _esm = companion_script(_BODY)
