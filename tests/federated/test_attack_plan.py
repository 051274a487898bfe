"""Who is hostile in a simulation: wrong plans are refused, right ones pass through Flower."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import AttackPlan, FederationSettings


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"attack": "flip", "attackers": "1"}, "Choose one of sign-flip"),
        ({"attack": "nan"}, "Name an attack and who is hostile"),
        ({"attackers": "1"}, "Name an attack and who is hostile"),
        ({"strength": 2.0}, "Name an attack and who is hostile"),
        ({"attack": "nan", "attackers": "1,-2"}, "Pass numbers from 0"),
        ({"attack": "nan", "attackers": "1,"}, "Pass numbers from 0"),
        ({"attack": "nan", "attackers": "1", "strength": -1.0}, "Pass 0 or more"),
        ({"attack": "nan", "attackers": 1}, "Pass text"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan: dict, told: str) -> None:
    with pytest.raises(FederationError, match=told):
        AttackPlan(**plan)


def test_a_plan_survives_the_way_through_flowers_config() -> None:
    plan = AttackPlan("scaled", "3, 0,3", 7.5)
    assert (plan.numbers, plan.force) == ((0, 3), 7.5)
    assert AttackPlan.from_config(plan.to_config() | {"rounds": 3}) == plan
    nobody = AttackPlan.from_config({"rounds": 3})
    assert (nobody.on, nobody.numbers) == (False, ())
    assert AttackPlan("scaled", "1").force == 10.0


def test_attackers_who_are_no_hospitals_and_colluders_under_scaffold_are_refused() -> None:
    settings = FederationSettings()
    AttackPlan("nan", "7").check(settings, 8)
    with pytest.raises(FederationError, match="no hospital 8 among 8"):
        AttackPlan("nan", "1,8").check(settings, 8)
    scaffold = FederationSettings(strategy="scaffold", optimiser="sgd")
    AttackPlan("nan", "1").check(scaffold, 8)
    with pytest.raises(FederationError, match="SCAFFOLD"):
        AttackPlan("ipm", "1").check(scaffold, 8)


def test_a_lie_of_length_0_is_refused() -> None:
    with pytest.raises(FederationError, match="z for 2 of 8 is 0"):
        AttackPlan("alie", "0,1").check(FederationSettings(), 8)
    AttackPlan("alie", "0,1", 1.5).check(FederationSettings(), 8)
    AttackPlan("alie", "0,1,2").check(FederationSettings(), 7)
