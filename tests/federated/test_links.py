"""Minutes of a round, against what one reckons on paper."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import Link, round_minutes


def test_a_megabyte_over_eight_megabits_per_second_takes_a_second() -> None:
    assert Link(up=8, down=16, latency=0).seconds(1, 0) == pytest.approx(0.5)
    assert Link(up=8, down=16, latency=0).seconds(0, 1) == pytest.approx(1)
    assert Link(up=8, down=16, latency=250).seconds(1, 1) == pytest.approx(1.5 + 0.5)


def test_a_round_waits_for_the_slowest() -> None:
    """12 MB down at 96 Mbit/s and up at 24 Mbit/s are 1 s and 4 s; the second trains a minute."""
    links = [Link(24, 96, 0), Link(240, 960, 0)]
    assert round_minutes(links, [12, 12], [12, 12]) == pytest.approx(5 / 60)
    assert round_minutes(links, [12, 12], [12, 12], [0, 60]) == pytest.approx(60.5 / 60)


@given(st.lists(st.floats(0.1, 1000), min_size=1, max_size=6), st.floats(0, 100))
def test_fewer_bytes_never_take_longer_and_another_hospital_never_less(speeds, size) -> None:
    links = [Link(speed, 2 * speed) for speed in speeds]
    whole = round_minutes(links, [size] * len(links), [size] * len(links))
    assert round_minutes(links, [size / 50] * len(links), [size / 50] * len(links)) <= whole
    slow = [*links, Link(0.1, 0.1)]
    assert round_minutes(slow, [size] * len(slow), [size] * len(slow)) >= whole


def test_senseless_links_and_missing_figures_are_refused() -> None:
    for wrong in ({"up": 0.0}, {"down": -1.0}, {"latency": -1.0}, {"up": float("inf")}):
        with pytest.raises(FederationError, match=f"^{next(iter(wrong))}: "):
            Link(**wrong)
    with pytest.raises(FederationError, match="there are 2 links, and 1, 2 and 2 figures"):
        round_minutes([Link(), Link()], [1], [1, 1])
    with pytest.raises(FederationError, match="there are 0 links"):
        round_minutes([], [], [])
