"""The workbench of attacks and rules: what it runs, what it draws, and what it says."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from fedlab_utils.federated import AttackPlan, FederationSettings, RobustPlan
from fedlab_utils.federated.attack_lab import MEAN, AttackedRun, attacked_run, in_a_plane
from fedlab_utils.ui import RobustnessExplorer
from fedlab_utils.ui.robustness_view import ATTACKS, PLACES, RULES
from tests.federated.test_robust_strategy import alike, root
from tests.ui.drive import drive

SHORT = FederationSettings(
    optimiser="sgd", learning_rate=0.3, weight_decay=0.0, local_steps=2, rounds=2, evaluate_every=9
)
LIKE_SPOILT = {"label-flip": "scaled", "backdoor": "scaled"}
"""Bowls have no images to spoil."""


@cache
def attacked(attack: AttackPlan, robust: RobustPlan) -> AttackedRun:
    of = LIKE_SPOILT.get(attack.attack, attack.attack)
    return attacked_run(
        alike(), SHORT, AttackPlan(of, attack.attackers, attack.strength), robust, root()
    )


def test_it_runs_what_is_chosen_and_nothing_twice() -> None:
    asked = Counter()

    def counting(attack: AttackPlan, robust: RobustPlan) -> AttackedRun:
        asked[attack, robust] += 1
        return attacked(attack, robust)

    explorer = RobustnessExplorer(counting)
    explorer.rule.value, explorer.attackers.value = "Krum", 3
    explorer.attack.value = "noise, 40 times as long"
    explorer.rule.value = "plain mean"
    explorer.rule.value = "Krum"
    assert asked[AttackPlan("noise", "2,4,6", 40.0), RobustPlan("krum", 2)] == 1
    assert asked[AttackPlan(), MEAN] == 1
    assert set(asked.values()) == {1}


def test_points_and_sizes_are_those_of_the_run() -> None:
    explorer = RobustnessExplorer(attacked)
    explorer.attack.value, explorer.rule.value = "inner product, half as long", "Multi-Krum"
    run = attacked(AttackPlan("ipm", "2,6", 0.5), RobustPlan("multi-krum", 2))
    honest = np.array([name not in run.hostile for name in run.names])
    points, moved = in_a_plane(run.rows, honest, run.moved)
    lines = {trace.name: trace for trace in explorer.plot.data}
    groups = {
        "honest, taken": honest & (run.weights > 0),
        "honest, not taken": honest & (run.weights == 0),
        "hostile, taken": ~honest & (run.weights > 0),
        "hostile, not taken": ~honest & (run.weights == 0),
    }
    for name, of in groups.items():
        np.testing.assert_allclose(np.c_[lines[name].x, lines[name].y], points[of])
        assert list(lines[name].text) == list(np.array(run.names)[of])
    star = lines["what the rule makes of it"]
    np.testing.assert_allclose([star.x[0], star.y[0]], moved)
    for name, expected in (("honest, taken", 2.0), ("honest, not taken", 0.0)):
        np.testing.assert_allclose(
            lines[name].marker.size, 7 + 11 * np.sqrt(expected), err_msg=name
        )


def test_words_tell_dice_weight_and_who_is_left_out() -> None:
    explorer = RobustnessExplorer(attacked)
    explorer.attack.value, explorer.rule.value = "sends NaN", "median"
    run = attacked(AttackPlan("nan", "2,6"), RobustPlan("median", 2))
    clean = attacked(AttackPlan(), MEAN).dice_without(run.hostile)
    words = explorer.twin().alt
    assert f"Dice of honest hospitals' test patients {run.dice:.3f}" in words
    assert f"with nobody hostile: {clean:.3f}" in words
    for name in run.hostile:
        assert f"{name} is left out: " in words
    explorer.attack.value, explorer.rule.value = "sign flip, 4 times as long", "plain mean"
    assert "Hostile hospitals have 25% of the weight" in explorer.describe()


def test_nobody_hostile_needs_no_number() -> None:
    explorer = RobustnessExplorer(attacked)
    explorer.attack.value = "nobody is hostile"
    assert explorer.attackers.disabled
    assert explorer.shown["dice"] == pytest.approx(explorer.shown["clean"])
    assert "weight" not in explorer.describe()


def test_every_control_moves_without_an_error() -> None:
    explorer = RobustnessExplorer(attacked)
    steps = drive(explorer, lambda: explorer.describe())
    assert steps == len(ATTACKS) + len(RULES) + len(PLACES)
