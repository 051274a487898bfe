"""Truth and prediction side by side, slice by slice, for one of several patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.regions import to_regions
from fedlab_utils.errors import DataError
from fedlab_utils.ui import slices
from fedlab_utils.ui.scan import field_of_view, starting_point
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes

_SIDE, _GAP = 280, 5
_PITCH, _HEAD, _FOOT = _SIDE + 2 * slices.EDGE + _GAP, 28 + slices.EDGE, 30 + slices.EDGE
VIEWS = ("labels", *REGIONS)


@dataclass(frozen=True, eq=False)
class Segmented:
    """A patient with what a network makes of it; all arrays on one grid.

    Attributes
    ----------
    name
        Of the patient, such as ``"worst: Phantom01_004"``.
    image
        ``(4, X, Y, Z)`` in RAS, 0 outside the brain.
    predicted
        ``(X, Y, Z)`` canonical labels, the network's.
    labels
        The same, the reference (an expert's, or the phantom's own), or None.
    spacing
        Voxel edges, mm.
    about
        Where the network comes from: device, training time, commit.
    """

    name: str
    image: np.ndarray
    predicted: np.ndarray
    labels: np.ndarray | None
    spacing: tuple[float, float, float]
    about: str = ""


class PredictionViewer(TwinBox):
    """Leaf through patients and slices: the scan, the reference, the network's answer.

    Parameters
    ----------
    patients
        At least one.

    Attributes
    ----------
    shown : dict
        ``patient`` (name), ``sequence``, ``view``, ``index`` (axial slice), ``dice`` (per region,
        whole patient; empty without truth), ``area_cm2`` (per region, in this slice: predicted,
        and true or None).

    Raises
    ------
    DataError
        If there is no patient, or a patient's arrays lie on different grids.
    """

    def __init__(self, patients: Sequence[Segmented]) -> None:
        if not patients:
            raise DataError("PredictionViewer", "there is no patient to show", "Pass one or more")
        for patient in patients:
            grids = {patient.image.shape[1:], patient.predicted.shape}
            grids |= set() if patient.labels is None else {patient.labels.shape}
            if len(grids) > 1:
                raise DataError(patient.name, f"grids differ: {grids}", "Bring them to one grid")
        self._patients = {patient.name: patient for patient in patients}
        wide = {"description_width": "70px"}
        self.patient = widgets.Dropdown(
            options=list(self._patients),
            description="Patient",
            style=wide,
            layout={"width": "auto", "min_width": "330px", "max_width": "100%"},
        )
        self.sequence = widgets.Dropdown(
            options=SEQUENCES,
            value="FLAIR",
            description="Sequence",
            style=wide,
            layout={"width": "190px"},
        )
        self.view = widgets.Dropdown(
            options=VIEWS, description="Show", style=wide, layout={"width": "190px"}
        )
        self.slice = widgets.IntSlider(
            0, min=0, max=1, description="Slice", style=wide, layout={"width": "420px"}
        )
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        self._choose()
        self.patient.observe(self._choose, "value")
        for control in (self.sequence, self.view, self.slice):
            control.observe(self.redraw, "value")
        self.redraw()
        rows = [
            widgets.HBox([self.patient, self.sequence, self.view], layout={"flex_flow": "row wrap"})
        ]
        super().__init__([*rows, self.slice, self._picture, self._text])

    def _choose(self, change: object = None) -> None:
        """Go to another patient, to the slice with the most tumour."""
        patient = self._patients[self.patient.value]
        self._field = field_of_view(_Drawn(patient, patient.labels))
        self._windows = [slices.display_window(volume) for volume in patient.image]
        seen = patient.predicted if patient.labels is None else patient.labels
        start = starting_point(_Drawn(patient, seen if seen.any() else patient.predicted))[2]
        self._dice = {} if patient.labels is None else _dice(patient)
        self.slice.max = max(self.slice.max, patient.image.shape[3] - 1)
        self.slice.value = start
        self.slice.max = patient.image.shape[3] - 1
        if change is not None:
            self.redraw()

    def redraw(self, _change: object = None) -> None:
        """Draw again from the controls."""
        patient, index = self._patients[self.patient.value], self.slice.value
        cm2 = patient.spacing[0] * patient.spacing[1] / 100
        areas = {}
        for number, region in enumerate(REGIONS):
            pair = [
                None
                if labels is None
                else float(to_regions(labels[..., index])[number].sum() * cm2)
                for labels in (patient.predicted, patient.labels)
            ]
            areas[region] = tuple(pair)
        self.shown = {
            "patient": patient.name,
            "sequence": self.sequence.value,
            "view": self.view.value,
            "index": index,
            "dice": self._dice,
            "area_cm2": areas,
        }
        self._picture.value = png_bytes(self.draw(), compact=False)
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def draw(self) -> Image.Image:
        """Compose the picture: scan, reference, network."""
        patient, index = self._patients[self.shown["patient"]], self.shown["index"]
        (x0, x1), (y0, y1), _ = self._field
        height = round(_SIDE * (y1 - y0) * patient.spacing[1] / ((x1 - x0) * patient.spacing[0]))
        canvas = Image.new("RGB", (3 * _PITCH - _GAP, _HEAD + height + _FOOT))
        draw = ImageDraw.Draw(canvas)
        channel = SEQUENCES.index(self.shown["sequence"])
        section = patient.image[channel][x0:x1, y0:y1, index]
        grey = slices.to_grey(slices.picture_array(section, "axial", True), self._windows[channel])
        panes = (("scan", None), ("reference", patient.labels), ("network", patient.predicted))
        for number, (name, labels) in enumerate(panes):
            left = number * _PITCH + slices.EDGE
            missing = name == "reference" and labels is None
            layers = self._layers(labels)
            pane = slices.paint(grey, layers, (_SIDE, height), 0.6, outline=False)
            canvas.paste(Image.fromarray(pane), (left, _HEAD))
            title = f"{name}: none given" if missing else name
            draw.text((left + 4, 20), title, (255, 255, 255), slices.font(16), anchor="ls")
            box = (left, _HEAD, left + _SIDE - 1, _HEAD + height - 1)
            slices.edge_letters(draw, box, "axial", True)
        bottom = canvas.height - 9
        slices.scale_bar(draw, (6, bottom), _SIDE / ((x1 - x0) * patient.spacing[0]))
        slices.legend(draw, (140, bottom), self._layers(patient.predicted), outline=False)
        return canvas

    def _layers(self, labels: np.ndarray | None) -> list[slices.Layer]:
        if labels is None:
            return []
        (x0, x1), (y0, y1), _ = self._field
        section = slices.picture_array(labels[x0:x1, y0:y1, self.shown["index"]], "axial", True)
        return slices.overlay_layers(section, self.shown["view"])

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown, patient = self.shown, self._patients[self.shown["patient"]]
        text = f"{patient.name}, {shown['sequence']}, axial slice {shown['index']}: scan, reference"
        text += " and the network's segmentation side by side. "
        if shown["dice"]:
            text += "Dice of the whole patient: "
            text += ", ".join(f"{region} {value:.2f}" for region, value in shown["dice"].items())
            text += ". "
        parts = []
        for region, (mine, due) in shown["area_cm2"].items():
            true = "" if due is None else f" (reference {due:.1f})"
            parts.append(f"{region} {mine:.1f}{true}")
        text += f"Area in this slice, square centimetres: {', '.join(parts)}."
        return f"{text} {patient.about}".strip()

    def twin(self) -> Picture:
        """Picture of the slices as they stand, with what it shows in words."""
        return Picture(png_bytes(self.draw()), self.describe())


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What :mod:`fedlab_utils.ui.scan` wants of a patient."""

    patient: Segmented
    labels: np.ndarray | None

    @property
    def image(self) -> np.ndarray:
        return self.patient.image

    @property
    def spacing(self) -> tuple[float, float, float]:
        return self.patient.spacing

    @property
    def affine(self) -> np.ndarray:
        return np.diag([*self.patient.spacing, 1.0])


def _dice(patient: Segmented) -> dict[str, float]:
    from fedlab_utils.segmentation.metrics import dice

    pairs = zip(REGIONS, to_regions(patient.predicted), to_regions(patient.labels), strict=True)
    return {region: dice(mine, due) for region, mine, due in pairs}
