"""Before and after one augmentation, its strength on a slider."""

from __future__ import annotations

import ipywidgets as widgets
import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.regions import to_regions
from fedlab_utils.errors import DataError
from fedlab_utils.ui import slices
from fedlab_utils.ui.scan import Scan, starting_point
from fedlab_utils.ui.twin import Picture, TwinBox, png_bytes

_PANE, _GAP = 280, 5
_PITCH, _HEAD, _FOOT = _PANE + 2 * slices.EDGE + _GAP, 28 + slices.EDGE, 30 + slices.EDGE
_DIFFERENCE_RANGE = 2.0


class AugmentationExplorer(TwinBox):
    """An axial slice, the same slice augmented, and the difference, with the regions' outlines.

    Parameters
    ----------
    scan
        A preprocessed patient (z-scores, background 0) with labels.
    index
        Axial slice; default the one with the most tumour.

    Attributes
    ----------
    shown : dict
        ``name``, ``strength``, ``seed``, ``sequence``; ``before`` and ``after`` (the two slices,
        z-scores), ``target_before`` and ``target_after`` (3, H, W), ``change`` (mean absolute
        difference in the brain, z-scores), ``dice`` (per region, overlap of target before and
        after; None where a region is empty).

    Raises
    ------
    DataError
        If the patient has no labels.
    """

    def __init__(self, scan: Scan, index: int | None = None) -> None:
        from fedlab_utils.segmentation.augmentation import AUGMENTATIONS

        if scan.labels is None:
            raise DataError(
                "augmentation explorer",
                "this patient has no segmentation to outline",
                "Choose a patient with labels",
            )
        index = starting_point(scan)[2] if index is None else index
        self._image = np.asarray(scan.image[..., index], np.float32)
        self._target = to_regions(np.asarray(scan.labels[..., index]))
        self._windows = [slices.display_window(np.asarray(v, np.float32)) for v in scan.image]
        narrow = {"description_width": "70px"}
        self.name = widgets.Dropdown(
            options=list(AUGMENTATIONS), value="affine", description="Transform", style=narrow
        )
        self.strength = widgets.FloatSlider(
            0.6, min=0, max=1, step=0.05, description="Strength", style=narrow
        )
        self.seed = widgets.IntSlider(0, min=0, max=20, description="Seed", style=narrow)
        self.sequence = widgets.Dropdown(
            options=SEQUENCES, value="FLAIR", description="Sequence", style=narrow
        )
        self._picture = widgets.Image(format="png", layout={"max_width": "100%"})
        self._text = widgets.HTML()
        for control in (self.name, self.strength, self.seed, self.sequence):
            control.observe(self.redraw, "value")
        self.redraw()
        rows = ([self.name, self.strength], [self.seed, self.sequence])
        boxes = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self._picture, self._text])

    def redraw(self, _change: object = None) -> None:
        """Augment and draw again from the controls."""
        self._update_shown()
        self._picture.value = png_bytes(self.draw(), compact=False)
        self._text.value = f"<div role='status'>{self.describe()}</div>"

    def _update_shown(self) -> None:
        from fedlab_utils.segmentation.augmentation import augment

        name, strength, seed = self.name.value, self.strength.value, self.seed.value
        after, target = augment(name, self._image, self._target, strength=strength, seed=seed)
        after, target = np.asarray(after, np.float32), np.asarray(target).astype(bool)
        channel = SEQUENCES.index(self.sequence.value)
        brain = (self._image != 0).any(axis=0) | (after != 0).any(axis=0)
        difference = np.abs(after[channel] - self._image[channel])[brain]
        self.shown = {
            "name": name,
            "strength": strength,
            "seed": seed,
            "sequence": self.sequence.value,
            "before": self._image[channel],
            "after": after[channel],
            "target_before": self._target,
            "target_after": target,
            "change": float(difference.mean()) if brain.any() else 0.0,
            "dice": {
                region: _dice(a, b)
                for region, a, b in zip(REGIONS, self._target, target, strict=True)
            },
        }

    def draw(self) -> Image.Image:
        """Compose the three panes."""
        shown = self.shown
        window = self._windows[SEQUENCES.index(shown["sequence"])]
        height = round(_PANE * self._image.shape[2] / self._image.shape[1])
        canvas = Image.new("RGB", (3 * _PITCH - _GAP, _HEAD + height + _FOOT))
        draw = ImageDraw.Draw(canvas)
        panes = [
            (f"{shown['sequence']} before", *self._side("before", window)),
            (f"after {shown['name']}, {shown['strength']:.2f}", *self._side("after", window)),
            ("after minus before", _signed(shown["after"] - shown["before"]), []),
        ]
        for number, (title, grey, layers) in enumerate(panes):
            left, size = number * _PITCH + slices.EDGE, (_PANE, height)
            pane = slices.paint(grey, layers, size, opacity=1.0, outline=True)
            canvas.paste(Image.fromarray(pane), (left, _HEAD))
            box = (left, _HEAD, left + _PANE - 1, _HEAD + height - 1)
            slices.edge_letters(draw, box, "axial", True)
            draw.text((left + 4, 20), title, (255, 255, 255), slices.font(15), anchor="ls")
        layers = panes[0][2]
        slices.legend(draw, (8, canvas.height - 9), layers, outline=True)
        note = f"grey: no change, white: {_DIFFERENCE_RANGE:g} z-scores brighter"
        draw.text(
            (canvas.width - 6, canvas.height - 8),
            note,
            (255, 255, 255),
            slices.font(13),
            anchor="rs",
        )
        return canvas

    def _side(
        self, side: str, window: tuple[float, float]
    ) -> tuple[np.ndarray, list[slices.Layer]]:
        """Grey values and region outlines of one pane, oriented as a picture."""
        grey = slices.picture_array(slices.to_grey(self.shown[side], window), "axial", True)
        target = self.shown[f"target_{side}"]
        turned = np.stack([slices.picture_array(mask, "axial", True) for mask in target])
        layers = slices.region_layers(turned)
        return grey, layers

    def describe(self) -> str:
        """Say in words what the picture shows; also its alt text."""
        shown = self.shown
        overlap = ", ".join(
            f"{region} {'none here' if value is None else f'{value:.2f}'}"
            for region, value in shown["dice"].items()
        )
        return (
            f"An axial {shown['sequence']} slice before and after the augmentation "
            f"'{shown['name']}' with strength {shown['strength']:.2f} and seed {shown['seed']}, "
            f"and their difference. Mean absolute change in the brain: {shown['change']:.3f} "
            f"z-scores. Dice of each region before against after: {overlap}."
        )

    def twin(self) -> Picture:
        """Picture of the three panes as they stand."""
        return Picture(png_bytes(self.draw()), self.describe())


def _dice(a: np.ndarray, b: np.ndarray) -> float | None:
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else None


def _signed(difference: np.ndarray) -> np.ndarray:
    """Grey picture of a signed difference: middle grey is none."""
    share = np.clip(difference / (2 * _DIFFERENCE_RANGE) + 0.5, 0, 1)
    return slices.picture_array((share * 255 + 0.5).astype(np.uint8), "axial", True)
