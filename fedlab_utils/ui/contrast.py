"""An MRI scanner's knobs: what TR, TE, TI and contrast agent do to the tissues of one slice."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.phantom.scanner import Sequence, sequence_signal, with_gadolinium
from fedlab_utils.data.phantom.tissue import NAMES, TISSUES, relaxation
from fedlab_utils.errors import DataError
from fedlab_utils.ui import slices
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes

PRESETS = {
    "T1": {"tr": 600, "te": 12, "ti": 0, "gadolinium": False},
    "T1ce": {"tr": 600, "te": 12, "ti": 0, "gadolinium": True},
    "T2": {"tr": 4500, "te": 95, "ti": 0, "gadolinium": False},
    "FLAIR": {"tr": 9000, "te": 120, "ti": 2400, "gadolinium": False},
}
"""Spin echo settings, times in ms, that give the four sequences their usual contrast at 1.5 T."""

BARS = {
    "white": "white matter",
    "grey": "grey matter",
    "csf": "water (CSF)",
    "oedema": "oedema",
    "strong_rim": "enhancing rim",
    "necrosis": "necrosis",
}
"""Tissues that get a bar, and their names for people."""

_SIDE, _BARS_WIDTH, _GAP = 360, 470, 20
_EDGE = slices.EDGE


class ContrastExplorer(TwinBox):
    """Sliders for a spin echo's timing, and the picture and tissue signals that follow.

    The picture is the signal equation applied to tissue fractions: no noise, no bias field.

    Parameters
    ----------
    fractions
        ``(tissues, X, Y)``: share of each tissue of ``phantom.tissue.NAMES`` in each voxel of an
        axial slice, RAS.
    field_strength_t
        1.5 to 3 tesla.

    Attributes
    ----------
    shown : dict
        ``signal`` (per tissue of :data:`BARS`, white matter at full signal = 1 without decay),
        ``image`` (X, Y) and the settings ``tr``, ``te``, ``ti`` in ms, ``gadolinium``.
    """

    def __init__(self, fractions: np.ndarray, field_strength_t: float = 1.5) -> None:
        if fractions.ndim != 3 or fractions.shape[0] != len(NAMES):
            raise DataError(
                "ContrastExplorer",
                f"fractions have shape {fractions.shape}, ({len(NAMES)}, X, Y) is due",
                "Pass one axial slice of an Anatomy's tissue fractions",
            )
        self._fractions, self._field = fractions, field_strength_t
        self._make_controls()
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        self.redraw()
        row = {"flex_flow": "row wrap"}
        super().__init__(
            [
                widgets.HBox([self.preset, self.gadolinium], layout=row),
                widgets.HBox([self.tr, self.te, self.ti], layout=row),
                self._picture,
                self._text,
            ]
        )

    def _make_controls(self) -> None:
        def slider(value: int, low: int, high: int, step: int, name: str) -> widgets.IntSlider:
            return widgets.IntSlider(
                value,
                min=low,
                max=high,
                step=step,
                description=name,
                continuous_update=True,
                style={"description_width": "60px"},
                layout={"width": "300px"},
            )

        start = PRESETS["T1"]
        self.preset = widgets.ToggleButtons(
            options=tuple(PRESETS), description="Start from", style={"button_width": "70px"}
        )
        self.gadolinium = widgets.Checkbox(
            value=start["gadolinium"], description="contrast agent given", indent=False
        )
        self.tr = slider(start["tr"], 300, 10_000, 50, "TR (ms)")
        self.te = slider(start["te"], 5, 200, 1, "TE (ms)")
        self.ti = slider(start["ti"], 0, 4000, 50, "TI (ms)")
        self._applying = False
        self.preset.observe(self._apply_preset, "value")
        for control in (self.gadolinium, self.tr, self.te, self.ti):
            control.observe(self._changed, "value")

    def _apply_preset(self, change: dict) -> None:
        if change["new"] is None or self._settings() == PRESETS[change["new"]]:
            return
        self._applying = True
        try:
            for name, value in PRESETS[change["new"]].items():
                getattr(self, name).value = value
        finally:
            self._applying = False
        self._changed()

    def _settings(self) -> dict[str, int | bool]:
        """What the controls say, in the form of a preset."""
        return {name: getattr(self, name).value for name in PRESETS["T1"]}

    def _changed(self, _change: object = None) -> None:
        """Mark the preset at whose values the controls stand, or none, and draw again."""
        if self._applying:
            return
        settings = self._settings()
        self.preset.value = next((n for n, preset in PRESETS.items() if preset == settings), None)
        self.redraw()

    def signals(self) -> np.ndarray:
        """Signal of every tissue of ``phantom.tissue.NAMES`` at the present settings."""
        t1, t2, density = relaxation(self._field)
        if self.gadolinium.value:
            uptake = np.array([TISSUES[name].uptake_mm for name in NAMES])
            t1, t2 = with_gadolinium(t1, t2, uptake, self._field)
        kind = "inversion recovery" if self.ti.value else "spin echo"
        times = {"tr_ms": self.tr.value, "te_ms": self.te.value, "ti_ms": self.ti.value}
        return sequence_signal(Sequence(kind, **times), t1, t2, density)

    def redraw(self, _change: object = None) -> None:
        """Compute and draw again from the controls."""
        signal = self.signals()
        self.shown = {
            "signal": {name: float(signal[NAMES.index(name)]) for name in BARS},
            "image": np.tensordot(signal, self._fractions, 1),
            **self._settings(),
        }
        self._picture.value = png_bytes(self.draw(), compact=False)
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def draw(self) -> Image.Image:
        """Compose the slice and, beside it, one bar per tissue."""
        image = self.shown["image"]
        window = (0.0, max(float(np.percentile(image[image > 0], 99.5)), 1e-6))
        grey = slices.picture_array(slices.to_grey(image, window), "axial", radiological=True)
        height = round(_SIDE * grey.shape[0] / grey.shape[1])
        width = _SIDE + 2 * _EDGE + _GAP + _BARS_WIDTH
        canvas = Image.new("RGB", (width, max(height + 2 * _EDGE, 300)))
        draw = ImageDraw.Draw(canvas)
        pane = Image.fromarray(grey).resize((_SIDE, height), Image.Resampling.BILINEAR)
        canvas.paste(pane, (_EDGE, _EDGE))
        box = (_EDGE, _EDGE, _EDGE + _SIDE - 1, _EDGE + height - 1)
        slices.edge_letters(draw, box, "axial", True)
        self._draw_bars(draw, canvas.height)
        return canvas

    def _draw_bars(self, draw: ImageDraw.ImageDraw, height: int) -> None:
        left, name_width, white = _SIDE + 2 * _EDGE + _GAP, 130, (255, 255, 255)
        draw.text((left, 12), "signal (share of the most possible)", white, slices.font(14))
        step = (height - 50) // len(BARS)
        room = _BARS_WIDTH - name_width - 70
        for row, (tissue, name) in enumerate(BARS.items()):
            y = 44 + row * step
            value = self.shown["signal"][tissue]
            level = round(255 * min(1, value / max(self.shown["signal"].values())))
            x = left + name_width
            draw.text((x - 8, y + step // 3), name, white, slices.font(15), anchor="rm")
            bar = (x, y, x + max(1, round(room * min(value, 1))), y + step * 2 // 3)
            draw.rectangle(bar, fill=(level,) * 3, outline=white)
            at = (bar[2] + 8, y + step // 3)
            draw.text(at, f"{value:.2f}", white, slices.font(14), anchor="lm")

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        values = ", ".join(
            f"{name} {self.shown['signal'][tissue]:.2f}" for tissue, name in BARS.items()
        )
        inversion = f", TI {self.ti.value} ms" if self.ti.value else ", no inversion"
        agent = "with" if self.gadolinium.value else "without"
        return (
            f"Axial slice of a phantom, patient's right on the left, at {self._field:g} T as a "
            f"spin echo with TR {self.tr.value} ms, TE {self.te.value} ms{inversion}, {agent} "
            f"contrast agent. Signal: {values}."
        )

    def twin(self) -> Picture:
        """Picture of the slice and the bars as they stand."""
        return Picture(png_bytes(self.draw()), self.describe())
