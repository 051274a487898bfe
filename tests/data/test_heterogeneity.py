"""Figures of heterogeneity against closed forms and scipy, and what must not move them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from fedlab_utils.data.heterogeneity import (
    BINS,
    QUANTILES,
    intensity_distance,
    intensity_profile,
    jensen_shannon,
    jensen_shannon_by_chance,
    size_imbalance,
)
from fedlab_utils.errors import DataError


def test_size_imbalance_in_closed_form() -> None:
    assert size_imbalance([25, 25, 25]) == 0
    assert size_imbalance([10, 30]) == pytest.approx(0.5)
    assert size_imbalance([10**9, 1, 1, 1]) == pytest.approx(np.sqrt(3), rel=1e-6)


@pytest.mark.parametrize("sizes", [[], [3, 0], [3, -1], [3, np.nan]])
def test_sizes_of_no_hospitals(sizes: list) -> None:
    with pytest.raises(DataError, match="sizes: they are"):
        size_imbalance(sizes)


def test_jensen_shannon_is_scipys() -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 1, 40) for mean in (0.0, 0.4, 2.0)]
    pooled = np.concatenate(groups)
    edges = np.quantile(pooled, np.linspace(0, 1, BINS + 1))
    edges[[0, -1]] = -np.inf, np.inf
    whole = np.histogram(pooled, edges)[0]
    due = [jensenshannon(np.histogram(g, edges)[0], whole, base=2) for g in groups]
    np.testing.assert_allclose(jensen_shannon(groups), due, rtol=1e-9)


def test_alike_is_0_and_apart_is_what_theory_says() -> None:
    same = np.arange(80.0)
    np.testing.assert_allclose(jensen_shannon([same, same]), 0, atol=1e-7)
    # Two halves that share nothing lie log2(4/3) + ... from their mixture: p = (1, 0), q = half.
    middle = np.array([0.75, 0.25])
    divergence = (np.log2(1 / middle[0]) + (0.5 * np.log2(0.5 / middle)).sum()) / 2
    due = np.sqrt(divergence)
    found = jensen_shannon([np.zeros(50), np.ones(50)])
    np.testing.assert_allclose(found, [due, due], rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), scale=st.floats(0.1, 10))
def test_neither_the_unit_nor_the_order_of_patients_matters(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    groups = [rng.lognormal(rng.normal(), 0.7, rng.integers(3, 40)) for _ in range(4)]
    first = jensen_shannon(groups)
    assert ((first >= 0) & (first <= 1)).all()
    np.testing.assert_allclose(jensen_shannon([scale * g for g in groups]), first, atol=1e-9)
    np.testing.assert_allclose(jensen_shannon([rng.permutation(g) for g in groups]), first)


def test_unknown_values_are_left_out() -> None:
    known, unknown = np.arange(10.0), np.full(5, np.nan)
    found = jensen_shannon([np.r_[known, unknown], known, unknown])
    np.testing.assert_allclose(found[:2], 0, atol=1e-7)
    assert np.isnan(found[2])
    with pytest.raises(DataError, match="not one value is known"):
        jensen_shannon([unknown, unknown])


def scan(seed: int, gain: float = 1.0, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    brain = np.zeros((20, 20, 20), bool)
    brain[3:17, 3:17, 3:17] = True
    image = rng.gamma(3.0, 1.0, (4, *brain.shape)) + noise * rng.normal(size=(4, *brain.shape))
    return (gain * image + 7 * (gain - 1)) * brain, brain


def test_a_profile_forgets_the_unit_and_keeps_the_look() -> None:
    plain, other_unit, noisy = (
        intensity_profile(*scan(1, **how)) for how in ({}, {"gain": 40.0}, {"noise": 3.0})
    )
    np.testing.assert_allclose(other_unit, plain, atol=1e-4)
    assert np.abs(noisy - plain).max() > 0.1


def test_intensity_distance_is_a_wasserstein_distance_of_the_profiles() -> None:
    groups = [
        np.stack([intensity_profile(*scan(s, noise=noise)) for s in range(3)])
        for noise in (0.0, 0.0, 4.0)
    ]
    found = intensity_distance(groups)
    assert found.shape == (3, 4)
    assert found[2].min() > found[:2].max()
    whole = np.concatenate(groups).mean(0)
    for hospital, group in enumerate(groups):
        for sequence in range(4):
            due = wasserstein_distance(group.mean(0)[sequence], whole[sequence])
            assert found[hospital, sequence] == pytest.approx(due, rel=1e-6)
    assert groups[0].shape[-1] == QUANTILES


def test_a_constant_sequence_has_no_look() -> None:
    image, brain = scan(2)
    image[1] = 5 * brain
    profile = intensity_profile(image, brain)
    assert np.isnan(profile[1]).all()
    assert np.isfinite(profile[[0, 2, 3]]).all()


def test_by_chance_is_what_few_random_hospitals_exceed() -> None:
    """The 95 % quantile of many deals made here, independently, of the same sizes."""
    rng = np.random.default_rng(3)
    values = rng.lognormal(size=60)
    groups = [values[:5], values[5:20], values[20:]]
    deals = [rng.permutation(values) for _ in range(300)]
    due = np.quantile([jensen_shannon([d[:5], d[5:20], d[20:]]) for d in deals], 0.95, axis=0)
    found = jensen_shannon_by_chance(groups, draws=300)
    np.testing.assert_allclose(found, due, rtol=0.06)
    assert found[0] > found[1] > found[2], "small hospitals lie further off by chance alone"
    np.testing.assert_array_equal(found, jensen_shannon_by_chance(groups[:], draws=300))


def test_four_random_hospitals_of_fifteen_lie_as_far_apart_as_lesson_04_says() -> None:
    rng = np.random.default_rng(7)
    values = rng.random(60)
    largest = [jensen_shannon(np.split(rng.permutation(values), 4)).max() for _ in range(500)]
    assert np.mean(largest) == pytest.approx(0.37, abs=0.01)
    limit = jensen_shannon_by_chance(np.split(values, 4))
    np.testing.assert_allclose(limit, 0.42, atol=0.015)


def test_the_distance_of_sorted_hospitals_is_as_large_as_documented() -> None:
    values = np.sort(np.random.default_rng(5).random(2400))
    for due in ([0.56] * 2, [0.65, 0.59, 0.65], [0.74] * 4):
        found = jensen_shannon(np.split(values, len(due)))
        np.testing.assert_allclose(found, due, atol=0.006)


def test_a_hospital_without_a_sequence_is_left_out_of_its_mean() -> None:
    groups = [np.stack([intensity_profile(*scan(s)) for s in range(2)]) for _ in range(2)]
    groups[1][:, 2] = np.nan
    found = intensity_distance(groups)
    np.testing.assert_allclose(found[0], 0, atol=1e-7)
    assert np.isnan(found[1]).tolist() == [False, False, True, False]
