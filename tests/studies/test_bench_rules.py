"""The benchmark of robust rules: figures beside goals, and a peak that is one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.studies import bench_rules


def test_ratios_are_of_pairs_and_goals_stand_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_rules, "SHAPES", ((3,),))
    monkeypatch.setattr(bench_rules.run, "__defaults__", (9, 2, ((3,),), 3))
    monkeypatch.setattr(bench_rules, "_peak", lambda work, answers: float(len(answers)))  # noqa: ARG005
    told = iter([0.5, 1.0, 2.0, 8.0, 1.0, 5.0] * 3)
    monkeypatch.setattr(bench_rules, "_seconds", lambda work, answers: next(told))  # noqa: ARG005
    ran = CliRunner().invoke(app, ["bench", "rules", "--json"])
    assert ran.exit_code == 0, ran.output
    rows = json.loads(ran.stdout)
    assert list(rows) == ["median", "krum", "multi-krum"]
    for name, row in rows.items():
        assert (row["seconds"], row["flower_seconds"], row["ratio"]) == (1.0, 5.0, 4.0)
        assert row["peak_mb"] == row["flower_peak_mb"] == 9
        assert row["goals"]["ratio"] == {"rule": "at least", "bound": 3.0, "met": True}
        assert ("seconds" in row["goals"]) == (name != "krum")


def test_both_sides_are_measured_on_fresh_answers() -> None:
    rows = bench_rules.run(9, 2, ((50, 20), (20,)), rounds=1)
    for row in rows.values():
        assert 0 < row["seconds"] < np.inf
        assert row["ratio"] == pytest.approx(row["flower_seconds"] / row["seconds"])
        assert row["peak_mb"] >= 9 * 1020 * 4 / 1e6  # one matrix of all updates


def test_the_peak_is_the_most_that_was_held_at_once() -> None:
    def work(_: list) -> None:
        for _ in range(3):
            np.ones(2_000_000, np.uint8)

    assert bench_rules._peak(work, []) == pytest.approx(2.0, rel=0.05)
