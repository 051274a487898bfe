"""Where the viewers look first, and how much of a scan they show."""

from __future__ import annotations

import numpy as np

from fedlab_utils.ui.scan import field_of_view, starting_point
from tests.ui.scans import small_scan


def test_the_field_of_view_leaves_six_millimetres_and_stays_in_the_array() -> None:
    scan = small_scan()
    filled = np.argwhere(scan.image.any(axis=0))
    first, last = filled.min(axis=0), filled.max(axis=0)
    # 6 mm are 6, 4 and 2 voxels of 1, 1.5 and 3 mm; the array ends before that on most sides.
    low = np.maximum(first - (6, 4, 2), 0)
    high = np.minimum(last + 1 + (6, 4, 2), (26, 20, 12))
    assert field_of_view(scan) == list(zip(low, high, strict=True))


def test_a_margin_of_a_broken_number_of_voxels_is_rounded_up() -> None:
    scan = small_scan()
    scan.image = np.zeros((4, 30, 30, 30), np.float32)
    scan.image[0, 14, 15, 16] = 1
    scan.spacing = (4.0, 5.0, 7.0)
    assert field_of_view(scan) == [(12, 17), (13, 18), (15, 18)]


def test_an_empty_scan_is_shown_whole() -> None:
    scan = small_scan()
    scan.image[:] = 0
    assert field_of_view(scan) == [(0, 26), (0, 20), (0, 12)]


def test_the_start_is_where_each_cut_shows_most_tumour() -> None:
    scan = small_scan()
    scan.labels[:] = 0
    scan.labels[3:9, 5, 4] = 2  # along x: most of it lies in the slices y = 5 and z = 4
    scan.labels[7, 2:8, 4] = 1  # along y: most of it lies in x = 7
    scan.labels[7, 5, 1:10] = 3
    assert starting_point(scan) == (7, 5, 4)
    areas = [
        [np.count_nonzero(np.take(scan.labels, i, axis)) for i in range(scan.labels.shape[axis])]
        for axis in range(3)
    ]
    assert starting_point(scan) == tuple(int(np.argmax(area)) for area in areas)


def test_without_tumour_the_start_is_the_middle() -> None:
    assert starting_point(small_scan(labelled=False)) == (13, 10, 6)
    scan = small_scan()
    scan.labels[:] = 0
    assert starting_point(scan) == (13, 10, 6)
