"""Small pieces go, the tumour and its large satellites stay, in every region alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from fedlab_utils.segmentation.components import drop_little_enhancement, drop_small_pieces


def three_pieces() -> np.ndarray:
    """A tumour of 64 voxels with all regions, a satellite of 27, a speck of 2 with ET."""
    regions = np.zeros((3, 16, 16, 8), bool)
    regions[2, 1:5, 1:5, 1:5] = True
    regions[1, 2:4, 2:4, 2:4] = True
    regions[0, 2, 2, 2] = True
    regions[2, 8:11, 8:11, 1:4] = True
    regions[:, 14, 1:3, 6] = True
    return regions


@pytest.mark.parametrize(("share", "left"), [(0.0, 93), (0.03, 93), (0.1, 91), (0.5, 64), (1, 64)])
def test_pieces_below_the_share_of_the_largest_go(share: float, left: int) -> None:
    kept = drop_small_pieces(three_pieces(), share)
    assert kept[2].sum() == left
    assert kept[0].sum() == (3 if left == 93 else 1)


def test_a_piece_that_touches_at_a_corner_belongs_to_it() -> None:
    regions = np.zeros((3, 6, 6, 6), bool)
    regions[2, :3, :3, :3] = True
    regions[2, 3, 3, 3] = True
    assert drop_small_pieces(regions, 0.5)[2].sum() == 28


def test_core_that_sticks_out_of_the_whole_tumour_counts_with_it() -> None:
    regions = np.zeros((3, 6, 6, 6), bool)
    regions[2, :2, :2, :2] = True
    regions[1, 2, :2, :2] = True
    np.testing.assert_array_equal(drop_small_pieces(regions, 0.9), regions)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_it_agrees_with_another_labelling_and_does_nothing_twice(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    regions = rng.random((3, 9, 8, 7)) < 0.06
    kept = drop_small_pieces(regions, share)
    pieces = label(regions.any(0), connectivity=3)
    sizes = {n: int((pieces == n).sum()) for n in range(1, pieces.max() + 1)}
    due = [n for n, size in sizes.items() if share <= 0 or size >= share * max(sizes.values())]
    np.testing.assert_array_equal(kept, regions & np.isin(pieces, due))
    np.testing.assert_array_equal(drop_small_pieces(kept, share), kept)


def test_nothing_stays_nothing() -> None:
    assert not drop_small_pieces(np.zeros((3, 4, 4, 4), bool)).any()


@pytest.mark.parametrize(("voxels", "left"), [(0, 0), (61, 0), (62, 0), (63, 63), (200, 200)])
def test_a_trace_of_enhancement_is_core(voxels: int, left: int) -> None:
    """Half a millilitre is 62.5 voxels of 2 mm."""
    labels = np.full((8, 8, 8), 2, np.uint8)
    labels.ravel()[:300] = 1
    labels.ravel()[:voxels] = 3
    kept = drop_little_enhancement(labels, voxel_ml=0.008)
    assert (kept == 3).sum() == left
    assert (np.isin(kept, (1, 3)) == np.isin(labels, (1, 3))).all()
    assert (kept == 2).sum() == 212
    assert kept.dtype == np.uint8
