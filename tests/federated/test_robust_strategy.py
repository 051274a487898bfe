"""Robust rules in a federation: what hostile hospitals ruin, who is found out, and what is told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from flwr.serverapp.strategy import FedMedian, Krum

from fedlab_utils.errors import CombinationError, RobustnessError
from fedlab_utils.federated import (
    AttackPlan,
    CompressionPlan,
    FederationSettings,
    HospitalPrivacy,
    MaskingPlan,
    RobustPlan,
    federate,
)
from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.federation import make_strategy
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.robust_rules import coordinate_median, multi_krum
from fedlab_utils.federated.robust_strategy import robust
from tests.federated.test_strategies import answers, asking
from tests.federated.toys import Bowl, BowlTask, optimum

SETTINGS = FederationSettings(
    optimiser="sgd",
    learning_rate=0.3,
    weight_decay=0.0,
    local_steps=4,
    rounds=8,
    evaluate_every=4,
)
HOSPITALS = 8
PLANS = {
    "median": RobustPlan("median", 2),
    "trimmed-mean": RobustPlan("trimmed-mean", 2),
    "krum": RobustPlan("krum", 2),
    "multi-krum": RobustPlan("multi-krum", 2),
    "fltrust": RobustPlan("fltrust"),
}
WITHSTAND = [*PLANS]


def alike(seed: int = 0, count: int = HOSPITALS, noise: float = 0.02) -> BowlTask:
    """Hospitals that want nearly the same, far from where the model begins; sizes differ."""
    rng = np.random.default_rng(seed)
    curvature = torch.diag(torch.tensor([0.6, 1.0, 1.5, 2.0], dtype=torch.float64))
    middle = np.array([3.0, -2.0, 1.5, 2.5])
    found = [Bowl(curvature, torch.tensor(middle + rng.normal(0, 0.1, 4))) for _ in range(count)]
    return BowlTask(found, tuple(range(1, count + 1)), noise)


def root() -> BowlTask:
    return alike(seed=99, count=1)


def off(found, task: BowlTask | None = None) -> float:
    """How far the last model is from what all hospitals want, they counting equally."""
    task = task or alike()
    due = optimum(task.bowls, np.full(len(task.bowls), 1 / len(task.bowls)))
    return float((found.last["at"] - due).norm())


@cache
def with_rule(name: str, attack: AttackPlan | None = None, **more):
    return federate(alike(), SETTINGS, robust=PLANS.get(name), attack=attack, root=root(), **more)


ATTACKS = {
    "sign-flip": AttackPlan("sign-flip", "1,6"),
    "scaled": AttackPlan("scaled", "1,6", 40.0),
    "noise": AttackPlan("noise", "1,6", 20.0),
    "ipm": AttackPlan("ipm", "1,6"),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("rule", WITHSTAND)
def test_two_of_eight_ruin_the_average_and_not_the_rules(rule: str, attack: str) -> None:
    assert off(with_rule("", ATTACKS[attack])) > 1.0
    assert off(with_rule(rule, ATTACKS[attack])) < 0.35


@pytest.mark.parametrize("rule", WITHSTAND)
def test_with_nobody_hostile_rules_come_near_the_average(rule: str) -> None:
    assert off(with_rule("")) < 0.1
    assert off(with_rule(rule)) < 0.35


@pytest.mark.parametrize("rule", ["median", "multi-krum"])
def test_a_rule_looks_at_what_small_messages_hold(rule: str) -> None:
    """Hostile hospitals spoil what they trained before it is made small, and are seen after it."""
    small = CompressionPlan(up_bits=8)
    assert off(with_rule(rule, ATTACKS["sign-flip"], compression=small)) < 0.35
    honest, exact = with_rule(rule, compression=small), with_rule(rule)
    assert off(honest) < 0.35
    assert not torch.equal(honest.last["at"], exact.last["at"])


def test_an_honest_hospital_s_garbage_does_not_lower_the_guard() -> None:
    """Two of seven answers are hostile then, and the rule still expects two."""

    def slips(message, context, call_next):
        answer = call_next(message, context)
        if context.node_config["partition-id"] == 0:
            answer.content["metrics"]["loss"] = float("nan")
        return answer

    attack = AttackPlan("scaled", "6,7", 1e4)
    plan = PLANS["trimmed-mean"]
    found = federate(alike(), SETTINGS, robust=plan, attack=attack, mods=[slips])
    assert "H0" in found.history[0].left_out
    assert off(found) < 0.5


def test_free_riders_do_not_make_up_the_numbers() -> None:
    settings = replace(SETTINGS, rounds=1, fewest=8)
    attack = AttackPlan("free-rider", "1,6")
    found = federate(alike(), settings, robust=PLANS["median"], attack=attack)
    assert not found.history[0].counted
    assert "6 hospitals trained" in found.history[0].left_out["server"]


def test_clipping_bounds_what_a_long_update_does() -> None:
    plan = RobustPlan("clip", 2)
    found = federate(alike(), SETTINGS, robust=plan, attack=ATTACKS["scaled"])
    assert off(found) < 0.35


@pytest.mark.parametrize("rule", ["krum", "multi-krum", "fltrust"])
def test_who_is_hostile_has_no_weight(rule: str) -> None:
    for report in with_rule(rule, ATTACKS["sign-flip"]).history[:2]:  # while there is a way to go
        assert set(report.rule) == {f"H{n}" for n in range(8)}
        told = {name: row["weight"] for name, row in report.rule.items()}
        assert sum(told.values()) == pytest.approx(1)
        assert told["H1"] == told["H6"] == 0
        scores = {name: row["score"] for name, row in report.rule.items()}
        from_best = sorted(scores, key=scores.get, reverse=rule == "fltrust")
        assert set(from_best[-2:]) == {"H1", "H6"}


def test_the_trimmed_mean_keeps_few_of_the_hostile_values() -> None:
    report = with_rule("trimmed-mean", ATTACKS["sign-flip"]).history[0]
    honest = min(row["score"] for name, row in report.rule.items() if name not in ("H1", "H6"))
    assert report.rule["H1"]["score"] == report.rule["H6"]["score"] == 0 < honest


@pytest.mark.parametrize("rule", ["", *WITHSTAND])
def test_a_nan_sender_is_found_and_named(rule: str) -> None:
    found = with_rule(rule, AttackPlan("nan", "3,5"))
    for report in found.history:
        assert report.counted
        assert report.left_out == {"H3": "at is not finite", "H5": "at is not finite"}
        assert "H3" not in report.rule
    assert off(found) < 0.35


@pytest.mark.parametrize("rule", WITHSTAND)
def test_a_free_rider_is_found_and_named(rule: str) -> None:
    found = with_rule(rule, AttackPlan("free-rider", "2"))
    for report in found.history[:4]:
        assert set(report.left_out) == {"H2"}
        assert report.left_out["H2"].startswith("it did not train: its update is of length 0,")
        assert "H2" not in report.trained
        assert "H2" not in report.rule


def test_hospitals_that_all_stand_still_are_no_free_riders() -> None:
    settings = FederationSettings(optimiser="sgd", learning_rate=1e-30, weight_decay=0.0, rounds=1)
    three = BowlTask([BowlTask().bowls[0]] * 3, (1, 1, 1))
    still = federate(three, settings, robust=RobustPlan("median", 1))
    assert still.history[0].left_out == {}


def test_what_hospitals_say_of_their_size_does_not_matter() -> None:
    """The largest of the hospitals counts like the smallest."""
    sizes = {"even": (5,) * 8, "skewed": (1, 1, 1, 1, 1, 1, 1, 9999)}
    for plan in (PLANS["median"], PLANS["multi-krum"]):
        ends = [
            federate(BowlTask(alike().bowls, counts), SETTINGS, robust=plan).last["at"]
            for counts in sizes.values()
        ]
        assert torch.equal(*ends)


@pytest.mark.parametrize(
    ("strategy", "more"),
    [
        ("fedprox", {"mu": 0.01}),
        ("fedavgm", {"server_momentum": 0.3}),
        ("fedadam", {"server_rate": 0.3}),
    ],
)
def test_other_strategies_step_along_what_comes_out_of_the_rule(strategy: str, more: dict) -> None:
    settings = replace(SETTINGS, strategy=strategy, rounds=20, **more)
    attack = AttackPlan("sign-flip", "1,6", 8.0)
    assert off(federate(alike(), settings, robust=PLANS["median"], attack=attack)) < 1.5
    assert off(federate(alike(), settings, attack=attack)) > 5.0


def test_a_round_with_too_few_answers_for_the_rule_changes_nothing_and_says_so() -> None:
    def away(message, context, call_next):
        late = int(message.content["config"]["server-round"]) == 2
        if late and context.node_config["partition-id"] in (0, 1):
            raise ConnectionError
        return call_next(message, context)

    found = with_rule("krum", mods=(away,))
    assert [report.counted for report in found.history[:3]] == [True, False, True]
    told = found.history[1].left_out
    assert told["server"].startswith("krum: of 6 updates 2 may be hostile, and 2 f + 3 = 7 are")


def test_masks_encryption_and_scaffold_do_not_go_with_rules() -> None:
    with pytest.raises(CombinationError, match="masks with median"):
        with_rule("median", masking=MaskingPlan(secure=True))
    scaffold = FederationSettings(strategy="scaffold", optimiser="sgd")
    with pytest.raises(CombinationError, match="scaffold with median"):
        federate(alike(), scaffold, robust=PLANS["median"])
    with pytest.raises(CombinationError, match="top-k with median"):
        with_rule("median", compression=CompressionPlan(up_keep=0.1))
    with pytest.raises(CombinationError, match="hospital privacy with median"):
        with_rule("median", hospital_privacy=HospitalPrivacy(epsilon=8.0, simulated=True))
    from fedlab_utils.federated.only_sums import OnlySums

    with pytest.raises(RobustnessError, match="OnlySums: it has its own way with answers"):
        robust(OnlySums(), PLANS["median"])


def test_masks_are_refused_behind_a_rule_too() -> None:
    """Whoever starts a server by hand meets the refusal of the masks."""
    from fedlab_utils.errors import PrivacyError
    from fedlab_utils.federated.masked_strategy import masked

    strategy = robust(make_strategy(SETTINGS), PLANS["median"])
    with pytest.raises(PrivacyError, match="RobustFedAvg: it looks at each hospital's numbers"):
        masked(strategy, MaskingPlan(True, 8))


def test_the_result_is_flowers_median_and_krum_where_they_are_right() -> None:
    rng = np.random.default_rng(0)
    sent = rng.normal(size=(5, 3)).astype(np.float32)
    models = [sent + rng.normal(size=(5, 3)).astype(np.float32) for _ in range(9)]
    with running():
        for theirs, plan in (
            (FedMedian(), PLANS["median"]),
            (Krum(num_malicious_nodes=2), PLANS["krum"]),
        ):
            due, _ = theirs.aggregate_train(1, answers(models, [3] * 9))
            ours = robust(make_strategy(SETTINGS), plan)
            asking(ours, sent, [3] * 9)
            ours.begin(["w"], to_record({"w": sent}))
            found, _ = ours.aggregate_train(1, answers(models, [3] * 9))
            np.testing.assert_allclose(found["w"].numpy(), due["w"].numpy(), atol=1e-6)
            assert ours.seen.dtype == np.float32


def test_buffers_decide_nothing_and_take_the_median() -> None:
    rng = np.random.default_rng(0)
    sent = {"w": rng.normal(size=4).astype(np.float32), "var": np.ones(2, np.float32)}
    sent["count"] = np.array(7)
    moved = rng.normal(size=(9, 4)).astype(np.float32)
    variances = rng.uniform(0.5, 2.0, (9, 2)).astype(np.float32)
    variances[0] = -1e9
    with running():
        ours = asking(robust(make_strategy(SETTINGS), PLANS["multi-krum"]), sent["w"], [1] * 9)
        ours.begin(["w"], to_record(sent))
        ours.sent = to_record(sent)
        came = answers([sent["w"]] * 9, [1] * 9)
        for n, message in enumerate(came):
            arrays = {"w": sent["w"] + moved[n], "var": variances[n], "count": np.array(n)}
            message.content["arrays"] = to_record(arrays)
        model, _ = ours.aggregate_train(1, came)
    np.testing.assert_allclose(ours.seen, moved, atol=1e-6)
    np.testing.assert_allclose(model["var"].numpy(), np.median(variances, axis=0))
    assert model["count"].numpy() == 4
    due = multi_krum(ours.seen, 2)
    np.testing.assert_allclose(model["w"].numpy(), sent["w"] + due.update, atol=1e-6)
    assert model["w"].numpy().dtype == np.float32


def test_buckets_are_drawn_by_round_and_told() -> None:
    plan = RobustPlan("median", 1, bucket=2)
    found = federate(alike(), SETTINGS, robust=plan, attack=AttackPlan("sign-flip", "1", 6.0))
    assert off(found) < 0.35
    told = [tuple(row["bucket"] for row in report.rule.values()) for report in found.history]
    assert len(set(told)) > 4
    assert all(sorted(buckets) == [0, 0, 1, 1, 2, 2, 3, 3] for buckets in told)
    again = federate(alike(), SETTINGS, robust=plan, attack=AttackPlan("sign-flip", "1", 6.0))
    assert torch.equal(again.last["at"], found.last["at"])


def test_a_robust_run_resumes_with_the_same_bits(tmp_path) -> None:
    plan = RobustPlan("multi-krum", 1, bucket=1, client_momentum=0.7)
    due = federate(alike(), SETTINGS, robust=plan, attack=AttackPlan("ipm", "1"))
    for rounds in (4, 8):
        found = federate(
            alike(),
            replace(SETTINGS, rounds=rounds),
            tmp_path / "run",
            resume=True,
            robust=plan,
            attack=AttackPlan("ipm", "1"),
        )
    assert torch.equal(found.last["at"], due.last["at"])
    assert found.history[3].rule == due.history[3].rule


def test_what_the_strategy_saw_stays_for_whoever_looks() -> None:
    kept = []

    def strategy_of(settings):
        kept.append(make_strategy(settings))
        return kept[0]

    first = replace(SETTINGS, rounds=1)
    found = federate(alike(), first, robust=PLANS["median"], strategy_of=strategy_of)
    due = coordinate_median(kept[0].seen, 2)
    np.testing.assert_allclose(found.last["at"], due.update)  # it began at the origin
    assert kept[0].seen.shape == (8, 4)
