"""Training in one place: it learns, repeats itself, and keeps the best epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.fit import Fit, FitSettings, fit_unet, region_dice
from fedlab_utils.segmentation.training import OptimiserSettings
from fedlab_utils.segmentation.unet import UNetSettings
from tests.segmentation.patients import patients

TIER = Tier("test", spacing=2.0, spatial_dims=2, size=(32, 32))
QUICK = FitSettings(
    unet=UNetSettings(width=8),
    optimiser=OptimiserSettings(learning_rate=5e-3),
    epochs=3,
    per_patient=4,
    batch=8,
    validate_every=2,
    augment=False,
)


def state(fit: Fit) -> torch.Tensor:
    return torch.cat([p.detach().ravel() for p in fit.model.network.parameters()])


def test_learns_an_easy_task() -> None:
    settings = replace(QUICK, epochs=30)
    fit = fit_unet(patients(6), patients(2, 50), settings, TIER, device="cpu")
    assert fit.curve[-1]["loss"] < 0.6 * fit.curve[0]["loss"]
    dice = region_dice(fit.model, patients(3, 90))
    assert dice.shape == (3, 3)
    assert dice.mean() > 0.7


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first, again = (fit_unet(patients(3), [], QUICK, TIER, device="cpu") for _ in "ab")
    assert torch.equal(state(first), state(again))
    other = fit_unet(patients(3), [], replace(QUICK, seed=1), TIER, device="cpu")
    assert not torch.equal(state(first), state(other))


def test_the_best_epoch_is_kept_not_the_last() -> None:
    """A learning rate that explodes after the first look at validation makes the last one bad."""
    settings = replace(QUICK, epochs=6, validate_every=1, per_patient=8)
    fit = fit_unet(patients(4), patients(2, 50), settings, TIER, device="cpu")
    looked = {row["epoch"]: row["dice"] for row in fit.curve}
    assert fit.best_epoch == max(looked, key=looked.get)
    mine = region_dice(fit.model, patients(2, 50)).mean()
    assert mine == pytest.approx(looked[fit.best_epoch], abs=1e-6)


def test_minutes_decide_how_many_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each epoch takes ten seconds by a clock of the test's own: one minute holds six."""
    import fedlab_utils.segmentation.fit as module

    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    fit = fit_unet(patients(2), [], QUICK, TIER, minutes=1, device="cpu")
    assert len(fit.curve) == 6
    assert fit.curve[-1]["learning_rate"] < 0.2 * QUICK.optimiser.learning_rate


def test_a_look_at_validation_takes_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch takes 10 s, one with a look 30 s: each three 50 s, and 240 s hold 16, not 24."""
    import fedlab_utils.segmentation.fit as module

    ends = np.cumsum([30.0 if n % 3 == 0 else 10.0 for n in range(1, 100)])
    clock = iter([0.0, *ends])
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    settings = replace(QUICK, epochs=50, validate_every=3)
    fit = fit_unet(patients(2), patients(1, 50), settings, TIER, minutes=4, device="cpu")
    assert fit.curve[-1]["seconds"] <= 240
    assert len(fit.curve) >= 12
    assert fit.curve[-1]["learning_rate"] < 0.1 * QUICK.optimiser.learning_rate


@pytest.mark.parametrize(("early", "late"), [(10.0, 20.0), (20.0, 10.0)])
def test_a_machine_that_slows_down_or_speeds_up_still_ends_in_time(
    monkeypatch: pytest.MonkeyPatch, early: float, late: float
) -> None:
    """Ten epochs at one pace, the others at another: 600 s are used, and not exceeded by a look."""
    import fedlab_utils.segmentation.fit as module

    ends = np.cumsum([early] * 10 + [late] * 200)
    clock = iter([0.0, *ends])
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    settings = replace(QUICK, epochs=500, validate_every=5)
    fit = fit_unet(patients(2), patients(1, 50), settings, TIER, minutes=10, device="cpu")
    assert 570 <= fit.curve[-1]["seconds"] <= 620
    assert fit.curve[-1]["learning_rate"] < 0.1 * QUICK.optimiser.learning_rate


@pytest.mark.parametrize("second", [5.0, 60.0])
def test_too_little_time_still_ends_with_an_epoch_that_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, second: float
) -> None:
    """The time is over during the second epoch, which began as one of many."""
    import fedlab_utils.segmentation.fit as module

    clock = iter([0.0, 5.0, 5.0 + second, *range(100, 1000)])
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    settings = replace(QUICK, epochs=50, validate_every=10)
    fit = fit_unet(patients(2), patients(1, 50), settings, TIER, minutes=0.2, device="cpu")
    assert (len(fit.curve), fit.best_epoch) == (3, 3)
    assert "dice" in fit.curve[-1]


@pytest.mark.parametrize("minutes", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_what_is_no_time_is_refused(minutes: float) -> None:
    with pytest.raises(TrainingError, match="minutes: it is"):
        fit_unet(patients(1), [], QUICK, TIER, minutes=minutes, device="cpu")


def test_nobody_to_train_on() -> None:
    with pytest.raises(TrainingError, match="no patient"):
        fit_unet([], [], QUICK, TIER)


def test_a_training_may_begin_with_another_ones_weights() -> None:
    first = fit_unet(patients(3), [], QUICK, TIER, device="cpu")
    still = replace(QUICK, epochs=1, optimiser=OptimiserSettings(learning_rate=0.0))
    begun = fit_unet(patients(3), [], still, TIER, device="cpu", begin_with=first.model)
    assert torch.equal(state(begun), state(first))
    wider = replace(still, unet=UNetSettings(width=16))
    with pytest.raises(TrainingError, match="width=8"):
        fit_unet(patients(3), [], wider, TIER, device="cpu", begin_with=first.model)


def test_a_network_remembers_its_views() -> None:
    fit = fit_unet(patients(2), [], replace(QUICK, epochs=1, views=(2, 1)), TIER, device="cpu")
    assert fit.model.views == (2, 1)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut off"])
def test_a_damaged_checkpoint_is_refused_with_the_way_out(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(content)
    with pytest.raises(TrainingError, match=r"cannot be read.*Remove it"):
        fit_unet(patients(2), [], QUICK, TIER, device="cpu", checkpoint=checkpoint)
    assert checkpoint.read_bytes() == content


def test_a_checkpoint_of_other_patients_or_beginnings_is_refused(tmp_path: Path) -> None:
    def stop(row: dict, _: int) -> None:
        if row["epoch"] == 1:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        fit_unet(patients(3), [], QUICK, TIER, checkpoint=checkpoint, on_epoch=stop, device="cpu")
    first = fit_unet(patients(2), [], QUICK, TIER, device="cpu").model
    for others, begin_with in ((patients(4), None), (patients(3), first)):
        with pytest.raises(TrainingError, match="other settings, patients or first weights"):
            fit_unet(
                others, [], QUICK, TIER, checkpoint=checkpoint, device="cpu", begin_with=begin_with
            )
    assert (
        len(fit_unet(patients(3), [], QUICK, TIER, checkpoint=checkpoint, device="cpu").curve) == 3
    )
