"""Scanners between two scanners: the ends are the two, and what lies between goes one way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.data.phantom.between import between
from fedlab_utils.data.phantom.scanner import SCANNERS

FIRST, SECOND = SCANNERS["3T research"], SCANNERS["1.5T thick"]
names = st.sampled_from(list(SCANNERS))


@given(one=names, other=names)
def test_the_ends_are_the_two_scanners(one: str, other: str) -> None:
    assert between(SCANNERS[one], SCANNERS[other], 0.0) == SCANNERS[one]
    assert between(SCANNERS[one], SCANNERS[other], 1.0) == SCANNERS[other]
    assert between(SCANNERS[one], SCANNERS[one], 0.3) == SCANNERS[one]


def test_half_way_is_the_geometric_mean() -> None:
    half = between(FIRST, SECOND, 0.5)
    assert half.field_strength_t == 2.25
    assert half.t2.tr_ms == pytest.approx(np.sqrt(3200 * 4200))
    assert half.t2.te_ms == pytest.approx(np.sqrt(100 * 98))
    assert half.flair.ti_ms == pytest.approx(np.sqrt(2250 * 2400))
    assert half.t2.thickness_mm == pytest.approx(np.sqrt(1.0 * 5.5))
    assert half.bias == pytest.approx(np.sqrt(0.16 * 0.08))
    assert "50% of the way" in half.name


@given(one=names, other=names, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_everything_measured_goes_one_way(one: str, other: str, shares: tuple) -> None:
    low, high = (between(SCANNERS[one], SCANNERS[other], share) for share in sorted(shares))
    ends = SCANNERS[one], SCANNERS[other]
    for pick in (
        lambda s: s.field_strength_t,
        lambda s: s.bias,
        *(lambda s, q=q: getattr(s, q).thickness_mm for q in ("t1", "t1ce", "t2", "flair")),
        *(lambda s, q=q: getattr(s, q).noise for q in ("t1", "t1ce", "t2", "flair")),
        lambda s: s.t2.te_ms,
        lambda s: s.flair.ti_ms,
    ):
        values = [pick(ends[0]), pick(low), pick(high), pick(ends[1])]
        steps = np.diff(values) * np.sign(values[-1] - values[0] or 1)
        assert (steps >= -1e-9).all()


def test_an_echo_is_of_one_kind_with_times_of_its_own() -> None:
    for share, due in ((0.49, FIRST.t1), (0.5, SECOND.t1)):
        mixed = between(FIRST, SECOND, share).t1
        assert (mixed.kind, mixed.tr_ms, mixed.te_ms) == (due.kind, due.tr_ms, due.te_ms)
        assert FIRST.t1.thickness_mm < mixed.thickness_mm < SECOND.t1.thickness_mm
