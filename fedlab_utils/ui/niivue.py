"""The four sequences of a patient side by side in NiiVue, with one cross-hair for all.

NiiVue draws with WebGL 2. A browser without it keeps the static picture, and NiiVue is not even
started there, so that no error appears.
"""

from __future__ import annotations

import gzip

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.conventions import LABEL_NAMES, SEQUENCES
from fedlab_utils.ui import slices
from fedlab_utils.ui.colours import LABEL_STYLES
from fedlab_utils.ui.scan import Scan, field_of_view, starting_point
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes
from fedlab_utils.ui.webgl import SilentProbe

_VIEWS = {"axial": "AXIAL", "coronal": "CORONAL", "sagittal": "SAGITTAL", "3-D": "RENDER"}
_OPACITY = 0.4
_PANE = 224


class LinkedViewer(TwinBox):
    """T1, T1ce, T2 and FLAIR in four linked NiiVue windows, the segmentation laid over.

    Click or drag in one window and all four cross-hairs move there; the mouse wheel leafs through
    the slices. Until the browser has said that it can draw with WebGL 2, and for good where it
    cannot, the static picture stands in place of the windows.

    Parameters
    ----------
    scan
        Patient with ``image``, ``labels``, ``affine`` and ``spacing``; a ``Case`` for instance.
    title
        Name of the patient in the text below.
    height
        Height of the windows in pixels.

    Attributes
    ----------
    shown : dict
        ``voxel`` (index in `scan`), ``position_mm``, ``intensity`` per sequence and ``label`` at
        the cross-hair, ``opacity``, ``view``, ``live`` (whether NiiVue draws), ``reported``
        (sequence -> value that NiiVue itself read there, once it was clicked).
    viewers : list
        The four ``ipyniivue.NiiVue``, empty until WebGL was found.
    """

    def __init__(self, scan: Scan, title: str = "", height: int = 300) -> None:
        self._scan, self._title, self._height = scan, title, height
        self._field = field_of_view(scan)
        self._voxel = starting_point(scan)
        self._reported: dict[str, float] = {}
        self.viewers: list = []
        self.view = widgets.Dropdown(options=list(_VIEWS), description="View")
        self.opacity = widgets.FloatSlider(
            _OPACITY, min=0, max=1, step=0.05, description="Overlay", disabled=scan.labels is None
        )
        self._text = widgets.HTML()
        still = widgets.Image(
            value=png_bytes(self.draw()), format="png", layout={"max_width": "100%"}
        )
        self._stage = widgets.VBox([still])
        self._probe = SilentProbe()
        self._probe.observe(self._answer, "available")
        self.view.observe(self._apply, "value")
        self.opacity.observe(self._apply, "value")
        self._report()
        controls = widgets.HBox([self.view, self.opacity], layout={"flex_flow": "row wrap"})
        super().__init__([controls, self._stage, self._text, self._probe])

    def _answer(self, change: dict) -> None:
        """Start NiiVue once the browser has said that it can draw with WebGL 2."""
        if change["new"] == "yes" and not self.viewers:
            self.viewers = [self._viewer(channel) for channel in range(len(SEQUENCES))]
            for viewer in self.viewers:
                others = [other for other in self.viewers if other is not viewer]
                viewer.broadcast_to(others, {"crosshair": True})
            windows = [
                widgets.VBox([widgets.HTML(f"<b>{name}</b>"), viewer])
                for name, viewer in zip(SEQUENCES, self.viewers, strict=True)
            ]
            columns = "repeat(auto-fit, minmax(190px, 1fr))"
            self._stage.children = [
                widgets.GridBox(windows, layout={"grid_template_columns": columns})
            ]
        self._report()

    def _viewer(self, channel: int) -> widgets.DOMWidget:
        from ipyniivue import NiiVue, SliceType, Volume

        viewer = NiiVue(
            height=self._height,
            slice_type=SliceType[_VIEWS[self.view.value]],
            is_radiological_convention=True,
            sagittal_nose_left=True,
            is_corner_orientation_text=True,
            show_legend=False,
            drag_and_drop_enabled=False,
            crosshair_color=(*(level / 255 for level in slices.CROSS), 1.0),
            crosshair_width=0.5,
            log_level="error",
        )
        low, high = slices.display_window(self._scan.image[channel])
        data = self._nifti(self._scan.image[channel])
        name = f"{SEQUENCES[channel]}.nii.gz"
        volumes = [Volume(data=data, name=name, colormap="gray", cal_min=low, cal_max=high)]
        if self._scan.labels is not None:
            overlay = Volume(
                data=self._nifti(self._scan.labels),
                name="segmentation.nii.gz",
                opacity=self.opacity.value,
            )
            overlay.set_colormap_label(_label_colours())
            volumes.append(overlay)
        viewer.load_volumes(volumes)
        box = [high - low for low, high in self._field]
        start = [v - low for v, (low, _) in zip(self._voxel, self._field, strict=True)]
        viewer.scene.crosshair_pos = [(v + 0.5) / n for v, n in zip(start, box, strict=True)]
        viewer.on_location_change(lambda place: self._moved(channel, place))
        return viewer

    def _nifti(self, volume: np.ndarray) -> bytes:
        """The part of a volume inside the field of view as a compressed NIfTI file."""
        import nibabel as nib

        part = volume[tuple(slice(low, high) for low, high in self._field)]
        whole = part.astype(np.int16)
        part = whole if (whole == part).all() else part.astype(np.float32)
        part = part.astype(np.uint8) if volume.dtype == np.uint8 else part
        affine = np.array(self._scan.affine, dtype=float)
        affine[:3, 3] += affine[:3, :3] @ [low for low, _ in self._field]
        return gzip.compress(nib.Nifti1Image(part, affine).to_bytes(), 1)

    def _apply(self, _change: object = None) -> None:
        """Carry the controls over to the four windows."""
        if self.viewers:
            from ipyniivue import SliceType

            for viewer in self.viewers:
                viewer.set_slice_type(SliceType[_VIEWS[self.view.value]])
                if len(viewer.volumes) > 1:
                    viewer.volumes[1].opacity = self.opacity.value
        self._report()

    def _moved(self, channel: int, place: dict) -> None:
        """Take over where the cross-hair is and what NiiVue read there."""
        inside = zip(place["vox"][:3], self._field, strict=True)
        self._voxel = tuple(int(v) + low for v, (low, _) in inside)
        self._reported[SEQUENCES[channel]] = float(place["values"][0]["value"])
        self._report()

    def _report(self) -> None:
        scan, voxel = self._scan, self._voxel
        position = scan.affine[:3, :3] @ voxel + scan.affine[:3, 3]
        self.shown = {
            "voxel": voxel,
            "position_mm": tuple(position.tolist()),
            "intensity": {s: float(scan.image[(c, *voxel)]) for c, s in enumerate(SEQUENCES)},
            "label": None if scan.labels is None else LABEL_NAMES[int(scan.labels[voxel])],
            "opacity": self.opacity.value,
            "view": self.view.value,
            "live": bool(self.viewers),
            "reported": dict(self._reported),
        }
        hint = {
            "yes": "Click or drag in one window: all four follow. The wheel leafs through slices. "
            "The letters in a window's corner say which side is left in it, and which is up.",
            "no": "This browser has no WebGL 2, so this is a still picture.",
            "unknown": "Waiting for the browser: the picture becomes a viewer when it can.",
        }[self._probe.available]
        self._text.value = f"<div role='status'>{self.describe()}<br><i>{hint}</i></div>"

    def draw(self) -> Image.Image:
        """Draw the four axial slices side by side: the static twin."""
        field, index = self._field, self._voxel[2]
        head, foot = 28 + slices.EDGE, 30 + slices.EDGE
        size_mm = [(b - a) * s for (a, b), s in zip(field, self._scan.spacing, strict=True)]
        width, pitch = _PANE, _PANE + 2 * slices.EDGE
        size = (width, round(width * size_mm[1] / size_mm[0]))
        canvas = Image.new("RGB", (4 * pitch, head + size[1] + foot))
        draw = ImageDraw.Draw(canvas)
        inside = (slice(*field[0]), slice(*field[1]))
        layers = []
        if self._scan.labels is not None:
            labels = slices.picture_array(self._scan.labels[..., index][inside], "axial", True)
            layers = slices.overlay_layers(labels, "labels")
        for channel, name in enumerate(SEQUENCES):
            volume = self._scan.image[channel]
            grey = slices.to_grey(volume[..., index][inside], slices.display_window(volume))
            grey = slices.picture_array(grey, "axial", True)
            left = channel * pitch + slices.EDGE
            pane = slices.paint(grey, layers, size, self.opacity.value, outline=False)
            canvas.paste(Image.fromarray(pane), (left, head))
            box = (left, head, left + width - 1, head + size[1] - 1)
            slices.edge_letters(draw, box, "axial", True)
            draw.text((left + 4, 20), name, (255, 255, 255), slices.font(16), anchor="ls")
        slices.scale_bar(draw, (6, canvas.height - 9), size[0] / size_mm[0])
        slices.legend(draw, (130, canvas.height - 9), layers, outline=False)
        return canvas

    def describe(self) -> str:
        """Say in words what is at the cross-hair; with the static picture also its alt text."""
        shown = self.shown
        values = ", ".join(f"{s} {v:.4g}" for s, v in shown["intensity"].items())
        label = f"; label {shown['label']}" if shown["label"] is not None else ""
        name = f"{self._title}: " if self._title else ""
        return f"{name}voxel {shown['voxel']}: {values}{label}."

    def twin(self) -> Picture:
        """Picture of the four sequences in the axial plane of the cross-hair."""
        alt = (
            f"The four sequences side by side in axial slice {self._voxel[2]}, patient's right on "
            f"the left, with the segmentation in colour. At the cross-hair, {self.describe()}"
        )
        return Picture(png_bytes(self.draw()), alt)


def _label_colours() -> dict[str, list]:
    """The colours of the labels as NiiVue wants them; background is transparent."""
    values = [0, *LABEL_STYLES]
    rgb = [(0, 0, 0), *(style.rgb for style in LABEL_STYLES.values())]
    return {
        **{letter: [c[i] for c in rgb] for i, letter in enumerate("RGB")},
        "A": [0, *[255] * len(LABEL_STYLES)],
        "I": values,
        "labels": [LABEL_NAMES[value] for value in values],
    }
