"""Drawing of slices: window, orientation, overlay, marks. Plain numpy and Pillow, fast enough to
follow a slider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fedlab_utils.data.conventions import CAVITY, LABEL_NAMES, REGIONS
from fedlab_utils.data.regions import to_regions
from fedlab_utils.ui.colours import LABEL_STYLES, REGION_STYLES
from fedlab_utils.ui.outlines import DRAWN
from fedlab_utils.ui.outlines import outline as outline_of

PLANES = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
"""Plane -> the array axes that run along its width and its height."""

NORMAL = {"axial": 2, "coronal": 1, "sagittal": 0}
"""Plane -> the array axis along which one leafs through its slices."""

OVERLAYS = ("labels", "regions", "ET", "TC", "WT", "none")
LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
EDGE = 18
"""Pixels to leave free on all sides of a pane, for the letters of :func:`edge_letters`."""

CROSS = (120, 255, 130)
"""Colour of a cross-hair: that of no label."""

_MEANINGS = {"ET": "enhancing", "TC": "ET + necrosis", "WT": "TC + oedema"}
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Layer:
    """One colour of an overlay: where it lies (bool array), its name, RGB and outline's style.

    `meaning` stands behind the name in a legend.
    """

    mask: np.ndarray
    name: str
    rgb: tuple[int, int, int]
    line: str = "-"
    meaning: str = ""


def display_window(volume: np.ndarray) -> tuple[float, float]:
    """Intensities drawn black and white: 1st and 99.5th percentile of the non-zero voxels."""
    inside = volume[volume != 0]
    if inside.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(inside, (1.0, 99.5)))
    return low, high if high > low else low + 1.0


def to_grey(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Map intensities to 0..255 (uint8), linearly between the two ends of the window.

    Background, which is exactly 0, is black, also where 0 is the mean of the brain (z-scores).
    """
    low, high = window
    grey = (np.clip((values - low) / (high - low), 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.where(values == 0, np.uint8(0), grey)


def overlay_layers(labels: np.ndarray | None, overlay: str) -> list[Layer]:
    """Split canonical labels into the layers of one overlay, the outermost first.

    Parameters
    ----------
    labels
        Canonical labels of any shape, or None.
    overlay
        One of :data:`OVERLAYS`: each label by itself, the three nested regions, one of them, none.
    """
    if labels is None or overlay == "none":
        return []
    if overlay == "labels":
        return [
            Layer(labels == value, LABEL_NAMES[value], style.rgb, style.line)
            for value, style in LABEL_STYLES.items()
            if value != CAVITY or (labels == value).any()
        ]
    wanted = REGIONS if overlay == "regions" else (overlay,)
    return region_layers(to_regions(labels), wanted)


def region_layers(target: np.ndarray, wanted: Sequence[str] = REGIONS) -> list[Layer]:
    """Layers of a target ``(3, ...)`` in ET, TC, WT order, the largest region first."""
    return [
        Layer(target[REGIONS.index(name)], name, style.rgb, style.line, _MEANINGS[name])
        for name, style in reversed(REGION_STYLES.items())
        if name in wanted
    ]


def flips(plane: str, radiological: bool) -> tuple[bool, bool]:
    """Whether the width and the height of a plane run against its array axes.

    Height always runs down the picture while its axis runs up. The sagittal plane looks from the
    patient's left, nose to the left.
    """
    return (plane == "sagittal" or radiological), True


def picture_array(section: np.ndarray, plane: str, radiological: bool) -> np.ndarray:
    """Turn a slice ``(width axis, height axis)`` into picture rows and columns."""
    flip_width, flip_height = flips(plane, radiological)
    section = section[::-1] if flip_width else section
    section = section[:, ::-1] if flip_height else section
    return np.ascontiguousarray(section.T)


def paint(
    grey: np.ndarray,
    layers: Sequence[Layer],
    size: tuple[int, int],
    opacity: float,
    outline: bool,
    smooth: bool = True,
) -> np.ndarray:
    """Enlarge a slice and lay coloured masks over it.

    Parameters
    ----------
    grey
        ``(rows, columns)`` uint8, already oriented.
    layers
        Masks of the same shape, enlarged by the nearest voxel. Later areas cover earlier ones.
        Outlines are drawn in the order of :data:`fedlab_utils.ui.outlines.DRAWN`, so that none
        hides another.
    size
        Width and height in pixels.
    opacity
        0 leaves the image, 1 hides it.
    outline
        Draw only the border of each mask, in its layer's line style.
    smooth
        Interpolate linearly between voxels; False shows each voxel as the block it is.

    Returns
    -------
    numpy.ndarray
        ``(height, width, 3)`` uint8.
    """
    method = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    base = np.asarray(Image.fromarray(grey).resize(size, method))
    rgb = np.repeat(base[..., None], 3, axis=2)
    if opacity == 0:
        return rgb
    colour, covered = np.zeros(rgb.shape, np.float32), np.zeros(base.shape, bool)
    for layer in sorted(layers, key=lambda one: DRAWN.index(one.line)) if outline else layers:
        mask = np.asarray(
            Image.fromarray(layer.mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
        ).astype(bool)
        mask = outline_of(mask, layer.line) if outline else mask
        colour[mask], covered[mask] = layer.rgb, True
    mixed = (1 - opacity) * rgb[covered] + opacity * colour[covered]
    rgb[covered] = (mixed + 0.5).astype(np.uint8)
    return rgb


@cache
def font(size: int = 14) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font, the same on every machine."""
    return ImageFont.load_default(size)


def edge_letters(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], plane: str, radiological: bool
) -> None:
    """Write the patient's directions (L/R, A/P, S/I) beside the four edges of a pane.

    `box` holds the pane's first and last column and row; the letters lie within :data:`EDGE`
    pixels outside of it, never on the picture.
    """
    left, top, right, bottom = box
    width_axis, height_axis = PLANES[plane]
    flip_width, flip_height = flips(plane, radiological)
    start, end = LETTERS[width_axis][:: -1 if flip_width else 1]
    high, low = LETTERS[height_axis][:: 1 if flip_height else -1][::-1]
    middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
    half = EDGE // 2
    for x, y, letter in (
        (left - half, middle_y, start),
        (right + half, middle_y, end),
        (middle_x, top - half, high),
        (middle_x, bottom + half, low),
    ):
        draw.text((x, y), letter, _WHITE, font(16), anchor="mm")


def scale_bar(draw: ImageDraw.ImageDraw, corner: tuple[int, int], pixels_per_mm: float) -> None:
    """Draw a bar of 20 mm from its lower left corner."""
    x, y = corner
    length = round(20 * pixels_per_mm)
    draw.rectangle((x, y - 4, x + length, y), fill=_WHITE, outline=(0, 0, 0))
    draw.text((x + length + 6, y + 1), "20 mm", _WHITE, font(13), anchor="ls")


def cross_hair(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], x: int, y: int, gap: int = 7
) -> None:
    """Draw two lines that meet at a pixel and leave it and its surroundings free."""
    left, top, right, bottom = box
    for line in (
        (left, y, x - gap, y),
        (x + gap, y, right, y),
        (x, top, x, y - gap),
        (x, y + gap, x, bottom),
    ):
        draw.line(line, fill=CROSS)


def legend(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], layers: Sequence[Layer], outline: bool
) -> None:
    """Write the names of the layers in one row, each beside a swatch of its colour and line."""
    x, y = corner
    for layer in layers:
        swatch = np.ones((13, 27), bool)
        swatch = outline_of(swatch, layer.line) if outline else swatch
        draw.bitmap((x, y - 12), Image.fromarray(swatch), fill=layer.rgb)
        text = f"{layer.name}: {layer.meaning}" if layer.meaning else layer.name
        draw.text((x + 33, y + 1), text, _WHITE, font(14), anchor="ls")
        x += 54 + int(draw.textlength(text, font(14)))
