from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.growth import front_arrival

AXES = tuple(np.arange(0.0, 72.1, 2.0) for _ in range(3))
EXTENT = ((0.0, 72.0),) * 3
DISTANCE = np.sqrt(sum((a - 36.0) ** 2 for a in np.meshgrid(*AXES, indexing="ij")))
CORE = (DISTANCE < 6).astype(np.float32)


def test_the_front_is_round_and_even_in_an_even_medium() -> None:
    """A travelling wave has constant speed, the same in every direction."""
    arrival = front_arrival(CORE, np.ones_like(CORE), AXES, EXTENT)
    shells = [(r - 1 < DISTANCE) & (r + 1 > DISTANCE) for r in (12, 18, 24, 30)]
    times = [arrival[shell].mean() for shell in shells]
    steps = np.diff(times)
    assert (steps > 0).all()
    assert steps[1:].max() < 1.3 * steps[1:].min()
    assert arrival[shells[2]].std() < 0.15 * times[2]


def test_it_is_faster_where_speed_is_higher() -> None:
    speed = np.ones_like(CORE)
    speed[:18] = 0.2
    arrival = front_arrival(CORE, speed, AXES, EXTENT)
    slow, fast = arrival[18 - 8, 18, 18], arrival[18 + 8, 18, 18]
    assert slow > 2 * fast


def test_it_never_passes_a_wall() -> None:
    speed = np.ones_like(CORE)
    speed[24:28] = 0
    rounds = 40
    arrival = front_arrival(CORE, speed, AXES, EXTENT, rounds)
    assert arrival[30:].min() >= rounds
    assert arrival[18, 18, 2] == pytest.approx(arrival[18, 2, 18], rel=0.05)
    assert arrival[4, 18, 18] < rounds
