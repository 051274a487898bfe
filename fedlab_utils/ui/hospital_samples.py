"""One slice per hospital, framed in the hospital's colour, the tumour's regions outlined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.regions import to_regions
from fedlab_utils.ui import slices
from fedlab_utils.ui.colours import Style

_SIDE, _FRAME, _HEAD, _FOOT, _ROW = 150, 5, 24, 28, 6
_WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Sample:
    """A slice to show for a hospital.

    Attributes
    ----------
    case_id
        Whose slice.
    image
        ``(X, Y)`` of one sequence, RAS, 0 outside the brain; None where the hospital lacks it.
    labels
        ``(X, Y)`` canonical.
    """

    case_id: str
    image: np.ndarray | None
    labels: np.ndarray


def sample_panel(samples: Mapping[str, Sample], styles: dict[str, Style]) -> Image.Image:
    """Draw the samples in rows of six, each in a frame of its hospital's colour.

    A white line around the frame shows a black one on the black ground: H7's, H15's, ...

    Parameters
    ----------
    samples
        Hospital's name -> what to show of it.
    styles
        Hospital's name -> style, of :func:`fedlab_utils.ui.colours.hospital_styles`.
    """
    columns = min(_ROW, len(samples))
    rows = -(-len(samples) // _ROW)
    wide, high = _SIDE + 2 * _FRAME + 8, _SIDE + 2 * _FRAME + _HEAD
    canvas = Image.new("RGB", (columns * wide, rows * high + _FOOT))
    draw = ImageDraw.Draw(canvas)
    layers: list[slices.Layer] = []
    for number, (name, sample) in enumerate(samples.items()):
        left, top = (number % _ROW) * wide + 4, (number // _ROW) * high + _HEAD
        frame = (left, top, left + _SIDE + 2 * _FRAME - 1, top + _SIDE + 2 * _FRAME - 1)
        around = (frame[0] - 1, frame[1] - 1, frame[2] + 1, frame[3] + 1)
        draw.rectangle(around, fill=styles[name].rgb, outline=_WHITE)
        pane, layers = _pane(sample)
        canvas.paste(pane, (left + _FRAME, top + _FRAME))
        if sample.image is None:
            middle = (left + _FRAME + _SIDE // 2, top + _FRAME + _SIDE // 2)
            draw.text(middle, "not taken", _WHITE, slices.font(16), anchor="mm")
        draw.text((left + 2, top - 5), name, _WHITE, slices.font(15), anchor="ls")
    slices.legend(draw, (8, canvas.height - 8), layers, outline=True)
    return canvas


@lru_cache(maxsize=64)  # a sample is known by its identity; a slider comes back to the same ones
def _pane(sample: Sample) -> tuple[Image.Image, list[slices.Layer]]:
    """Draw one slice, its longer side as long as the pane, and return its layers too."""
    target = to_regions(sample.labels)
    turned = np.stack([slices.picture_array(mask, "axial", True) for mask in target])
    layers = slices.region_layers(turned)
    pane = Image.new("RGB", (_SIDE, _SIDE))
    if sample.image is None:
        return pane, layers
    image = np.asarray(sample.image, np.float32)
    grey = slices.to_grey(image, slices.display_window(image))
    grey = slices.picture_array(grey, "axial", True)
    scale = _SIDE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    drawn = Image.fromarray(slices.paint(grey, layers, size, 0.9, outline=True))
    pane.paste(drawn, ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2))
    return pane, layers
