from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fedlab_utils.data.regions import from_regions, to_regions

VOLUMES = array_shapes(min_dims=3, max_dims=3, max_side=6)


@given(arrays(np.uint8, VOLUMES, elements=st.integers(0, 4)))
def test_regions_are_nested_and_count_each_tissue(labels):
    enhancing, core, whole = to_regions(labels)
    assert not (enhancing & ~core).any()
    assert not (core & ~whole).any()
    # independent of the implementation: membership by sets of labels
    np.testing.assert_array_equal(enhancing, np.isin(labels, [3]))
    np.testing.assert_array_equal(core, np.isin(labels, [1, 3]))
    np.testing.assert_array_equal(whole, np.isin(labels, [1, 2, 3]))


@given(arrays(np.uint8, VOLUMES, elements=st.integers(0, 3)))
def test_regions_can_be_inverted(labels):
    np.testing.assert_array_equal(from_regions(to_regions(labels)), labels)


@given(arrays(bool, st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 5))))
def test_inner_region_wins_where_regions_are_not_nested(regions):
    expected = [3 if et else 1 if tc else 2 if wt else 0 for et, tc, wt in regions.reshape(3, -1).T]
    assert from_regions(regions).ravel().tolist() == expected
