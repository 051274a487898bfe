"""Three ways to get differential privacy wrong, for an audit to find. Never train with these.

Each runs, learns, and reports the same epsilon as the right one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fedlab_utils.privacy.clipping import MARGIN
from fedlab_utils.privacy.ledger import Ledger
from fedlab_utils.privacy.private_gradient import PrivateGradient

if TYPE_CHECKING:
    import torch
    from torch import nn


class NoiseLeftOut(PrivateGradient):
    """Clips, charges the ledger, and adds no noise."""

    def __call__(self, *step: object) -> torch.Tensor:
        """Fill the parameters' ``grad``."""
        self.randomness = _Silence()
        return super().__call__(*step)


class _Silence:
    simulated = True

    def normal(self, shape: tuple[int, ...]):
        import numpy as np

        return np.zeros(shape)


class ClippedPerBatch(PrivateGradient):
    """Clips the batch's mean instead of each patient, and adds the noise of a sum over patients.

    The mean may be as long as the bound whoever is in the batch, and so may one patient's part in
    it; the noise was meant for a part of bound over batch.
    """

    def __call__(
        self,
        model: nn.Module,
        batch: dict[str, torch.Tensor],
        loss: Callable[..., torch.Tensor],
        corrections: object = (),
        precision: str = "fp32",
    ) -> torch.Tensor:
        """Fill the parameters' ``grad``."""
        import torch

        del corrections, precision
        settings = self.settings
        self.ledger.charge(settings.noise, settings.rate)
        weights = [p for p in model.parameters() if p.requires_grad]
        value = loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
        gradient = torch.autograd.grad(value, weights)
        norm = float(torch.nn.utils.get_total_norm(gradient))
        for weight, part in zip(weights, gradient, strict=True):
            noise = torch.from_numpy(self.randomness.normal(tuple(part.shape))).to(part)
            weight.grad = part * min(1.0, settings.bound / (norm + MARGIN))
            weight.grad.add_(noise, alpha=settings.noise * settings.bound / self.expected)
        return torch.zeros((), device=weights[0].device)


class LedgerForgets(PrivateGradient):
    """Begins a new ledger every so many steps, as a new ``PrivacyEngine`` in each round does.

    Attributes
    ----------
    round_steps : int
        After how many steps it forgets.
    """

    round_steps = 1

    def __call__(self, *step: object) -> torch.Tensor:
        """Fill the parameters' ``grad``."""
        if sum(steps for *_, steps in self.ledger.history) >= self.round_steps:
            self.ledger = Ledger(self.ledger.budget, delta=self.ledger.delta)
        return super().__call__(*step)
