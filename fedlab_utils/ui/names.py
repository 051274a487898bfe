"""Names that a screen reader can speak for the controls of a box.

ipywidgets writes a slider's description beside it without tying the two together, and gives a
value without its unit. The attributes are those of WAI-ARIA 1.2, https://www.w3.org/TR/wai-aria/.
"""

from __future__ import annotations

import anywidget

from fedlab_utils.ui.companion import companion_script

_BODY = r"""
  const set = (part, attribute, value) => {
    if (part.getAttribute(attribute) !== value) part.setAttribute(attribute, value);
  };
  const words = (part) => (part?.textContent ?? "").replace(/\u200b/g, "").trim();
  const name = () => {
    for (const label of box.querySelectorAll(".widget-label")) {
      const control = label.parentElement;
      const tooltip = label.title === "null" ? "" : label.title;
      const text = words(label) || tooltip || words(control.querySelector("label:has(input)"));
      if (!text) continue;
      const group = control.querySelector(".widget-radio-box, :scope > div:has(> button)");
      if (group) set(group, "role", group.querySelector("button") ? "group" : "radiogroup");
      for (const button of group?.querySelectorAll("button") ?? [])
        set(button, "aria-pressed", String(button.classList.contains("mod-active")));
      const readout = control.querySelector(".widget-readout");
      if (readout) set(readout, "role", "textbox");
      const fields = control.querySelectorAll("select, textarea, input:not([type=radio])");
      const sliders = [...control.querySelectorAll("[role=slider]")];
      for (const part of [group, readout, ...fields, ...sliders])
        if (part) set(part, "aria-label", text);
      const unit = text.match(/\(([^)]+)\)$/)?.[1];
      const values = words(readout).split(" – ");
      sliders.forEach((slider, i) => {
        if (values[i]) set(slider, "aria-valuetext", unit ? `${values[i]} ${unit}` : values[i]);
      });
    }
  };
  name();
  const observer = new MutationObserver(name);
  observer.observe(box, {
    subtree: true,
    childList: true,
    characterData: true,
    attributeFilter: ["aria-valuetext", "class", "title"],
  });
  return () => observer.disconnect();
"""


class NameControls(anywidget.AnyWidget):
    """Invisible part of a box: every control in it, now or later, gets its description as name.

    A control without a description takes its tooltip. A slider says its value as its readout
    shows it, with the unit that its description ends with: ``TR (ms)`` says "600 ms".
    """

    _esm = companion_script(_BODY)
