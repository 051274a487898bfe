from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.plan import INSTITUTIONS, LOBES, draw_plan, stream
from fedlab_utils.data.phantom.scanner import SCANNERS


@pytest.fixture(scope="module")
def plans() -> list:
    return [draw_plan(index, seed=11) for index in range(1500)]


def test_streams_depend_on_seed_patient_and_name_alone() -> None:
    first = stream(1, 2, "a").random(4)
    stream(1, 3, "a").random(100)
    np.testing.assert_array_equal(stream(1, 2, "a").random(4), first)
    others = [stream(1, 2, "b"), stream(2, 1, "a"), stream(1, 3, "a"), stream(1, 2, "aa")]
    assert all(not np.array_equal(other.random(4), first) for other in others)


def test_a_patient_does_not_depend_on_the_others(plans: list) -> None:
    assert draw_plan(5, seed=11) == plans[5]
    assert draw_plan(5, seed=12) != plans[5]


def test_the_cohort_looks_like_brats(plans: list) -> None:
    high = [plan for plan in plans if plan.grade == "HGG"]
    assert len(high) / len(plans) == pytest.approx(0.75, abs=0.04)
    assert 80 < np.median([plan.tumour.whole_ml for plan in plans]) < 100
    assert 58 < np.median([plan.age for plan in high]) < 64
    enhancing = [plan.tumour.style != "none" for plan in high]
    assert np.mean(enhancing) > 0.95
    low = [plan.tumour.style != "none" for plan in plans if plan.grade == "LGG"]
    assert np.mean(low) < 0.4
    assert all(plan.tumour.core_ml <= plan.tumour.whole_ml for plan in plans)


def test_places_follow_the_registry(plans: list) -> None:
    for lobe, share in LOBES.items():
        assert np.mean([plan.tumour.lobe == lobe for plan in plans]) == pytest.approx(
            share, abs=0.04
        )
    for plan in plans:
        assert (plan.tumour.centre_mni[0] < 0) == (plan.tumour.side == "left")


def test_hospitals_have_their_scanner_and_their_size(plans: list) -> None:
    assert sum(share for _, share in INSTITUTIONS.values()) == pytest.approx(1)
    for plan in plans:
        assert plan.scanner == INSTITUTIONS[plan.institution][0]
        assert plan.scanner in SCANNERS
    counts = [sum(plan.institution == name for plan in plans) for name in INSTITUTIONS]
    assert max(counts) > 3 * min(counts) > 0
