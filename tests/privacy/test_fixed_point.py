"""Fixed point: exact sums, a bound on the error, and no sum that could overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.fixed_point import FixedPoint

SMALL = FixedPoint(bound=4.0, fraction=20, summands=5, heaviest=50)


@given(
    st.lists(
        st.tuples(st.lists(st.floats(-4, 4), min_size=3, max_size=3), st.integers(0, 50)),
        min_size=1,
        max_size=5,
    )
)
def test_a_weighted_sum_is_that_of_python_s_integers_and_close_to_the_numbers(hospitals) -> None:
    total = np.zeros(3, np.uint64)
    for values, weight in hospitals:
        total += SMALL.encode(np.array(values), weight)
    whole = [sum(w * round(v[i] * 2**20) for v, w in hospitals) for i in range(3)]
    assert SMALL.decode(total).tolist() == [n / 2**20 for n in whole]
    due = np.sum([np.array(v) * w for v, w in hospitals], axis=0)
    weights = sum(w for _, w in hospitals)
    assert np.abs(SMALL.decode(total) - due).max() <= weights * 2.0**-21 + 1e-12


def test_the_largest_sum_that_is_allowed_comes_out_right() -> None:
    tight = FixedPoint(bound=2.0, fraction=40, summands=64, heaviest=32_000)
    total = np.zeros(2, np.uint64)
    for _ in range(64):
        total += tight.encode(np.array([2.0, -2.0]), 32_000)
    assert tight.decode(total).tolist() == [2.0 * 64 * 32_000, -2.0 * 64 * 32_000]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fraction": 60}, "a sum may need"),
        ({"bound": 1e300}, "a sum may need"),
        ({"summands": 1 << 40}, "a sum may need"),
        ({"bound": 0.0}, "bound: it is 0"),
        ({"heaviest": -1}, "heaviest: it is -1"),
        ({"bound": float("nan")}, "bound"),
    ],
)
def test_a_sum_that_could_overflow_is_refused(settings: dict, says: str) -> None:
    with pytest.raises(PrivacyError, match=says):
        FixedPoint(**settings)


@pytest.mark.parametrize("value", [4.1, -5.0, float("inf"), float("nan")])
def test_a_number_beyond_the_bound_is_named_and_not_clipped(value: float) -> None:
    with pytest.raises(PrivacyError, match="the bound is 4"):
        SMALL.encode(np.array([0.0, value]))


@pytest.mark.parametrize("weight", [-1, 51, 2.5])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(PrivacyError, match="weight: it is"):
        SMALL.encode(np.array([1.0]), weight)
