"""What hospitals that hide their numbers agree on: thresholds, bounds, and their way to Flower."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated import MaskingPlan


@pytest.mark.parametrize(
    ("hospitals", "least"), [(3, 3), (4, 3), (5, 3), (6, 4), (7, 4), (100, 51)]
)
def test_the_least_threshold_is_over_half_and_leaves_no_two_alone(hospitals, least) -> None:
    assert MaskingPlan(True, hospitals).needed() == least
    with pytest.raises(PrivacyError, match=f"of whom {least - 1} must be left"):
        MaskingPlan(True, hospitals, threshold=least - 1).needed()


def test_a_threshold_without_masks_is_refused() -> None:
    with pytest.raises(PrivacyError, match="no number is hidden"):
        MaskingPlan(threshold=3)


def test_bounds_under_which_a_sum_could_overflow_are_refused() -> None:
    assert MaskingPlan(True, 800).numbers().summands == 800
    with pytest.raises(PrivacyError, match="a sum may need"):
        MaskingPlan(True, 900)
    MaskingPlan(True, 900, fraction_bits=31)


def test_a_plan_survives_the_way_through_flower_s_config() -> None:
    plan = MaskingPlan(True, 5, 4, 64.0, 30)
    assert MaskingPlan.from_config(plan.to_config() | {"rounds": 3}) == plan
    assert not MaskingPlan.from_config({"rounds": 3}).secure
