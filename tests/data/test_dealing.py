"""Order and sizes: a permutation of the patients, and numbers that add up to them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.data.dealing import dealing_order, hospital_sizes
from fedlab_utils.data.hospitals import KINDS
from fedlab_utils.data.institutions import FEWEST
from tests.data.test_hospitals import cohort


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), skew=st.floats(0, 1), seed=st.integers(0, 99))
def test_everybody_is_dealt_once(kind: str, skew: float, seed: int) -> None:
    of = cohort(31, visits=2)
    order = dealing_order(of, kind, skew, np.random.default_rng(seed), of.table)
    assert sorted(order.tolist()) == list(range(31))


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(("iid", "power_law", "dirichlet")),
    count=st.integers(2, 100),
    more=st.integers(0, 300),
    skew=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_sizes_add_up_and_are_large_enough(
    kind: str, count: int, more: int, skew: float, seed: int
) -> None:
    patients = FEWEST * count + more
    sizes = hospital_sizes(patients, count, kind, skew, np.random.default_rng(seed))
    assert sizes.sum() == patients
    assert sizes.min() >= FEWEST
    if kind == "power_law":
        assert (np.diff(sizes) <= 0).all(), "no hospital is larger than the one before"


def test_of_several_visits_the_first_one_counts() -> None:
    of = cohort(12, visits=2)
    table = of.table.copy()
    second = table.index.str.endswith("-1")
    table.loc[second, "age"] = -table.loc[second, "age"]
    rng = np.random.default_rng
    due = dealing_order(of, "age", 1.0, rng(0), of.table)
    np.testing.assert_array_equal(dealing_order(of, "age", 1.0, rng(0), table), due)
