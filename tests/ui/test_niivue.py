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
        np.testing.assert_allclose(stored, scan.image[channel][part], rtol=1e-3, atol=0.5)
    assert drive(viewer) > 0


def test_what_it_says_of_the_cross_hair_is_what_the_arrays_hold() -> None:
    scan = small_scan()
    shown = LinkedViewer(scan).shown
    voxel = tuple(shown["voxel"])
    for channel, name in enumerate(SEQUENCES):
        assert shown["intensity"][name] == pytest.approx(scan.image[(channel, *voxel)])
    assert shown["label"] == LABEL_NAMES[int(scan.labels[voxel])]
    np.testing.assert_allclose(shown["position_mm"], (scan.affine @ [*voxel, 1])[:3])
