"""The bench of training: fair rows, and numbers that are what they state. No time is asserted."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from fedlab_utils.segmentation import UNetSettings
from fedlab_utils.studies import bench_training
from fedlab_utils.studies.bench_loops import PLAIN, modes
from fedlab_utils.studies.bench_training import race
from tests.segmentation.patients import patients

SMALL = UNetSettings(width=8)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_training, "SIZE", (32, 32))
    monkeypatch.setattr(bench_training, "_phantoms", lambda _, count: patients(count))


def small_run() -> dict:
    return bench_training.run(
        rounds=2,
        steps=1,
        dice_steps=3,
        patients=4,
        held_back=2,
        unet=SMALL,
        device="cpu",
        compiled=False,
    )


def test_rows_are_ratios_of_what_they_state(tiny: None) -> None:  # noqa: ARG001
    result = small_run()
    wanted, missing = modes("cpu")
    expected = {PLAIN, "Dice"} | {mode.name for mode in wanted if not mode.compiled} | set(missing)
    assert set(result) == expected
    dice = result.pop("Dice")
    plain = result[PLAIN]
    assert plain["ratio"] == 1.0
    for row in result.values():
        if "missing" in row:
            continue
        assert row["steps_per_second"] == pytest.approx(1 / row["seconds_per_step"])
        assert row["ratio"] > 0
    assert (dice.pop("steps"), dice.pop("held_back_patients")) == (3, 2)
    assert {PLAIN, "ours fp32"} <= set(dice)
    assert all(0 <= value <= 1 for value in dice.values())
    fastest = min(result, key=lambda name: result[name].get("seconds_per_step", 9e9))
    assert set(dice) <= {PLAIN, "ours fp32", fastest} | {mode.name for mode in wanted}


def test_a_ratio_is_the_median_of_rounds_side_by_side() -> None:
    """A machine that is busy in one round slows both rows, and changes no ratio."""
    times = {PLAIN: [1.0, 9.0, 1.0], "ours": [0.5, 4.5, 0.4]}
    rows = bench_training._rows(times, {"other": "why"})
    assert rows["ours"] == {"seconds_per_step": 0.5, "steps_per_second": 2.0, "ratio": 2.0}
    assert (rows[PLAIN]["ratio"], rows["other"]) == (1.0, {"missing": "why"})


def test_rows_take_turns_and_a_row_that_cannot_compile_says_so() -> None:
    order: list[str] = []

    def racer(name: str):
        return lambda *_: order.append(name)

    def broken(*_):
        raise RuntimeError("no compiler")

    missing: dict[str, str] = {}
    racers = {"a": racer("a"), "b": racer("b"), "c, compiled": broken}
    times = race(racers, [{}], 3, missing)
    assert order == ["a", "b"] * 4
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3}
    assert missing == {"c, compiled": "torch.compile failed (RuntimeError)"}
    with pytest.raises(RuntimeError, match="no compiler"):
        race({"a": broken}, [{}], 1, {})


def test_every_batch_is_full_and_the_same_for_each_row(tiny: None) -> None:  # noqa: ARG001
    first, again = (bench_training.make_batches(patients(5), 3, SMALL) for _ in "ab")
    assert [len(batch["image"]) for batch in first] == [16, 16, 16]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one["image"], other["image"])
    with pytest.raises(ValueError, match="fill no batch"):
        bench_training.make_batches(patients(2), 1, SMALL)


def test_on_the_command_line(tiny: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    from fedlab_utils.cli import app

    result = small_run() | {"ours bf16, compiled": {"missing": "no compiler"}}
    monkeypatch.setattr(bench_training, "run", lambda: result)
    ran = CliRunner().invoke(app, ["bench", "training", "--json"])
    assert ran.exit_code == 0
    assert json.loads(ran.stdout) == result
    ran = CliRunner().invoke(app, ["bench", "training"])
    assert "ours bf16, compiled: missing no compiler\n" in ran.stdout
    assert f"{PLAIN}: seconds_per_step" in ran.stdout
