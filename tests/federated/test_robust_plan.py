"""What server and hospitals settle before a robust run, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated import FederationSettings, RobustPlan
from fedlab_utils.federated.bucketing import bucketed
from fedlab_utils.federated.robust_plan import RULES
from fedlab_utils.federated.robust_rules import multi_krum

SETTINGS = FederationSettings()


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"rule": "average"}, "Choose one of median"),
        ({"rule": "krum", "hostile": -1}, "0 or more"),
        ({"rule": "krum", "chosen": 3}, "Take the rule 'multi-krum' too"),
        ({"rule": "krum", "clip_bound": 1.0}, "Take the rule 'clip' too"),
        ({"rule": "krum", "root": "here"}, "Take the rule 'fltrust' too"),
        ({"rule": "krum", "bucket": 0}, "1 or more"),
        ({"rule": "krum", "client_momentum": 1.0}, "from 0 to below 1"),
        ({"hostile": 2}, "Name a rule too"),
        ({"client_momentum": 0.9}, "Name a rule too"),
        ({"rule": "krum", "hostile": 2.5}, "Pass a whole number"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan: dict, told: str) -> None:
    with pytest.raises(RobustnessError, match=told):
        RobustPlan(**plan)


def test_a_plan_survives_the_way_through_flowers_config() -> None:
    plan = RobustPlan("multi-krum", 2, 3, bucket=2, client_momentum=0.9)
    both = FederationSettings(momentum=0.5).to_config() | plan.to_config()
    assert RobustPlan.from_config(both) == plan
    assert FederationSettings.from_config(both).momentum == 0.5
    assert not RobustPlan.from_config({"rounds": 3}).on


@pytest.mark.parametrize(
    ("plan", "hospitals", "told"),
    [
        (RobustPlan("krum", 3), 8, r"of 8 updates 3 may be hostile, and 2 f \+ 3 = 9"),
        (RobustPlan("median", 2, bucket=2), 8, r"8 hospitals make 4 buckets of 2; of 4 updates 2"),
    ],
)
def test_too_few_hospitals_are_refused_before_the_run(plan, hospitals: int, told: str) -> None:
    with pytest.raises(RobustnessError, match=told):
        plan.check(SETTINGS, hospitals)
    plan.check(SETTINGS, hospitals + 1)


def test_a_share_of_the_hospitals_must_be_enough_too() -> None:
    plan = RobustPlan("krum", 2)
    plan.check(FederationSettings(fraction=0.7), 10)
    with pytest.raises(RobustnessError, match="of 6 updates 2"):
        plan.check(FederationSettings(fraction=0.6), 10)


def test_fltrust_without_public_data_is_refused() -> None:
    with pytest.raises(RobustnessError, match="no public data"):
        RobustPlan("fltrust").check(SETTINGS, 8, root=False)
    RobustPlan().check(SETTINGS, 8, root=False)  # no rule, nothing to refuse


def test_of_buckets_each_hospital_has_its_share() -> None:
    rows = np.random.default_rng(0).normal(size=(15, 6))
    found, bucket_of = RobustPlan("multi-krum", 2, bucket=2).combine(rows, np.random.default_rng(9))
    means, due_bucket = bucketed(rows, 2, np.random.default_rng(9))
    np.testing.assert_array_equal(bucket_of, due_bucket)
    due = multi_krum(means, 2)
    np.testing.assert_allclose(found.update, due.update)
    np.testing.assert_allclose(found.weights @ rows, due.update)
    np.testing.assert_allclose(found.scores, due.scores[bucket_of])
    assert found.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_its_way_through_a_plan(rule: str) -> None:
    rows = np.random.default_rng(0).normal(1.0, 0.1, size=(9, 6))
    found, bucket_of = RobustPlan(rule, 2).combine(rows, np.random.default_rng(0), rows[0])
    np.testing.assert_array_equal(bucket_of, range(9))
    np.testing.assert_allclose(found.update, 1.0, atol=0.3)
    with pytest.raises(RobustnessError, match=r"of [04] updates"):
        RobustPlan(rule, 2).combine(rows[: 4 * (rule != "fltrust")], np.random.default_rng(0))


def test_choosing_more_than_the_rule_may_is_refused_before_the_run() -> None:
    RobustPlan("multi-krum", 2, chosen=4).check(SETTINGS, 8)
    with pytest.raises(RobustnessError, match="n - f - 2 = 4"):
        RobustPlan("multi-krum", 2, chosen=5).check(SETTINGS, 8)


@pytest.mark.parametrize("rule", ["median", "trimmed-mean", "clip", "fltrust"])
def test_a_rule_that_chooses_none_takes_a_single_update(rule: str) -> None:
    rows = np.ones((1, 6))
    found, _ = RobustPlan(rule).combine(rows, np.random.default_rng(0), rows[0])
    np.testing.assert_allclose(found.update, 1.0)
