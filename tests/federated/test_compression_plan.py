"""What hospitals and server agree on to save bytes, and its way to Flower."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import CompressionPlan


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"up_keep": 0.0}, "up_keep"),
        ({"down_keep": 1.1}, "down_keep"),
        ({"up_bits": 2}, "up_bits"),
        ({"down_bits": 16}, "down_bits"),
        ({"parts": 0}, "parts"),
        ({"parts": 1.5}, "parts"),
    ],
)
def test_senseless_values_are_refused(values: dict, named: str) -> None:
    with pytest.raises(FederationError, match=f"^{named}: "):
        CompressionPlan(**values)


def test_a_plan_knows_which_ways_it_touches() -> None:
    ways = [
        (CompressionPlan(), False, False),
        (CompressionPlan(up_keep=0.5), True, False),
        (CompressionPlan(down_bits=8), False, True),
        (CompressionPlan(parts=2), True, True),
    ]
    for plan, up, down in ways:
        assert (plan.up, plan.down, plan.on) == (up, down, up or down)


def test_a_plan_survives_the_way_through_flower_s_config() -> None:
    plan = CompressionPlan(0.1, 4, 0.2, 8, 3)
    assert CompressionPlan.from_config(plan.to_config() | {"rounds": 3}) == plan
    assert not CompressionPlan.from_config({"rounds": 3}).on
