"""The linked viewer before and after the browser has said that it can draw."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest

from fedlab_utils.data.conventions import LABEL_NAMES, SEQUENCES
from fedlab_utils.ui import LinkedViewer
from tests.ui.drive import drive
from tests.ui.scans import small_scan


def _volume(data: object) -> nibabel.Nifti1Image:
    raw = bytes(data)
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)


def test_without_webgl_the_still_picture_stays() -> None:
    viewer = LinkedViewer(small_scan(), "toy")
    viewer._probe.available = "no"
    assert viewer.viewers == []
    assert viewer.shown["live"] is False
    assert "toy" in viewer.twin().alt


def test_with_webgl_each_window_holds_its_sequence_where_the_scan_lies() -> None:
    scan = small_scan()
    viewer = LinkedViewer(scan, "toy")
    viewer._probe.available = "yes"
    assert len(viewer.viewers) == len(SEQUENCES)
    for channel, window in enumerate(viewer.viewers):
        image = _volume(window.volumes[0].data)
        stored = image.get_fdata()
        offset = np.round(np.linalg.inv(scan.affine) @ image.affine @ [0, 0, 0, 1])[:3].astype(int)
        part = tuple(slice(o, o + n) for o, n in zip(offset, stored.shape, strict=True))
        np.testing.assert_array_equal(stored, scan.image[channel][part])
        for volume, whole in zip(window.volumes, (scan.image[channel], scan.labels), strict=True):
            held = _volume(volume.data)
            np.testing.assert_array_equal(held.get_fdata(), whole[part])
            np.testing.assert_allclose(held.affine, image.affine)


def test_every_control_reaches_all_windows() -> None:
    viewer = LinkedViewer(small_scan(), "toy")
    viewer._probe.available = "yes"
    numbers = {"axial": 0, "coronal": 1, "sagittal": 2, "3-D": 4}
    states = set()

    def check() -> None:
        view, opacity = viewer.view.value, viewer.opacity.value
        states.add((view, opacity))
        assert (viewer.shown["view"], viewer.shown["opacity"]) == (view, opacity)
        for window in viewer.viewers:
            assert window.opts.slice_type.value == numbers[view]
            assert window.volumes[1].opacity == opacity
            assert window.volumes[0].opacity == 1

    check()
    assert drive(viewer, check) == 7
    assert {view for view, _ in states} == set(numbers)
    assert {opacity for _, opacity in states} >= {0.0, 0.5, 1.0}


def test_windows_made_late_take_over_what_the_controls_say() -> None:
    viewer = LinkedViewer(small_scan())
    viewer.view.value, viewer.opacity.value = "coronal", 0.9
    assert viewer.viewers == []
    viewer._probe.available = "yes"
    for window in viewer.viewers:
        assert (window.opts.slice_type.value, window.volumes[1].opacity) == (1, 0.9)


def test_a_click_in_one_window_is_told_from_the_arrays() -> None:
    scan = small_scan()
    viewer = LinkedViewer(scan)
    viewer._probe.available = "yes"
    first = _volume(viewer.viewers[2].volumes[0].data)
    inside = (9, 7, 4)
    voxel = np.linalg.inv(scan.affine) @ first.affine @ [*inside, 1]
    voxel = tuple(int(v) for v in np.round(voxel[:3]))
    viewer._moved(2, {"vox": [*inside, 0], "values": [{"value": 44.0}]})
    shown = viewer.shown
    assert shown["voxel"] == voxel
    assert shown["reported"] == {"T2": 44.0}
    assert shown["label"] == LABEL_NAMES[int(scan.labels[voxel])]
    for channel, name in enumerate(SEQUENCES):
        assert shown["intensity"][name] == scan.image[(channel, *voxel)]
    np.testing.assert_allclose(shown["position_mm"], (scan.affine @ [*voxel, 1])[:3])


def test_what_it_says_of_the_cross_hair_is_what_the_arrays_hold() -> None:
    scan = small_scan()
    shown = LinkedViewer(scan).shown
    voxel = tuple(shown["voxel"])
    for channel, name in enumerate(SEQUENCES):
        assert shown["intensity"][name] == pytest.approx(scan.image[(channel, *voxel)])
    assert shown["label"] == LABEL_NAMES[int(scan.labels[voxel])]
    np.testing.assert_allclose(shown["position_mm"], (scan.affine @ [*voxel, 1])[:3])
