"""Bootstrap intervals: against a closed form, and what pairing buys."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.errors import FedLabError
from fedlab_utils.segmentation.statistics import bootstrap_difference, bootstrap_mean


def test_interval_agrees_with_the_normal_one_for_many_patients() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, 400)
    got = bootstrap_mean(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert abs(got.mean - values.mean()) < 1e-12
    assert abs(got.low - (values.mean() - half)) < 0.15 * half
    assert abs(got.high - (values.mean() + half)) < 0.15 * half
    assert got.patients == 400


def test_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for draw in range(200):
        interval = bootstrap_mean(rng.normal(0, 1, 30), seed=draw, resamples=400)
        hits += interval.low <= 0 <= interval.high
    assert 178 <= hits <= 199  # 95 % of 200, with a chance of about 1 in 1000 to fall outside


@pytest.mark.parametrize(("spread", "share"), [(0.0, 0.94), (0.05, 0.92)])
def test_covers_the_truth_over_seeds_and_patients_as_its_notes_say(
    spread: float, share: float
) -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for draw in range(300):
        each = rng.normal(0, 0.2, 40) + rng.normal(0, spread, (5, 1))
        interval = bootstrap_mean(each + rng.normal(0, 0.05, (5, 40)), seed=draw, resamples=400)
        hits += interval.low <= 0 <= interval.high
    assert abs(hits / 300 - share) < 0.05  # three standard errors


def test_seeds_are_drawn_again_too() -> None:
    patients = np.random.default_rng(2).normal(0.8, 0.02, 50)
    steady = bootstrap_mean(np.stack([patients] * 5))
    shaky = bootstrap_mean(np.stack([patients + d for d in (-0.1, -0.05, 0, 0.05, 0.1)]))
    assert shaky.high - shaky.low > 3 * (steady.high - steady.low)


def test_pairing_removes_what_patients_share() -> None:
    rng = np.random.default_rng(3)
    hard = rng.normal(0.7, 0.2, 40)
    better = hard + 0.02 + rng.normal(0, 0.005, 40)
    gain = bootstrap_difference(better, hard)
    assert 0.015 < gain.low < gain.mean < gain.high < 0.025


def test_one_value_has_an_interval_of_no_width() -> None:
    got = bootstrap_mean([0.5])
    assert (got.mean, got.low, got.high, got.patients) == (0.5, 0.5, 0.5, 1)
    assert (str(got), f"{got}", f"{got:.1f}") == (
        "0.500 [0.500, 0.500]",
        "0.500 [0.500, 0.500]",
        "0.5 [0.5, 0.5]",
    )


@pytest.mark.parametrize("values", [[], [[]], [1.0, float("nan")], [float("inf")]])
def test_values_that_have_no_mean_are_refused(values: list) -> None:
    with pytest.raises(FedLabError, match="not finite"):
        bootstrap_mean(values)


def test_a_difference_of_other_patients_is_refused() -> None:
    with pytest.raises(FedLabError, match="shape"):
        bootstrap_difference([1.0, 2.0, 3.0], [1.0])


@pytest.mark.parametrize(("patients", "due"), [(8, 0.88), (16, 0.92)])
def test_of_few_patients_the_interval_is_as_narrow_as_lessons_04_and_05_say(
    patients: int, due: float
) -> None:
    rng = np.random.default_rng(0)
    found = [bootstrap_mean(rng.normal(size=patients), resamples=400) for _ in range(1500)]
    covered = np.mean([e.low <= 0 <= e.high for e in found])
    assert covered == pytest.approx(due, abs=0.02)
