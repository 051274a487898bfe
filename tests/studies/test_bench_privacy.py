"""The benchmark of a private step: both do the same work on the same patients, told as a ratio."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.studies import bench_privacy


def test_ratios_are_to_the_plain_step_and_the_goal_stands_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        bench_privacy,
        "race",
        lambda *_: {bench_privacy.PLAIN: [1.0, 2.0, 4.0], bench_privacy.PRIVATE: [1.5, 5.0, 6.0]},
    )
    ran = CliRunner().invoke(app, ["bench", "privacy", "--json"])
    assert ran.exit_code == 0
    told = json.loads(ran.stdout)
    private = told["private step, 8 patients of 4 slices"]
    assert private["ratio"] == pytest.approx(1.5)
    assert private["goals"]["ratio"] == {"rule": "at most", "bound": 2.0, "met": True}
    assert told["plain step, 8 patients of 4 slices"]["seconds_per_step"] == 2.0
    assert "goals" not in told["private step, 8 patients of 1 slice"]


def test_both_train_on_every_patient_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_privacy, "LAYOUTS", ((3, 2),))
    monkeypatch.setattr(bench_privacy, "SIZE", (32, 32))
    seen = []

    def race(racers, batches, rounds, missing):  # noqa: ARG001
        from fedlab_utils.privacy import PrivateGradient

        called = PrivateGradient.__call__

        def watched(self, *step):
            told = called(self, *step)
            seen.append((len(self.norms), self.expected, len(self.ledger.history)))
            return told

        monkeypatch.setattr(PrivateGradient, "__call__", watched)
        for train in racers.values():
            train(batches, None)
        return {name: [1.0] for name in racers}

    monkeypatch.setattr(bench_privacy, "race", race)
    bench_privacy.run(unet=UNetSettings(width=8))
    assert seen == [(3, 3.0, 1)]  # the plain step has no such gradient
