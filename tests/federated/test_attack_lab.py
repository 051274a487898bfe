"""The laboratory: what the server saw is what its rule speaks of; points in a plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedlab_utils.federated import AttackPlan, FederationSettings, RobustPlan
from fedlab_utils.federated.attack_lab import MEAN, WarmTask, attacked_run, in_a_plane
from fedlab_utils.federated.robust_rules import krum
from tests.federated.test_robust_strategy import HOSPITALS, alike

SHORT = FederationSettings(
    optimiser="sgd", learning_rate=0.3, weight_decay=0.0, local_steps=2, rounds=2, evaluate_every=9
)


def test_rows_are_the_last_rounds_updates_and_the_mean_moves_the_model_by_theirs() -> None:
    task = alike()
    run = attacked_run(task, SHORT)
    before = attacked_run(task, replace(SHORT, rounds=1)).federation.last
    assert run.names == tuple(task.hospitals)
    assert run.hostile == ()
    np.testing.assert_allclose(run.moved, run.rows.mean(0), atol=1e-12)
    walked = np.concatenate(
        [(value - before[n]).numpy().ravel() for n, value in run.federation.last.items()]
    )
    np.testing.assert_allclose(run.moved, walked, atol=1e-12)
    np.testing.assert_allclose(run.weights, 1 / HOSPITALS)


def test_an_attack_stands_in_its_row_and_weights_are_the_rules() -> None:
    run = attacked_run(alike(), SHORT, AttackPlan("ipm", "2,6", 0.5), RobustPlan("krum", 2))
    assert run.hostile == tuple(run.names[number] for number in (2, 6))
    np.testing.assert_allclose(run.rows[2], run.rows[6])
    assert (run.rows[2] @ np.delete(run.rows, [2, 6], axis=0).T < 0).all()
    np.testing.assert_array_equal(run.weights, krum(run.rows, 2).weights)
    np.testing.assert_allclose(run.moved, run.rows[run.weights.argmax()], atol=1e-12)


def test_who_sends_nan_has_no_row_and_is_named() -> None:
    run = attacked_run(alike(), SHORT, AttackPlan("nan", "1"), RobustPlan("median", 2))
    assert len(run.rows) == len(run.names) == HOSPITALS - 1
    assert set(run.left_out) == set(run.hostile)


def test_dice_counts_honest_hospitals_by_patients() -> None:
    run = attacked_run(alike(), SHORT, AttackPlan("sign-flip", "0", 1.0))
    rows = [row for name, row in run.federation.test.items() if name not in run.hostile]
    assert 0 < len(rows) < len(run.federation.test)
    total = sum(row["score"] * row["num-examples"] for row in rows)
    assert run.dice == pytest.approx(total / sum(row["num-examples"] for row in rows))
    assert run.dice != pytest.approx(run.dice_without(()))


def test_a_warm_task_begins_where_it_is_told() -> None:
    cold = WarmTask([], seed=3)
    start = {name: value + 1 for name, value in cold.initial().items()}
    warm = WarmTask([], seed=3, start=start)
    for name, value in warm.initial().items():
        np.testing.assert_array_equal(value, cold.initial()[name] + 1)


def test_the_plane_holds_the_honest_mean_and_keeps_lengths_along_it() -> None:
    rng = np.random.default_rng(0)
    rows, honest = rng.normal(size=(7, 30)) + 1, np.arange(7) < 5
    middle = rows[honest].mean(0)
    points, moved = in_a_plane(rows, honest, middle)
    unit = np.median(np.linalg.norm(rows[honest], axis=1))
    np.testing.assert_allclose(moved, [np.linalg.norm(middle) / unit, 0], atol=1e-12)
    np.testing.assert_allclose(points[:, 0], rows @ middle / np.linalg.norm(middle) / unit)
    assert (np.linalg.norm(points, axis=1) <= np.linalg.norm(rows, axis=1) / unit + 1e-12).all()
    turned = np.linalg.qr(rng.normal(size=(30, 30)))[0]
    again, _ = in_a_plane(rows @ turned, honest, middle @ turned)
    np.testing.assert_allclose(again, points, atol=1e-9)


def test_aside_is_where_a_hostile_update_leads() -> None:
    rows = np.random.default_rng(1).normal(size=(6, 20))
    rows[5] *= 50
    points, _ = in_a_plane(rows, np.arange(6) < 5, rows[0])
    assert np.abs(points[:, 1]).argmax() == 5


def test_the_mean_shortens_nobody() -> None:
    rows = np.random.default_rng(2).normal(size=(5, 4)) * 1e6
    found, _ = MEAN.combine(rows, np.random.default_rng(0))
    np.testing.assert_allclose(found.update, rows.mean(0))
