"""Comparing affines; what a file's affine may not be is tested in ``test_nifti.py`` as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.data.affines import check_affine, corners_apart
from fedlab_utils.errors import GeometryError


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 5)] * 3))
def test_no_voxel_lies_further_apart_than_the_furthest_corner(seed, shape):
    """Brute force over all voxels: the distance is convex, so that a corner has the largest."""
    rng = np.random.default_rng(seed)
    one, other = (np.vstack([rng.normal(0, 2, (3, 4)), [0, 0, 0, 1]]) for _ in range(2))
    voxels = np.column_stack([np.argwhere(np.ones(shape)), np.ones(np.prod(shape))])
    apart = np.linalg.norm((voxels @ one.T - voxels @ other.T)[:, :3], axis=1).max()
    assert corners_apart((*shape, 4), one, other) == pytest.approx(apart)


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.diag([1.0, 1, 0, 1]), "singular"),
        (np.diag([1.0, np.nan, 1, 1]), "singular or no number"),
        (np.diag([1.0, 1, 25, 1]), "voxels of 1 x 1 x 25 mm"),
        (np.eye(4) + np.eye(4, k=1) * [[0.1], [0], [0], [0]], "meet at 84.3 degrees"),
    ],
)
def test_what_places_no_voxels_is_refused(affine, words):
    with pytest.raises(GeometryError, match=words):
        check_affine(affine, Path("t1.nii"), "a case")
    check_affine(np.diag([-1.0, -1, 1, 1]), Path("t1.nii"), "a case")
