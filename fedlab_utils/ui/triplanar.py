"""Three planes through one patient, moved by sliders, with the segmentation laid over."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.conventions import LABEL_NAMES, REGIONS, SEQUENCES
from fedlab_utils.data.regions import to_regions
from fedlab_utils.ui import slices
from fedlab_utils.ui.scan import Scan, field_of_view, starting_point
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes

_WIDTH, _GAP, _HEAD, _FOOT = 960, 6, 28 + slices.EDGE, 30 + slices.EDGE


class TriPlanar(TwinBox):
    """Axial, coronal and sagittal slice through one point, with linked cross-hair.

    Parameters
    ----------
    scan
        Patient with ``image`` (4, X, Y, Z) in RAS, ``labels`` (X, Y, Z) canonical or None,
        ``affine`` and ``spacing`` in mm.
    title
        Name written over the picture, such as the case id.
    radiological
        The patient's right on the left of the picture, as on a radiologist's screen. False: as
        seen from above, right on the right (neurological convention).

    Attributes
    ----------
    shown : dict
        What is on the picture now: ``sequence``, ``overlay``, ``index`` (per plane),
        ``position_mm`` (RAS), ``intensity`` (per sequence, at the cross-hair), ``label`` (name at
        the cross-hair, or None), ``window``, ``sections`` (per plane the 2-D array of
        intensities), ``slice_volume_ml`` (per region, in the axial slice), ``pixel`` (per plane
        x, y of the cross-hair).
    """

    def __init__(self, scan: Scan, title: str = "", radiological: bool = True) -> None:
        self._scan, self._title, self._radiological = scan, title, radiological
        self._windows = [slices.display_window(volume) for volume in scan.image]
        self._field = field_of_view(scan)
        self._label_values = None if scan.labels is None else np.unique(scan.labels)
        self._make_controls()
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        self.redraw()
        rows = [
            widgets.HBox(
                [self.sequence, self.overlay, self.style], layout={"flex_flow": "row wrap"}
            ),
            widgets.HBox(list(self.sliders.values()), layout={"flex_flow": "row wrap"}),
            self.opacity,
        ]
        super().__init__([*rows, self._picture, self._text])

    def _make_controls(self) -> None:
        """Make the controls, the cross-hair on the largest cut through the tumour."""
        start = starting_point(self._scan)
        narrow, short = {"description_width": "70px"}, {"width": "220px"}
        self.sequence = widgets.Dropdown(
            options=SEQUENCES, value="FLAIR", description="Sequence", style=narrow, layout=short
        )
        has_labels = self._scan.labels is not None
        self.overlay = widgets.Dropdown(
            options=slices.OVERLAYS if has_labels else ("none",),
            description="Overlay",
            style=narrow,
            layout=short,
        )
        self.style = widgets.ToggleButtons(
            options=("fill", "outline"),
            tooltip="Overlay as",
            style={"button_width": "80px"},
            layout={"margin": "0 20px"},
        )
        self.opacity = widgets.FloatSlider(
            0.45, min=0, max=1, step=0.05, description="Opacity", style=narrow
        )
        self.sliders = {
            plane: widgets.IntSlider(
                int(start[axis]),
                min=0,
                max=self._scan.image.shape[1 + axis] - 1,
                description=plane.capitalize(),
                style=narrow,
                layout={"width": "275px"},
            )
            for plane, axis in slices.NORMAL.items()
        }
        for control in (
            self.sequence,
            self.overlay,
            self.style,
            self.opacity,
            *self.sliders.values(),
        ):
            control.observe(self.redraw, "value")

    def redraw(self, _change: object = None) -> None:
        """Draw again from the controls."""
        self._update_shown()
        self._picture.value = png_bytes(self.draw(), compact=False)
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _update_shown(self) -> None:
        scan = self._scan
        point = tuple(self.sliders[plane].value for plane in ("sagittal", "coronal", "axial"))
        channel = SEQUENCES.index(self.sequence.value)
        sections = {
            plane: np.moveaxis(scan.image[channel], axis, 0)[point[axis]]
            for plane, axis in slices.NORMAL.items()
        }
        shown = {
            "sequence": self.sequence.value,
            "overlay": self.overlay.value,
            "index": {plane: point[axis] for plane, axis in slices.NORMAL.items()},
            "position_mm": tuple((scan.affine[:3, :3] @ point + scan.affine[:3, 3]).tolist()),
            "intensity": {s: float(scan.image[(c, *point)]) for c, s in enumerate(SEQUENCES)},
            "window": self._windows[channel],
            "sections": sections,
            "label": None,
            "slice_volume_ml": {},
        }
        if scan.labels is not None:
            axial = scan.labels[:, :, point[2]]
            voxel_ml = float(np.prod(scan.spacing)) / 1000
            shown["label"] = LABEL_NAMES[int(scan.labels[point])]
            voxels = to_regions(axial).sum(axis=(1, 2))
            shown["slice_volume_ml"] = dict(zip(REGIONS, (voxels * voxel_ml).tolist(), strict=True))
        self.shown = shown

    def draw(self) -> Image.Image:
        """Compose the picture of the three planes."""
        shown, scan = self.shown, self._scan
        point = [shown["index"][p] for p in ("sagittal", "coronal", "axial")]
        extent = [
            (high - low) * s for (low, high), s in zip(self._field, scan.spacing, strict=True)
        ]
        wide = {plane: extent[w] for plane, (w, _) in slices.PLANES.items()}
        high = {plane: extent[h] for plane, (_, h) in slices.PLANES.items()}
        scale = (_WIDTH - 2 * _GAP - 6 * slices.EDGE) / sum(wide.values())
        height = round(max(high.values()) * scale)
        canvas = Image.new("RGB", (_WIDTH, _HEAD + height + _FOOT))
        draw = ImageDraw.Draw(canvas)
        shown["pixel"], left = {}, slices.EDGE
        for plane in slices.PLANES:
            size = (round(wide[plane] * scale), round(high[plane] * scale))
            pane = self._pane(plane, size)
            canvas.paste(Image.fromarray(pane), (left, _HEAD))
            box = (left, _HEAD, left + size[0] - 1, _HEAD + size[1] - 1)
            x, y = self._cross_pixel(plane, point, box)
            shown["pixel"][plane] = (x, y)
            slices.cross_hair(draw, box, x, y)
            slices.edge_letters(draw, box, plane, self._radiological)
            left += size[0] + 2 * slices.EDGE + _GAP
        self._write(draw, canvas.size, scale, wide)
        return canvas

    def _pane(self, plane: str, size: tuple[int, int]) -> np.ndarray:
        section = self._inside(self.shown["sections"][plane], plane)
        grey = slices.to_grey(section, self.shown["window"])
        layers = []
        if self._scan.labels is not None:
            index, axis = self.shown["index"][plane], slices.NORMAL[plane]
            labels = self._inside(np.moveaxis(self._scan.labels, axis, 0)[index], plane)
            layers = slices.overlay_layers(labels, self.overlay.value)
        return slices.paint(grey, layers, size, self.opacity.value, self.style.value == "outline")

    def _inside(self, section: np.ndarray, plane: str) -> np.ndarray:
        """The part of a slice inside the field of view, oriented as a picture."""
        (w0, w1), (h0, h1) = (self._field[axis] for axis in slices.PLANES[plane])
        return slices.picture_array(section[w0:w1, h0:h1], plane, self._radiological)

    def _cross_pixel(
        self, plane: str, point: list[int], box: tuple[int, int, int, int]
    ) -> tuple[int, int]:
        """Pixel at the centre of the voxel under the cross-hair."""
        left, top, right, bottom = box
        pixels = []
        spans = ((left, right - left + 1), (top, bottom - top + 1))
        turned = slices.flips(plane, self._radiological)
        for axis, flip, (origin, length) in zip(slices.PLANES[plane], turned, spans, strict=True):
            low, high = self._field[axis]
            share = (np.clip(point[axis], low, high - 1) - low + 0.5) / (high - low)
            pixels.append(origin + int((1 - share if flip else share) * length))
        return pixels[0], pixels[1]

    def _write(
        self, draw: ImageDraw.ImageDraw, size: tuple[int, int], scale: float, wide: dict[str, float]
    ) -> None:
        """Write headings above, and scale bar, legend and convention below."""
        left = slices.EDGE
        for plane, axis in slices.NORMAL.items():
            last = self._scan.image.shape[1 + axis] - 1
            text = f"{plane}, slice {self.shown['index'][plane]} of 0 to {last}"
            draw.text((left + 4, 20), text, (255, 255, 255), slices.font(15), anchor="ls")
            left += round(wide[plane] * scale) + 2 * slices.EDGE + _GAP
        bottom = size[1] - 9
        slices.scale_bar(draw, (6, bottom), scale)
        if self.opacity.value > 0:
            layers = slices.overlay_layers(self._label_values, self.overlay.value)
            slices.legend(draw, (130, bottom), layers, self.style.value == "outline")
        side = "left" if self._radiological else "right"
        note = f"{self.shown['sequence']}; patient's right is on the {side}"
        draw.text((size[0] - 6, bottom + 1), note, (255, 255, 255), slices.font(13), anchor="rs")

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        where = ", ".join(
            f"{abs(mm):.0f} mm {slices.LETTERS[axis][mm >= 0]}"
            for axis, mm in enumerate(shown["position_mm"])
        )
        values = ", ".join(f"{s} {v:.4g}" for s, v in shown["intensity"].items())
        text = f"{self._title + ': ' if self._title else ''}{shown['sequence']} in three planes "
        voxel = ", ".join(str(shown["index"][p]) for p in ("sagittal", "coronal", "axial"))
        text += f"through voxel ({voxel}), which lies {where} of the scan's origin. "
        text += f"Intensities there: {values}."
        if shown["label"] is not None:
            volumes = ", ".join(f"{r} {v:.2f} ml" for r, v in shown["slice_volume_ml"].items())
            text += f" Label there: {shown['label']}. In this axial slice: {volumes}."
        return text

    def twin(self) -> Picture:
        """Picture of the three planes as they stand, with what it shows in words."""
        return Picture(png_bytes(self.draw()), self.describe())
