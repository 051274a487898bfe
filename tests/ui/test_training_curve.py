"""The curve shows the rows that it was given, no others, and names them in words."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.ui import TrainingCurve

ROWS = [
    {"epoch": 1, "loss": 1.2, "seconds": 1.0},
    {"epoch": 2, "loss": 0.9, "dice_et": 0.1, "dice_tc": 0.2, "dice_wt": 0.6, "dice": 0.3},
    {"epoch": 3, "loss": 0.7, "seconds": 3.0},
    {"epoch": 4, "loss": 0.5, "dice_et": 0.3, "dice_tc": 0.5, "dice_wt": 0.7, "dice": 0.5},
]


def test_each_line_holds_the_values_of_its_rows() -> None:
    curve = TrainingCurve()
    for row in ROWS:
        curve.add(row, 4)
    lines = {trace.name: (list(trace.x), list(trace.y)) for trace in curve.plot.data}
    assert lines == {
        "training loss": ([1, 2, 3, 4], [1.2, 0.9, 0.7, 0.5]),
        "Dice ET": ([2, 4], [0.1, 0.3]),
        "Dice TC": ([2, 4], [0.2, 0.5]),
        "Dice WT": ([2, 4], [0.6, 0.7]),
        "kept epoch": ([4, 4], [0, 1]),
    }
    assert (curve._bar.value, curve._bar.max) == (4, 4)


def test_the_words_give_the_last_loss_and_the_last_validation() -> None:
    curve = TrainingCurve()
    assert "not begun" in curve.twin().alt
    for row in ROWS[:3]:
        curve.add(row, 9)
    assert curve.twin().alt == (
        "Epoch 3, training loss 0.700; validation Dice in epoch 2: ET 0.10, TC 0.20, WT 0.60; "
        "best so far and kept: epoch 2."
    )
    assert "Epoch 3 of 9" in curve._text.value


def test_the_first_of_the_best_epochs_is_marked_not_the_last() -> None:
    curve = TrainingCurve()
    curve.add({"epoch": 1, "loss": 1.2}, 4)
    assert curve.kept_epoch() is None
    assert (curve.plot.data[-1].x, curve.plot.data[-1].y) == ((), ())
    assert "kept" not in curve.describe()
    for epoch, dice in ((2, 0.4), (3, 0.6), (4, 0.6), (5, 0.5)):
        names = ("dice_et", "dice_tc", "dice_wt", "dice")
        curve.add({"epoch": epoch, "loss": 1.0, **dict.fromkeys(names, dice)}, 5)
    assert curve.kept_epoch() == 3
    assert curve.plot.data[-1].x == (3, 3)
    assert "kept: epoch 3." in curve.twin().alt


def test_a_training_feeds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from fedlab_utils.segmentation import FitSettings, UNetSettings, fit_unet
    from tests.segmentation.patients import patients
    from tests.segmentation.test_fit import TIER

    shown: list[object] = []

    class Handle:
        def update(self, what: object) -> None:
            shown.append(what)

    monkeypatch.setattr("IPython.display.display", lambda what, **_: shown.append(what) or Handle())
    settings = FitSettings(
        unet=UNetSettings(width=8), epochs=3, per_patient=2, batch=4, validate_every=1
    )
    with TrainingCurve() as curve:
        fit = fit_unet(patients(2), patients(1, 50), settings, TIER, on_epoch=curve.add)
    assert curve.rows == fit.curve
    assert curve.kept_epoch() == fit.best_epoch
    assert shown == [curve, curve], "shown at the beginning, its picture renewed at the end"
    np.testing.assert_allclose(curve.plot.data[0].y, [row["loss"] for row in fit.curve])
