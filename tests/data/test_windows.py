from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.data.windows import centred, window


@given(length=st.integers(1, 9), first=st.integers(-12, 12), edge=st.integers(1, 9))
@settings(deadline=None)
def test_window_voxel_by_voxel(length: int, first: int, edge: int) -> None:
    array = np.arange(1, length + 1)[None]
    expected = [array[0, i] if 0 <= i < length else 0 for i in range(first, first + edge)]
    assert window(array, [first], [edge]).tolist() == [expected]


@pytest.mark.parametrize(("length", "edge"), [(7, 4), (4, 7), (6, 6), (5, 8)])
def test_centred_keeps_the_middle(length: int, edge: int) -> None:
    array = np.zeros(length)
    array[length // 2] = 1
    result = centred(array, [edge])
    assert len(result) == edge
    assert abs(int(result.argmax()) - edge / 2) <= 1
