"""What each step of preprocessing does to one patient, in pictures and in numbers."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.brain import bounding_box, brain_mask
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.errors import FedLabError
from fedlab_utils.ui import slices
from fedlab_utils.ui.scan import starting_point
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes

if TYPE_CHECKING:
    from fedlab_utils.data.case import Case

_PANE, _GAP = 280, 5
_PITCH, _HEAD, _FOOT = _PANE + 2 * slices.EDGE + _GAP, 28 + slices.EDGE, 30 + slices.EDGE
_SPACINGS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_WHITE = (255, 255, 255)


class PreprocessingExplorer(TwinBox):
    """One axial slice before and after N4, normalising and resampling, with the figures.

    Parameters
    ----------
    case
        Patient as read from its files.

    Attributes
    ----------
    shown : dict
        ``spacing`` (mm), ``n4``, ``clip``, ``sequence``; ``before`` and ``after`` (2-D slices as
        drawn); ``grid_before`` and ``grid_after`` (voxels per axis), ``megabytes_before`` and
        ``megabytes_after`` (four sequences as float32), ``mean_before``, ``sd_before`` (scanner's
        units), ``mean_after``, ``sd_after`` (z-scores; all in the brain), ``clipped_percent``
        (brain voxels at the limit), ``removed_percent`` (half of what lies between the 1st and
        99th percentile of what N4 divided by, in percent of its median; 0 without N4).
    """

    def __init__(self, case: Case) -> None:
        self._case = case
        self._brain = brain_mask(case.image)
        self._start = starting_point(case)
        self._corrected: Case | None = None
        narrow = {"description_width": "90px"}
        self.spacing = widgets.SelectionSlider(
            options=[(f"{s:g} mm", s) for s in _SPACINGS],
            value=2.0,
            description="Voxel edge",
            style=narrow,
        )
        self.clip = widgets.FloatSlider(
            5.0, min=0.5, max=5.0, step=0.5, description="Clip at (z)", style=narrow
        )
        self.n4 = widgets.Checkbox(
            False,
            description="N4 bias field correction (takes seconds)",
            indent=False,
            layout={"width": "320px"},
        )
        self.sequence = widgets.Dropdown(
            options=SEQUENCES, value="T1ce", description="Sequence", style=narrow
        )
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        for control in (self.spacing, self.clip, self.n4, self.sequence):
            control.continuous_update = False
            control.observe(self.redraw, "value")
        self.redraw()
        rows = ([self.spacing, self.clip], [self.sequence, self.n4])
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self._picture, self._text])

    def redraw(self, _change: object = None) -> None:
        """Preprocess and draw again from the controls; say so where N4 has yet to be computed."""
        if self.n4.value and self._corrected is None:
            self._text.value = "<div role='status'>N4 is working: this takes some seconds…</div>"
        try:
            self._update_shown()
        except (FedLabError, RuntimeError, MemoryError) as error:  # RuntimeError is SimpleITK's
            if not self.n4.value:
                raise
            self.n4.value = False  # which draws again, without N4
            said = f"N4 failed, so the picture is without it: {escape(str(error))}"
            self._text.value = f"<div role='alert'>{said}</div>{self._text.value}"
            return
        self._picture.value = png_bytes(self.draw(), compact=False)
        self._text.value = f"<div role='status'>{self._table()}</div>"

    def _source(self) -> Case:
        """The case, or the case after N4, which is computed once and kept."""
        if not self.n4.value:
            return self._case
        if self._corrected is None:
            from fedlab_utils.data.n4 import correct_bias

            case, mask = self._case, self._brain
            box = bounding_box(mask if case.labels is None else mask | (case.labels > 0))
            image = case.image.copy()
            part = (slice(None), *box)
            image[part] = correct_bias(image[part], mask[box], case.spacing)
            self._corrected = replace(case, image=image)
        return self._corrected

    def _update_shown(self) -> None:
        case, channel = self._source(), SEQUENCES.index(self.sequence.value)
        settings = PreprocessSettings(spacing=self.spacing.value, clip=self.clip.value)
        done = preprocess(case, settings)
        brain = self._brain
        after = np.asarray(done.image[channel], np.float32)
        inside = after[done.brain]
        first = self._case.image[channel]
        removed = _removed(first, case.image[channel], brain)
        self.shown = {
            "spacing": settings.spacing,
            "n4": self.n4.value,
            "clip": settings.clip,
            "sequence": self.sequence.value,
            "before": first[..., self._start[2]],
            "after": after[..., self._slice_after(done)],
            "removed": removed[..., self._start[2]],
            "grid_before": case.image.shape[1:],
            "grid_after": done.image.shape[1:],
            "megabytes_before": case.image.size * 4 / 1e6,
            "megabytes_after": done.image.size * 4 / 1e6,
            "mean_before": float(first[brain].mean()),
            "sd_before": float(first[brain].std()),
            "mean_after": float(inside.mean()),
            "sd_after": float(inside.std()),
            "clipped_percent": float((np.abs(inside) >= settings.clip).mean() * 100),
            "removed_percent": _half_range(removed[brain]),
        }
        self._done = done

    def _slice_after(self, done: Preprocessed) -> int:
        """Slice of the new grid that lies where the old one lay."""
        position = self._case.affine @ [*self._start, 1]
        index = np.linalg.solve(done.affine, position)[2]
        return int(np.clip(round(index), 0, done.image.shape[3] - 1))

    def draw(self) -> Image.Image:
        """Compose the panes: as read, after preprocessing, and, with N4, what it divided by."""
        shown, done = self.shown, self._done
        channel = SEQUENCES.index(shown["sequence"])
        box = tuple(slice(*edges) for edges in done.box[:2])
        window = slices.display_window(self._case.image[channel])
        before = slices.to_grey(shown["before"][box], window)
        after = slices.to_grey(shown["after"], (-min(shown["clip"], 2.5), min(shown["clip"], 2.5)))
        size_mm = [n * s for n, s in zip(before.shape, self._case.spacing[:2], strict=True)]
        height = round(_PANE * size_mm[1] / size_mm[0])
        panes = [
            (f"{shown['sequence']} as read", before),
            (f"after, {shown['spacing']:g} mm voxels", after),
        ]
        if shown["n4"]:
            field = slices.to_grey(shown["removed"][box], (0.7, 1.3))
            panes.append(("what N4 divides by", field))
        canvas = Image.new("RGB", (len(panes) * _PITCH - _GAP, _HEAD + height + _FOOT))
        draw = ImageDraw.Draw(canvas)
        for number, (title, grey) in enumerate(panes):
            left = number * _PITCH + slices.EDGE
            picture = slices.picture_array(grey, "axial", True)
            pane = slices.paint(picture, [], (_PANE, height), 0.0, outline=False, smooth=False)
            canvas.paste(Image.fromarray(pane), (left, _HEAD))
            edges = (left, _HEAD, left + _PANE - 1, _HEAD + height - 1)
            slices.edge_letters(draw, edges, "axial", True)
            draw.text((left + 4, 20), title, _WHITE, slices.font(15), anchor="ls")
        slices.scale_bar(draw, (6, canvas.height - 9), _PANE / size_mm[0])
        note = "N4: black 0.7 to white 1.3 of the median" if shown["n4"] else ""
        draw.text((canvas.width - 6, canvas.height - 8), note, _WHITE, slices.font(13), anchor="rs")
        return canvas

    def _table(self) -> str:
        shown = self.shown
        rows = (
            ("grid (voxels)", _grid(shown["grid_before"]), _grid(shown["grid_after"])),
            (
                "four sequences (MB)",
                f"{shown['megabytes_before']:.1f}",
                f"{shown['megabytes_after']:.1f}",
            ),
            ("mean in the brain", f"{shown['mean_before']:.4g}", f"{shown['mean_after']:.3f} z"),
            ("standard deviation", f"{shown['sd_before']:.4g}", f"{shown['sd_after']:.3f} z"),
            ("clipped brain voxels", "", f"{shown['clipped_percent']:.2f} %"),
        )
        if shown["n4"]:
            rows += (("bias field removed by N4", "", f"±{shown['removed_percent']:.0f} %"),)
        body = "".join(
            f"<tr><th scope='row' style='text-align:left'>{a}</th>"
            f"<td style='padding:0 1.5em'>{b}</td><td>{c}</td></tr>"
            for a, b, c in rows
        )
        return f"<table><tr><th></th><th>as read</th><th>after</th></tr>{body}</table>"

    def describe(self) -> str:
        """Say in words what the picture and the table show; also the alt text."""
        shown = self.shown
        n4 = f"with N4 (±{shown['removed_percent']:.0f} %)" if shown["n4"] else "without N4"
        return (
            f"An axial {shown['sequence']} slice as read and after preprocessing {n4}, "
            f"{shown['spacing']:g} mm voxels, clipped at {shown['clip']:g} standard deviations. "
            f"Grid {_grid(shown['grid_before'])} becomes {_grid(shown['grid_after'])} voxels, "
            f"{shown['megabytes_before']:.1f} MB become {shown['megabytes_after']:.1f} MB. In the "
            f"brain, mean {shown['mean_before']:.4g} and standard deviation "
            f"{shown['sd_before']:.4g} become {shown['mean_after']:.3f} and "
            f"{shown['sd_after']:.3f} z-scores; {shown['clipped_percent']:.2f} % of the brain's "
            f"voxels are clipped."
        )

    def twin(self) -> Picture:
        """Picture of the panes as they stand."""
        return Picture(png_bytes(self.draw()), self.describe())


def _removed(before: np.ndarray, after: np.ndarray, brain: np.ndarray) -> np.ndarray:
    """What N4 divided by, relative to its median in the brain; 1 where intensities are near 0."""
    usable = brain & (after > 0) & (before > 0)
    ratio = np.divide(before, after, out=np.ones_like(before), where=usable)
    ratio[usable] /= np.median(ratio[usable]) if usable.any() else 1.0
    return ratio


def _half_range(ratio: np.ndarray) -> float:
    """Half of what lies between the 1st and 99th percentile, in percent."""
    low, high = np.percentile(ratio, (1, 99))
    return float(high - low) * 50


def _grid(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
