"""Training in one place: it learns, repeats itself, goes on after a cut, and keeps the best."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.fit import Fit, FitSettings, fit_unet, one_cycle, region_dice
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
    from dataclasses import replace

    settings = replace(QUICK, epochs=30)
    fit = fit_unet(patients(6), patients(2, 50), settings, TIER, device="cpu")
    assert fit.curve[-1]["loss"] < 0.6 * fit.curve[0]["loss"]
    dice = region_dice(fit.model, patients(3, 90))
    assert dice.shape == (3, 3)
    assert dice.mean() > 0.7


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    from dataclasses import replace

    first, again = (fit_unet(patients(3), [], QUICK, TIER, device="cpu") for _ in "ab")
    assert torch.equal(state(first), state(again))
    other = fit_unet(patients(3), [], replace(QUICK, seed=1), TIER, device="cpu")
    assert not torch.equal(state(first), state(other))


def test_a_cut_training_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = fit_unet(patients(3), patients(1, 9), QUICK, TIER, device="cpu")
    file = tmp_path / "checkpoint.pt"

    def cut(row: dict, _: int) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_unet(
            patients(3), patients(1, 9), QUICK, TIER, device="cpu", on_epoch=cut, checkpoint=file
        )
    resumed = fit_unet(patients(3), patients(1, 9), QUICK, TIER, device="cpu", checkpoint=file)
    assert torch.equal(state(whole), state(resumed))
    assert [row["epoch"] for row in resumed.curve] == [1, 2, 3]
    assert not file.exists()


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    file = tmp_path / "checkpoint.pt"

    def cut(row: dict, _: int) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_unet(patients(2), [], QUICK, TIER, device="cpu", on_epoch=cut, checkpoint=file)
    with pytest.raises(TrainingError, match="other settings"):
        fit_unet(patients(2), [], replace(QUICK, seed=3), TIER, device="cpu", checkpoint=file)


def test_the_best_epoch_is_kept_not_the_last() -> None:
    """A learning rate that explodes after the first look at validation makes the last one bad."""
    from dataclasses import replace

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


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 100, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 3)
    assert max(rates) == 1.0 == rates[2]
    assert np.all(np.diff(rates[3:]) < 0)
    assert rates[-1] < 1e-3


def test_nobody_to_train_on() -> None:
    with pytest.raises(TrainingError, match="no patient"):
        fit_unet([], [], QUICK, TIER)
