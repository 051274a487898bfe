"""Poisson sampling of patients: each by a coin of its own, with all visits, or nobody at all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.randomness import SimulatedRandomness
from fedlab_utils.privacy.sampling import poisson_sample, private_batches


def _coins(seed: int = 0) -> SimulatedRandomness:
    return SimulatedRandomness(seed, say=lambda _: None)


def test_each_patient_is_in_by_a_coin_of_its_own() -> None:
    coins, draws = _coins(), 4000
    seen = np.zeros((draws, 6), bool)
    for row in seen:
        row[poisson_sample(6, 0.3, coins)] = True
    for count in seen.sum(0):
        assert stats.binomtest(int(count), draws, 0.3).pvalue > 1e-6
    sizes = np.bincount(seen.sum(1), minlength=7)
    due = stats.binom.pmf(range(7), 6, 0.3) * draws
    assert stats.chisquare(sizes, due).pvalue > 1e-6  # independent: sizes are binomial
    assert sizes[0] > 0


def test_at_rate_one_everybody_takes_part() -> None:
    assert poisson_sample(5, 1.0, _coins()) == [0, 1, 2, 3, 4]
    assert poisson_sample(0, 0.5, _coins()) == []


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, float("nan")])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(PrivacyError, match="the rate is"):
        poisson_sample(5, rate, _coins())


class _Dataset:
    """Three visits of two patients, two draws each; an image holds visit, turn and epoch."""

    size = (4, 4)

    def __init__(self) -> None:
        self.patients = [SimpleNamespace(patient_id=name) for name in ("b", "a", "b")]
        self.epoch = None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict:
        visit, turn = index % 3, index // 3
        image = torch.full((4, 4, 4), 100.0 * self.epoch + 10 * visit + turn)
        target = torch.zeros(3, 4, 4)
        return {"image": image, "target": target, "patient": self.patients[visit].patient_id}


def test_a_patient_comes_with_all_visits_and_draws() -> None:
    both = list(private_batches(_Dataset(), 1.0, 2, _coins(), first=5))
    assert [b["image"][:, 0, 0, 0].tolist() for b in both] == [
        [100 * step + n for n in (10, 11, 0, 1, 20, 21)] for step in (5, 6)
    ]
    assert both[0]["patient"].tolist() == [0, 0, 1, 1, 1, 1]
    one = list(private_batches(_Dataset(), 1.0, 1, _coins(), sequences=("T1ce", "FLAIR")))
    assert one[0]["image"].shape == (6, 2, 4, 4)


def test_a_step_of_nobody_is_a_step() -> None:
    coins = replace_uniform(_coins(), 0.9)
    [batch] = private_batches(_Dataset(), 0.5, 1, coins)
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "image": (0, 4, 4, 4),
        "target": (0, 3, 4, 4),
        "patient": (0,),
    }


def replace_uniform(coins: SimulatedRandomness, value: float) -> SimulatedRandomness:
    """Let every coin fall alike."""
    coins.uniform = lambda count: np.full(count, value)
    return coins
