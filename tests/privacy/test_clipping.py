"""Clipping: Opacus as the oracle, and the promise that one patient moves the sum by the bound."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.grad_sample import GradSampleModule
from torch import nn

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.clipping import clipped_sum, refuse_batch_statistics
from fedlab_utils.segmentation import UNetSettings, dice_ce_loss, make_unet


def _network(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(4, 6, 3, padding=1), nn.GroupNorm(2, 6), nn.ReLU(), nn.Conv2d(6, 3, 1)
        )


def _batch(patient: list[int], seed: int = 1, scale: float = 1.0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "image": scale * torch.randn(len(patient), 4, 8, 8, generator=draw),
        "target": (torch.rand(len(patient), 3, 8, 8, generator=draw) < 0.3).float(),
        "patient": torch.tensor(patient, dtype=torch.int64),
    }


def _length(parts: list[torch.Tensor]) -> float:
    return float(torch.cat([p.flatten().double() for p in parts]).norm())


def test_opacus_finds_the_same_gradient_of_each_sample() -> None:
    """Where each patient gives one slice, a patient's gradient is a sample's."""
    network, batch = _network(), _batch([0, 1, 2, 3])
    hooked = GradSampleModule(_network(), loss_reduction="sum")
    losses = dice_ce_loss(hooked(batch["image"]), batch["target"], batch["patient"])
    losses.sum().backward()
    each = [p.grad_sample for p in hooked.parameters()]
    norms = torch.stack([g.flatten(1).norm(dim=1) for g in each]).norm(dim=0)
    bound = float(norms.median())
    scale = (bound / (norms + 1e-6)).clamp(max=1)
    total, seen, values = clipped_sum(network, batch, dice_ce_loss, bound)
    assert seen == pytest.approx(norms.tolist(), rel=1e-4)
    assert values == pytest.approx(losses.tolist(), rel=1e-5)
    for ours, theirs in zip(total, each, strict=True):
        torch.testing.assert_close(ours, torch.einsum("b,b...->...", scale, theirs))


def test_a_patient_of_many_slices_has_one_gradient_wherever_they_lie() -> None:
    network, batch = _network(), _batch([0, 1, 0, 0, 1])
    total, norms, _ = clipped_sum(network, batch, dice_ce_loss, 1e9)
    loss = dice_ce_loss(network(batch["image"]), batch["target"], batch["patient"]).sum()
    for ours, due in zip(total, torch.autograd.grad(loss, list(network.parameters())), strict=True):
        torch.testing.assert_close(ours, due, rtol=1e-4, atol=1e-6)
    assert len(norms) == 2
    assert all(p.grad is None for p in network.parameters())


@settings(max_examples=25, deadline=None)
@given(
    patients=st.lists(st.integers(0, 3), min_size=1, max_size=7),
    bound=st.floats(1e-3, 10),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_a_whole_patient_added_or_removed_moves_the_sum_by_no_more_than_the_bound(
    patients: list[int], bound: float, scale: float, seed: int
) -> None:
    network, batch = _network(seed), _batch(patients, seed, scale)
    whole, _, _ = clipped_sum(network, batch, dice_ce_loss, bound)
    for leaver in set(patients):
        stay = batch["patient"] != leaver
        rest, _, _ = clipped_sum(
            network, {name: value[stay] for name, value in batch.items()}, dice_ce_loss, bound
        )
        moved = _length([a.double() - b.double() for a, b in zip(whole, rest, strict=True)])
        # The sums are in single precision: their rounding comes on top.
        assert moved <= bound * (1 + 1e-5) + 1e-6 * _length(whole)


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), 1e30])
def test_a_patient_of_broken_numbers_moves_the_sum_no_further(poison: float) -> None:
    network, batch = _network(), _batch([0, 1])
    batch["image"][1, 0, 2, 2] = poison
    total, _, _ = clipped_sum(network, batch, dice_ce_loss, 0.5)
    alone, _, _ = clipped_sum(network, {n: v[:1] for n, v in batch.items()}, dice_ce_loss, 0.5)
    assert all(torch.isfinite(part).all() for part in total)
    assert _length([a - b for a, b in zip(total, alone, strict=True)]) <= 0.5 * (1 + 1e-5)


def test_of_nobody_the_sum_is_zero() -> None:
    total, norms, losses = clipped_sum(_network(), _batch([]), dice_ce_loss, 1.0)
    assert _length(total) == 0
    assert norms == losses == []


def test_frozen_weights_take_no_part() -> None:
    network, batch = _network(), _batch([0, 1])
    network[0].requires_grad_(False)
    total, norms, _ = clipped_sum(network, batch, dice_ce_loss, 1e9)
    assert [tuple(t.shape) for t in total] == [tuple(p.shape) for p in network[1:].parameters()]
    network[0].requires_grad_(True)
    _, whole, _ = clipped_sum(network, batch, dice_ce_loss, 1e9)
    assert all(part < all_of_it for part, all_of_it in zip(norms, whole, strict=True))


@pytest.mark.parametrize(
    "layer", [nn.BatchNorm2d(4), nn.BatchNorm3d(4), nn.InstanceNorm2d(4, track_running_stats=True)]
)
def test_networks_that_keep_averages_over_patients_are_refused(layer: nn.Module) -> None:
    with pytest.raises(PrivacyError, match="keeps averages over patients"):
        refuse_batch_statistics(nn.Sequential(nn.Conv2d(4, 4, 1), layer))


def test_the_course_s_networks_are_welcome() -> None:
    refuse_batch_statistics(_network())
    refuse_batch_statistics(make_unet(UNetSettings(width=8)))
    refuse_batch_statistics(nn.InstanceNorm2d(4, affine=True))
