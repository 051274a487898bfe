"""Orientation, window and layers of a drawn slice."""

from __future__ import annotations

import numpy as np

from fedlab_utils.ui import slices


def test_window_maps_its_ends_to_black_and_white() -> None:
    grey = slices.to_grey(np.array([-5.0, 10.0, 15.0, 20.0, 99.0, 0.0]), (10.0, 20.0))
    assert grey.tolist() == [0, 0, 128, 255, 255, 0]


def test_radiological_pictures_have_the_patients_right_on_the_left() -> None:
    section = np.zeros((5, 7))
    section[4, 6] = 1  # far right, far anterior
    assert slices.picture_array(section, "axial", radiological=True)[0, 0] == 1
    assert slices.picture_array(section, "axial", radiological=False)[0, -1] == 1


def test_paint_mixes_by_opacity_and_leaves_the_rest() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    layer = slices.Layer(mask, "half", (200, 100, 0))
    rgb = slices.paint(np.full((4, 4), 100, np.uint8), [layer], (4, 4), 0.5, outline=False)
    assert rgb[0, 0].tolist() == [150, 100, 50]
    assert rgb[3, 3].tolist() == [100, 100, 100]
