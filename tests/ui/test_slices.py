"""Orientation, window and layers of a drawn slice."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.regions import to_regions
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


def test_an_area_has_one_colour_as_a_label_and_as_what_is_seen_of_a_region() -> None:
    labels = np.arange(4, dtype=np.uint8).reshape(2, 2)
    grey = np.full((2, 2), 80, np.uint8)
    seen = [
        slices.paint(grey, slices.overlay_layers(labels, overlay), (2, 2), 0.4, outline=False)
        for overlay in ("labels", "regions")
    ]
    np.testing.assert_array_equal(*seen)
    for value, rgb in ((1, (240, 228, 66)), (2, (86, 180, 233)), (3, (213, 94, 0))):
        mixed = 0.6 * 80 + 0.4 * np.array(rgb)
        np.testing.assert_allclose(seen[0].reshape(4, 3)[value], mixed, atol=0.51)


def test_where_borders_coincide_the_outlines_of_all_regions_are_seen() -> None:
    """A tumour of enhancing tissue alone: ET, TC and WT end at the same voxels."""
    labels = np.zeros((30, 30), np.uint8)
    labels[5:25, 5:25] = 3
    layers = slices.region_layers(to_regions(labels))
    rgb = slices.paint(np.zeros((30, 30), np.uint8), layers, (300, 300), 1.0, outline=True)
    lit = (rgb > 0).any(axis=2).sum()
    for layer in layers:
        assert (rgb == layer.rgb).all(axis=2).sum() > 0.15 * lit, layer.name


def test_the_legend_says_what_a_region_is_made_of() -> None:
    drawn = []

    class Notes:
        def bitmap(self, *_args: object, **_kwargs: object) -> None: ...

        def text(self, _at: object, text: str, *_args: object, **_kwargs: object) -> None:
            drawn.append(text)

        def textlength(self, text: str, _font: object) -> float:
            return 8.0 * len(text)

    labels = np.array([[0, 1, 2, 3]], np.uint8)
    for overlay in ("regions", "labels"):
        slices.legend(Notes(), (0, 20), slices.overlay_layers(labels, overlay), outline=False)
    assert drawn[:3] == ["WT: TC + oedema", "TC: ET + necrosis", "ET: enhancing"]
    assert set(drawn[3:]) == {
        "necrotic or non-enhancing core",
        "peritumoural oedema",
        "enhancing tumour",
    }
