"""A run's plans: those that are on, to a config and back, and none that cannot be together."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from fedlab_utils.errors import (
    CombinationError,
    FederationError,
    PrivacyError,
    RobustnessError,
)
from fedlab_utils.federated import (
    AttackPlan,
    CompressionPlan,
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    PrivacyPlan,
    RobustPlan,
)
from fedlab_utils.federated.plans import Plans

SETTINGS = FederationSettings(rounds=2, local_steps=3)
ON = {
    "privacy": PrivacyPlan(epsilon=8.0, simulated=True),
    "masking": MaskingPlan(True, key_holders=7),
    "hospital_privacy": HospitalPrivacy("local", 6.0, simulated=True, members=7),
    "compression": CompressionPlan(up_bits=8),
    "robust": RobustPlan("multi-krum", 1, 2, client_momentum=0.5),
    "attack": AttackPlan("sign-flip", "1,2"),
}


@pytest.mark.parametrize(
    "names", [(), *combinations(ON, 1), *combinations(ON, 2), tuple(ON)], ids=str
)
def test_plans_come_back_from_a_config_with_those_that_are_off(names: tuple[str, ...]) -> None:
    plans = Plans.of(**{name: ON[name] if name in names else None for name in ON})
    assert set(plans.on) == set(names)
    assert Plans.from_config(SETTINGS.to_config() | plans.to_config()) == plans
    told = json.loads(json.dumps(plans.told()))
    assert set(told) == set(names)
    for name in names:
        assert type(ON[name])(**told[name]) == ON[name]


def test_without_a_plan_a_config_holds_nothing_more() -> None:
    assert Plans().to_config() == {}
    assert not Plans().simulated


def test_noise_is_simulated_whoever_makes_it() -> None:
    assert Plans(ON["privacy"]).simulated
    assert Plans(hospital_privacy=ON["hospital_privacy"]).simulated
    assert not Plans(PrivacyPlan(8.0), attack=ON["attack"]).simulated


@pytest.mark.parametrize(
    ("plans", "kind", "words"),
    [
        ({"masking": ON["masking"], "robust": ON["robust"]}, CombinationError, "masks with multi"),
        ({"hospital_privacy": HospitalPrivacy(epsilon=1.0, noise=0.1)}, PrivacyError, "the budget"),
    ],
)
def test_what_cannot_be_is_refused_whoever_the_hospitals_are(
    plans: dict, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        Plans.of(**plans).check(SETTINGS)


def test_hospitals_agree_on_how_many_they_are() -> None:
    found = Plans.of(masking=MaskingPlan(True)).among(SETTINGS, 5, False)
    assert found.masking.key_holders == 5
    hidden = HospitalPrivacy(epsilon=8.0)
    found = Plans.of(hospital_privacy=hidden).among(SETTINGS, 5, False)
    assert found.hospital_privacy.members == 5
    assert Plans().among(SETTINGS, 5, False) == Plans()


@pytest.mark.parametrize(
    ("plans", "kind", "words"),
    [
        ({"robust": RobustPlan("krum", 1)}, RobustnessError, "of 4 updates"),
        ({"robust": RobustPlan("fltrust")}, RobustnessError, "no public data"),
        ({"attack": AttackPlan("nan", "4")}, FederationError, "no hospital 4 among 4"),
        ({"masking": MaskingPlan(True, threshold=5)}, PrivacyError, "5"),
    ],
)
def test_too_few_hospitals_for_a_plan_are_refused(
    plans: dict, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        Plans.of(**plans).among(SETTINGS, 4, False)
