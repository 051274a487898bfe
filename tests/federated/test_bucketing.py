"""Buckets: everyone in one, means of those in it, and no more spoiled than there are hostile."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from fedlab_utils.federated.bucketing import bucketed
from fedlab_utils.federated.robust_rules import krum


@trying(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 2**32))
def test_buckets_are_means_of_their_members(count: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 5)).astype(np.float32)
    hostile = min(2, count)
    rows[:hostile] = 1e6
    means, bucket_of = bucketed(rows, size, rng)
    assert means.shape == (math.ceil(count / size), 5)
    assert means.dtype == rows.dtype
    sizes = np.bincount(bucket_of, minlength=len(means))
    assert sizes.sum() == count
    assert (sizes[:-1] == size).all()
    for number, mean in enumerate(means):
        members = rows[bucket_of == number].astype(np.float64)
        np.testing.assert_allclose(mean, members.mean(0), rtol=1e-6)
    assert (np.abs(means).max(1) > 1e4).sum() <= hostile


def test_buckets_of_one_are_the_hospitals_and_rounds_differ() -> None:
    rows, rng = np.eye(9), np.random.default_rng(1)
    (one, of_one), (other, of_other) = bucketed(rows, 1, rng), bucketed(rows, 1, rng)
    np.testing.assert_array_equal(one[of_one], rows)
    np.testing.assert_array_equal(other[of_other], rows)
    assert (of_one != of_other).any()


def test_in_buckets_a_rule_no_longer_takes_one_kind_of_hospital_for_all() -> None:
    """Of hospitals of two kinds, Krum hears the larger kind alone; of buckets, something between.

    Over many draws the chosen buckets are near the mean of all.
    """
    rng = np.random.default_rng(0)
    kinds = np.array([1.0] * 9 + [-1.0] * 7)
    noise = 0.01 * rng.normal(size=(16, 4))
    rows = kinds[:, None] + noise
    alone = krum(rows, 1).update.mean()
    found = [krum(bucketed(rows, 2, rng)[0], 1).update.mean() for _ in range(200)]
    assert abs(alone - 1) < 0.05
    assert abs(np.mean(found) - kinds.mean()) < 0.3
