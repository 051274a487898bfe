from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fedlab_utils.data.conventions import LABEL_NAMES, SEQUENCES
from fedlab_utils.ui import TriPlanar
from fedlab_utils.ui.slices import OVERLAYS, display_window, overlay_layers, paint, to_grey
from tests.ui.drive import drive
from tests.ui.scans import small_scan

CROSS = np.array([120, 255, 130])


def _live(viewer: TriPlanar) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(viewer._picture.value)).convert("RGB"))


def _crossings(picture: np.ndarray) -> list[tuple[int, int]]:
    """Centres of the cross-hairs, left to right, found from their colour alone."""
    lit = (picture == CROSS).all(axis=2)
    columns = np.flatnonzero(lit.sum(axis=0) > 60)
    return [
        (x, int(np.bincount(np.nonzero(lit[:, [x - 12, x + 12]])[0]).argmax())) for x in columns
    ]


def _point(viewer: TriPlanar) -> tuple[int, int, int]:
    return tuple(viewer.sliders[p].value for p in ("sagittal", "coronal", "axial"))


def test_every_control_shows_what_the_arrays_say() -> None:
    scan = small_scan()
    viewer = TriPlanar(scan, "toy")

    def check() -> None:
        point, shown = _point(viewer), viewer.shown
        assert shown["intensity"] == {s: scan.image[c][point] for c, s in enumerate(SEQUENCES)}
        assert shown["label"] == LABEL_NAMES[scan.labels[point]]
        position = [-13 + point[0], -20 + 1.5 * point[1], 7 + 3 * point[2]]
        np.testing.assert_allclose(shown["position_mm"], position)
        axial = scan.labels[:, :, point[2]].ravel().tolist()
        ml = {"ET": (3,), "TC": (1, 3), "WT": (1, 2, 3)}
        for region, values in ml.items():
            expected = sum(v in values for v in axial) * 1.0 * 1.5 * 3.0 / 1000
            assert shown["slice_volume_ml"][region] == pytest.approx(expected)
        assert f"Label there: {shown['label']}" in viewer._text.value
        assert viewer._text.value.count("toy: ") == 1

    assert drive(viewer, check) == 4 + len(OVERLAYS) + 2 + 3 + 9


def test_the_pixel_at_the_cross_hair_is_the_windowed_intensity() -> None:
    scan = small_scan()
    viewer = TriPlanar(scan)
    viewer.overlay.value = "none"
    for channel, sequence in enumerate(SEQUENCES):
        viewer.sequence.value = sequence
        volume = scan.image[channel].astype(float)
        low, high = np.percentile(volume[volume != 0], (1, 99.5))
        for point in ((8, 6, 4), (15, 12, 6), (12, 9, 5)):
            for plane, index in zip(("sagittal", "coronal", "axial"), point, strict=True):
                viewer.sliders[plane].value = index
            expected = np.clip((volume[point] - low) / (high - low), 0, 1) * 255
            picture = _live(viewer)
            crossings = _crossings(picture)
            assert len(crossings) == 3
            for x, y in crossings:
                # a pixel of an enlarged picture lies up to half a pixel from the voxel's centre
                assert abs(picture[y, x].astype(float) - expected).max() <= 4


@pytest.mark.parametrize("radiological", [True, False])
def test_the_patients_right_is_where_the_picture_says(radiological: bool) -> None:
    scan = small_scan(labelled=False)
    scan.image[...] = np.where(scan.image != 0, 100, 0)
    scan.image[:, 18:22] *= 3  # larger x is the patient's right
    viewer = TriPlanar(scan, radiological=radiological)
    viewer.overlay.value = "none"
    (x, y), *_ = _crossings(_live(viewer))
    row = _live(viewer)[y - 20, : 2 * x].astype(int).sum(axis=1)
    bright = np.flatnonzero(row > 600)
    assert (bright.mean() < x) == radiological
    side = "left" if radiological else "right"
    picture = np.asarray(viewer.draw())
    turned = np.asarray(TriPlanar(scan, radiological=not radiological).draw())
    assert (picture != turned).any()
    assert viewer._radiological == (side == "left")


def test_panes_keep_the_patients_proportions() -> None:
    scan = small_scan()
    viewer = TriPlanar(scan)
    lit = (_live(viewer) == CROSS).all(axis=2)
    columns = np.flatnonzero(lit.sum(axis=0) > 60)
    heights = [np.ptp(np.flatnonzero(lit[:, x])) + 1 for x in columns]
    field = [(hi - lo) * s for (lo, hi), s in zip(viewer._field, scan.spacing, strict=True)]
    assert heights[0] / heights[1] == pytest.approx(field[1] / field[2], rel=0.02)
    assert heights[1] == heights[2]


def test_the_overlay_mixes_colour_by_opacity() -> None:
    labels = np.zeros((8, 8), np.uint8)
    labels[2:6, 2:6] = 3
    grey = np.full((8, 8), 100, np.uint8)
    layers = overlay_layers(labels, "labels")
    red = np.array([213, 94, 0])  # vermillion, enhancing tumour
    for opacity in (0.0, 0.25, 1.0):
        painted = paint(grey, layers, (80, 80), opacity, outline=False).astype(float)
        np.testing.assert_allclose(painted[40, 40], 100 + opacity * (red - 100), atol=0.51)
        assert (painted[5, 5] == 100).all()
    outlined = paint(grey, layers, (80, 80), 1.0, outline=True)
    assert (outlined[40, 40] == 100).all()
    assert (outlined[20, 40] == red).all()


def test_regions_are_nested_and_each_has_its_colour() -> None:
    labels = np.array([[0, 1, 2, 3, 4]], np.uint8)
    masks = {layer.name: layer.mask.tolist()[0] for layer in overlay_layers(labels, "regions")}
    assert masks == {
        "WT": [False, True, True, True, False],
        "TC": [False, True, False, True, False],
        "ET": [False, False, False, True, False],
    }
    assert [layer.name for layer in overlay_layers(labels, "labels")][-1] == "resection cavity"
    assert overlay_layers(labels, "none") == overlay_layers(None, "labels") == []


def test_background_is_black_also_among_z_scores() -> None:
    volume = np.array([[-2.0, 0.0, 2.0]])
    assert to_grey(volume, (-2.0, 2.0)).tolist() == [[0, 0, 255]]
    assert display_window(np.zeros((2, 2))) == (0.0, 1.0)


def test_a_patient_without_labels_is_shown_without_overlay() -> None:
    viewer = TriPlanar(small_scan(labelled=False))
    assert viewer.overlay.options == ("none",)
    assert viewer.shown["label"] is None
    drive(viewer)
    assert "Label" not in viewer.twin().alt
