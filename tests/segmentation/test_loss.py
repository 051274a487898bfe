"""The loss against a plain per-patient computation, and what it must not mix."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.segmentation.loss import dice_ce_loss


def by_hand(logits: np.ndarray, target: np.ndarray) -> float:
    """One patient: (samples, 3, *spatial), in float64, as on paper."""
    losses = []
    for region in range(3):
        z, t = logits[:, region].astype(float).ravel(), target[:, region].astype(float).ravel()
        p = 1 / (1 + np.exp(-z))
        dice = (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
        entropy = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
        losses.append(1 - dice + entropy)
    return float(np.mean(losses))


@given(patient=st.lists(st.integers(0, 2), min_size=1, max_size=6), seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_equals_the_computation_by_hand(patient: list[int], seed: int) -> None:
    numbers = {p: n for n, p in enumerate(dict.fromkeys(patient))}
    index = torch.tensor([numbers[p] for p in patient])
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (len(patient), 3, 5, 4)).astype(np.float32)
    target = (rng.random(logits.shape) < 0.3).astype(np.float32)
    got = dice_ce_loss(torch.from_numpy(logits), torch.from_numpy(target), index)
    rows = [np.flatnonzero(index.numpy() == n) for n in range(len(numbers))]
    want = [by_hand(logits[r], target[r]) for r in rows]
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)


def test_without_patients_each_sample_stands_alone_in_any_dimension() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (2, 3, 4, 4, 4)).astype(np.float32)
    target = (rng.random(logits.shape) < 0.5).astype(np.float32)
    got = dice_ce_loss(torch.from_numpy(logits), torch.from_numpy(target))
    want = [by_hand(logits[n : n + 1], target[n : n + 1]) for n in range(2)]
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)


def test_one_patients_voxels_do_not_change_anothers_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    target = (torch.rand(4, 3, 6, 6, generator=generator) < 0.3).float()
    start = torch.randn(4, 3, 6, 6, generator=generator)
    patient = torch.tensor([0, 0, 1, 1])

    def gradient(logits: torch.Tensor) -> torch.Tensor:
        logits = logits.clone().requires_grad_()
        dice_ce_loss(logits, target, patient).sum().backward()
        return logits.grad

    other = start.clone()
    other[2:] += 3
    torch.testing.assert_close(gradient(start)[:2], gradient(other)[:2], rtol=0, atol=0)


def test_perfect_and_empty_answers() -> None:
    target = torch.zeros(1, 3, 8, 8)
    target[:, :, 2:5, 2:5] = 1
    assert float(dice_ce_loss(40 * (2 * target - 1), target)) < 1e-6
    nothing = torch.zeros(1, 3, 8, 8)
    assert float(dice_ce_loss(nothing - 40, nothing)) < 1e-6
