"""The four sequences of one slice side by side, the last with the segmentation's outline."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.ui import slices
from fedlab_utils.ui.scan import Scan, field_of_view, starting_point
from fedlab_utils.ui.twin import Picture, png_bytes

_SIDE, _GAP = 270, 4
_PITCH, _HEAD, _FOOT = _SIDE + 2 * slices.EDGE + _GAP, 28 + slices.EDGE, 30 + slices.EDGE


def sequence_panel(scan: Scan, title: str = "", outline: bool = True) -> Picture:
    """Show T1, T1ce, T2 and FLAIR of the axial slice with the most tumour.

    Parameters
    ----------
    scan
        Patient with ``image`` (4, X, Y, Z) in RAS, ``labels`` (X, Y, Z) canonical or None, and
        ``spacing`` in mm.
    title
        Name of the patient, for the alt text.
    outline
        Draw the border of each label on the last sequence; the others stay as they are.
    """
    index = starting_point(scan)[2]
    (x0, x1), (y0, y1), _ = field_of_view(scan)
    width_mm, height_mm = (x1 - x0) * scan.spacing[0], (y1 - y0) * scan.spacing[1]
    size = (_SIDE, round(_SIDE * height_mm / width_mm))
    labels = None if scan.labels is None or not outline else scan.labels[x0:x1, y0:y1, index]
    turned = None if labels is None else slices.picture_array(labels, "axial", True)
    layers = slices.overlay_layers(turned, "labels")
    canvas = Image.new("RGB", (4 * _PITCH - _GAP, _HEAD + size[1] + _FOOT))
    draw = ImageDraw.Draw(canvas)
    for number, (name, volume) in enumerate(zip(SEQUENCES, scan.image, strict=True)):
        section = slices.picture_array(volume[x0:x1, y0:y1, index], "axial", True)
        grey = slices.to_grey(section, slices.display_window(volume))
        left = number * _PITCH + slices.EDGE
        drawn = layers if name == SEQUENCES[-1] else []
        pane = slices.paint(grey, drawn, size, 0.9, outline=True)
        canvas.paste(Image.fromarray(pane), (left, _HEAD))
        draw.text((left + 4, 20), name, (255, 255, 255), slices.font(16), anchor="ls")
        box = (left, _HEAD, left + size[0] - 1, _HEAD + size[1] - 1)
        slices.edge_letters(draw, box, "axial", True)
    bottom = canvas.height - 9
    slices.scale_bar(draw, (6, bottom), _SIDE / width_mm)
    slices.legend(draw, (140, bottom), layers, outline=True)
    alt = f"{title + ': ' if title else ''}axial slice {index} in T1, T1ce, T2 and FLAIR"
    if labels is not None:
        area = np.count_nonzero(labels) * scan.spacing[0] * scan.spacing[1] / 100
        alt += f", with the tumour outlined in FLAIR; it covers {area:.1f} square centimetres here."
    return Picture(png_bytes(canvas), alt)
