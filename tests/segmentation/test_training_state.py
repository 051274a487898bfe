"""A training goes on from its checkpoint to the same bits, and from no other one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.fit import fit_unet
from fedlab_utils.segmentation.training_state import TrainingState, one_cycle, region_dice
from tests.segmentation.patients import patients
from tests.segmentation.test_fit import QUICK, TIER, state


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
    file = tmp_path / "checkpoint.pt"

    def cut(row: dict, _: int) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_unet(patients(2), [], QUICK, TIER, device="cpu", on_epoch=cut, checkpoint=file)
    with pytest.raises(TrainingError, match="other settings"):
        fit_unet(patients(2), [], replace(QUICK, seed=3), TIER, device="cpu", checkpoint=file)


def test_a_checkpoint_holds_nothing_that_is_executed_and_all_that_decides(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.pt"
    first = TrainingState(patients(3), patients(1, 9), QUICK, TIER, "cpu")
    for _ in range(2):
        first.one_epoch(0)
    first.save(file)
    stored = torch.load(file, weights_only=True)
    assert set(stored) == {"network", "optimiser", "best", "numbers", "curve", "identity"}
    second = TrainingState(patients(3), patients(1, 9), QUICK, TIER, "cpu")
    second.resume(file)
    assert (second.curve, second.best_epoch) == (first.curve, 2)
    assert first.one_epoch(0) == second.one_epoch(0)


def test_dice_of_regions_by_counting() -> None:
    """The first look at validation, against sets of voxels."""
    from fedlab_utils.data.regions import to_regions
    from fedlab_utils.segmentation.prediction import predict_probabilities

    run = TrainingState(patients(2), [], QUICK, TIER, "cpu")
    (someone,) = patients(1, 40)
    found = region_dice(run.model, [someone])
    mine = predict_probabilities(run.model, someone) >= 0.5
    for got, a, b in zip(found[0], mine, to_regions(someone.labels), strict=True):
        one, other = (set(map(tuple, np.argwhere(mask))) for mask in (a, b))
        assert got == pytest.approx(2 * len(one & other) / (len(one) + len(other)))


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    rates = [one_cycle(step, 100, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 3)
    assert max(rates) == 1.0 == rates[2]
    assert np.all(np.diff(rates[3:]) < 0)
    assert rates[-1] < 1e-3
