"""Training steps on a tiny network for lesson 03: the right one, and those of likely mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def three_steps(step: Callable) -> dict:
    """Run a step three times on fresh equal networks and note what happened."""
    import torch

    model = _Tiny()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.5)
    model.eval()
    noted = {"before": model.flat(), "weights": [], "losses": []}
    for number in range(3):
        loss = step(model, optimiser, _batch(number))
        noted["losses"].append(loss)
        noted["weights"].append(model.flat())
    noted["training"] = model.seen_training
    return noted


def _batch(number: int) -> dict[str, torch.Tensor]:
    """Three samples of two patients, so that a mean over samples is none over patients."""
    import torch

    rng = np.random.default_rng((33, number))
    image = torch.tensor(rng.normal(0, 1, (3, 4, 6, 5)), dtype=torch.float32)
    target = torch.tensor(rng.random((3, 3, 6, 5)) < 0.3, dtype=torch.float32)
    return {"image": image, "target": target, "patient": torch.tensor([0, 0, 1])}


def _Tiny():  # noqa: N802 - makes a class's instance; torch must not be imported above
    import torch

    class Tiny(torch.nn.Module):
        """One convolution, seeded, that notes whether it ran in training mode."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(4, 3, 1)
            rng = np.random.default_rng(34)
            with torch.no_grad():
                for p in self.layer.parameters():
                    p.copy_(torch.tensor(rng.normal(0, 0.5, p.shape), dtype=torch.float32))
            self.seen_training = True

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            self.seen_training = self.seen_training and self.training
            return self.layer(image)

        def flat(self) -> np.ndarray:
            return np.concatenate([p.detach().numpy().ravel() for p in self.parameters()])

    return Tiny()


def _loss(model, batch: dict):
    from fedlab_utils.segmentation import dice_ce_loss

    return dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"])


def right_step(model, optimiser, batch: dict) -> float:
    """The step as the lesson asks for it."""
    model.train()
    optimiser.zero_grad()
    loss = _loss(model, batch).mean()
    loss.backward()
    optimiser.step()
    return loss.item()


def wrong_steps() -> dict[str, Callable]:
    """Diagnosis -> the step with that mistake."""
    from fedlab_utils.segmentation import dice_ce_loss

    def accumulating(model, optimiser, batch):
        model.train()
        loss = _loss(model, batch).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def summing(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        loss = _loss(model, batch).sum()
        loss.backward()
        optimiser.step()
        return loss.item()

    def by_slice(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        loss = dice_ce_loss(model(batch["image"]), batch["target"]).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def sigmoid_first(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        probability = model(batch["image"]).sigmoid()
        loss = dice_ce_loss(probability, batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def twice(model, optimiser, batch):
        loss = right_step(model, optimiser, batch)
        optimiser.step()
        return loss

    return {
        "The gradients of earlier steps add up: call `optimiser.zero_grad()` in every step": (
            accumulating
        ),
        "You minimise the sum over patients: a batch of more patients would take longer strides. "
        "Take the mean": summing,
        "You leave out `patient`, so that each slice counts as a patient of its own": by_slice,
        "The loss takes logits and applies the sigmoid itself; you apply it before as well": (
            sigmoid_first
        ),
        "The optimiser steps twice on one gradient": twice,
    }
