"""What is shared, against the one training loop; clipping and noise by their definitions."""

from __future__ import annotations

import copy

import pytest
import torch

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.shared_update import defended, share, update_of
from fedlab_utils.segmentation import (
    OptimiserSettings,
    UNetSettings,
    local_update,
    make_optimiser,
    make_unet,
)


def _patients(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(count, 4, 32, 32, generator=draw)
    return images, (torch.rand(count, 3, 32, 32, generator=draw) < 0.3).float()


@pytest.mark.parametrize("schedule", [((0,),), ((0, 1, 2),), ((0, 1), (2,), (1, 2), (0,))])
def test_the_one_training_loop_moves_the_weights_by_as_much(schedule: tuple) -> None:
    images, target = _patients(3)
    network = make_unet(UNetSettings(width=8))
    trained, rate = copy.deepcopy(network), 0.05
    batches = [
        {"image": images[list(s)], "target": target[list(s)], "patient": torch.arange(len(s))}
        for s in schedule
    ]
    settings = OptimiserSettings("sgd", rate, 0.0)
    local_update(trained, batches, make_optimiser(trained, settings))
    shared = share(network, images, target, learning_rate=rate, schedule=schedule)
    graph = update_of(network, images, target, schedule, rate, graph=True)
    for before, after, sent, unrolled in zip(
        network.parameters(), trained.parameters(), shared.parts, graph, strict=True
    ):
        torch.testing.assert_close(before - rate * sent, after, rtol=0, atol=1e-6)
        torch.testing.assert_close(before - rate * unrolled, after, rtol=0, atol=1e-6)
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


def test_the_graph_of_several_steps_leads_back_to_the_images() -> None:
    """The slope against a difference, through two steps; in a smooth network, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torch.nn.Sequential(
            torch.nn.Conv2d(4, 3, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv2d(3, 3, 1)
        ).double()
    images, target = (part[:, :, :6, :6].double() for part in _patients(2))
    towards = torch.randn(images.shape, generator=torch.Generator().manual_seed(2)).double()

    def value(at: torch.Tensor, graph: bool = False) -> torch.Tensor:
        parts = update_of(network, at, target, ((0, 1), (1,)), 2.0, graph)
        return sum((part**2).sum() for part in parts)

    free = images.clone().requires_grad_()
    (slope,) = torch.autograd.grad(value(free, True), free)
    step = 0.02  # the loss rounds to single precision
    due = (value(images + step * towards) - value(images - step * towards)) / (2 * step)
    assert float((slope * towards).sum()) == pytest.approx(float(due), rel=1e-2)


def test_frozen_weights_are_not_sent() -> None:
    network = make_unet(UNetSettings(width=8))
    network.conv_0.requires_grad_(False)
    shared = share(network, *_patients(1))
    trained = [p for p in network.parameters() if p.requires_grad]
    assert [p.shape for p in shared.parts] == [p.shape for p in trained]


def test_clipping_shortens_and_keeps_the_direction() -> None:
    shared = share(make_unet(UNetSettings(width=8)), *_patients(1))
    vector = torch.cat([p.flatten() for p in shared.parts])
    clipped = defended(shared, bound=0.5 * float(vector.norm()))
    torch.testing.assert_close(torch.cat([p.flatten() for p in clipped.parts]), 0.5 * vector)
    same = defended(shared, bound=2 * float(vector.norm()))
    assert all(torch.equal(a, b) for a, b in zip(same.parts, shared.parts, strict=True))


def test_noise_is_as_large_as_was_said_and_decided_by_the_seed() -> None:
    shared = share(make_unet(UNetSettings(width=8)), *_patients(1))
    vector = torch.cat([p.flatten() for p in shared.parts])
    noise = [
        torch.cat([p.flatten() for p in defended(shared, 0.1, 2.0, seed).parts])
        - 0.1 / vector.norm() * vector
        for seed in (0, 0, 1)
    ]
    assert float(noise[0].std()) == pytest.approx(2 * 0.1 / len(vector) ** 0.5, rel=0.01)
    assert torch.equal(noise[0], noise[1])
    assert abs(float(torch.corrcoef(torch.stack([noise[0], noise[2]]))[0, 1])) < 0.01


def test_what_cannot_be_shared_is_refused() -> None:
    network, (images, target) = make_unet(UNetSettings(width=8)), _patients(2)
    for wrong in ({"steps": 0}, {"learning_rate": 0.0}, {"schedule": ((0,), ())}):
        with pytest.raises(PrivacyError, match="Take at least one step"):
            share(network, images, target, **wrong)
    with pytest.raises(PrivacyError, match="Count images from 0"):
        share(network, images, target, schedule=((0, 2),))
    shared = share(network, images, target)
    for wrong in ({"bound": 0.0}, {"noise": -1.0}):
        with pytest.raises(PrivacyError, match="Pass numbers above 0"):
            defended(shared, **wrong)
