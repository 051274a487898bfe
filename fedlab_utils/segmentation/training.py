"""The one training loop. Every method of the course that changes training is a small correction.

A *correction* looks at a step from outside: it may add a term to the loss (FedProx, elastic weight
consolidation, distillation) or change the gradient (SCAFFOLD). No method copies the loop, so that
two methods differ in nothing but what their papers say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import FedLabError, TrainingError
from fedlab_utils.segmentation.loss import dice_ce_loss

if TYPE_CHECKING:
    import torch
    from torch import nn

OPTIMISERS = ("adamw", "sgd")
PRECISIONS = ("fp32", "bf16")


class Correction:
    """What a method adds to a training step; this one adds nothing."""

    def begin(self, model: nn.Module) -> None:
        """See the model before the first step, for example to remember its weights."""

    def loss(
        self,
        model: nn.Module,  # noqa: ARG002
        batch: dict[str, torch.Tensor],  # noqa: ARG002
        logits: torch.Tensor,  # noqa: ARG002
    ) -> torch.Tensor | None:
        """Return a term to add to the batch's loss, a scalar, or None."""
        return None

    def gradient(self, model: nn.Module) -> None:
        """Change the parameters' ``grad`` in place, after the backward pass."""

    def end(self, model: nn.Module, update: Update) -> None:
        """See the model and what was done after the last step."""


@dataclass(frozen=True)
class OptimiserSettings:
    """How weights follow the gradient.

    Attributes
    ----------
    name
        ``"adamw"`` (Loshchilov and Hutter 2019, arXiv:1711.05101) or ``"sgd"``.
    learning_rate
        Step length, at the start where a schedule lowers it.
    weight_decay
        Pull of the weights towards 0, decoupled from the gradient in AdamW.
    momentum
        Of SGD; 0 is plain SGD, which SCAFFOLD's theory assumes.

    Raises
    ------
    FedLabError
        If there is no such optimiser, or a value is no number.
    """

    name: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    momentum: float = 0.0

    def __post_init__(self) -> None:
        make_plain(self)
        if self.name not in OPTIMISERS:
            raise FedLabError(
                "OptimiserSettings",
                f"there is no optimiser {self.name!r}",
                f"Choose one of {', '.join(OPTIMISERS)}",
            )


@dataclass(frozen=True)
class Update:
    """What a call of :func:`local_update` did.

    Attributes
    ----------
    steps
        Optimiser steps taken.
    samples
        Slices or patches seen, with repetition.
    loss
        Mean over the steps of the batch's mean loss per patient, corrections not counted.
    learning_rate
        That of the last step.
    """

    steps: int
    samples: int
    loss: float
    learning_rate: float


def make_optimiser(
    model: nn.Module, settings: OptimiserSettings | None = None
) -> torch.optim.Optimizer:
    """Build the optimiser of all parameters that are trained.

    Whether its state (AdamW's moments, SGD's momentum) survives from one round of a federation to
    the next is the caller's choice: keep the optimiser, or make a new one.
    """
    import torch

    settings = settings or OptimiserSettings()
    parameters = [p for p in model.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.name == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=settings.momentum, weight_decay=decay)
    return torch.optim.AdamW(parameters, rate, weight_decay=decay)


def local_update(
    model: nn.Module,
    batches: Iterable[dict[str, torch.Tensor]],
    optimiser: torch.optim.Optimizer,
    corrections: Sequence[Correction] = (),
    loss: Callable[..., torch.Tensor] = dice_ce_loss,
    learning_rate: Callable[[int], float] | None = None,
    precision: str = "fp32",
    gradient: Callable[..., torch.Tensor] | None = None,
) -> Update:
    """Train a model, in place, on the batches given: one step each.

    Parameters
    ----------
    model
        Logits ``(B, 3, *spatial)`` from images ``(B, C, *spatial)``.
    batches
        Each a dict with ``image``, ``target`` ``(B, 3, *spatial)`` and ``patient``, int64
        ``(B,)``; see :func:`fedlab_utils.segmentation.batching.batches`.
    optimiser
        From :func:`make_optimiser`.
    corrections
        Applied in this order.
    loss
        ``loss(logits, target, patient) -> (P,)``, one number per patient; their mean is minimised.
    learning_rate
        Step number, from 0, to learning rate; without it the optimiser's own stays.
    precision
        ``"fp32"``, or ``"bf16"``: the network's products in bfloat16, weights and loss in fp32.
    gradient
        Fills the parameters' ``grad`` from a batch and returns the loss to report; by default
        :func:`batch_gradient`. Differential privacy has another one.

    Returns
    -------
    Update

    Raises
    ------
    TrainingError
        If the loss is no longer finite, or there was no batch.
    """
    import torch

    if precision not in PRECISIONS:
        raise FedLabError("local_update", f"precision is {precision!r}", "Take fp32 or bf16")
    device = next(model.parameters()).device
    model.train()
    for correction in corrections:
        correction.begin(model)
    gradient = gradient or batch_gradient
    total = torch.zeros((), device=device)
    steps = samples = 0
    for batch in batches:
        if learning_rate is not None:
            for group in optimiser.param_groups:
                group["lr"] = learning_rate(steps)
        batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        optimiser.zero_grad(set_to_none=True)
        total += gradient(model, batch, loss, corrections, precision)
        for correction in corrections:
            correction.gradient(model)
        optimiser.step()
        steps, samples = steps + 1, samples + len(batch["image"])
    update = _report(steps, samples, total, optimiser)
    for correction in corrections:
        correction.end(model, update)
    return update


def batch_gradient(
    model: nn.Module,
    batch: dict[str, torch.Tensor],
    loss: Callable[..., torch.Tensor],
    corrections: Sequence[Correction] = (),
    precision: str = "fp32",
) -> torch.Tensor:
    """Add the gradient of a batch's mean loss, and of what corrections add, to ``grad``.

    Parameters
    ----------
    model, batch, loss, corrections, precision
        See :func:`local_update`.

    Returns
    -------
    torch.Tensor
        The mean loss per patient, a scalar; corrections not counted.
    """
    with products_in(precision, batch["image"].device):
        logits = model(batch["image"])
    value = loss(logits, batch["target"], batch["patient"]).mean()
    extra = [term for c in corrections if (term := c.loss(model, batch, logits)) is not None]
    sum(extra, start=value).backward()
    return value.detach()


def products_in(precision: str, device: torch.device) -> AbstractContextManager:
    """Return the context in which a network's products have a precision, of :data:`PRECISIONS`."""
    import torch

    half = precision == "bf16"
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


def _report(
    steps: int, samples: int, total: torch.Tensor, optimiser: torch.optim.Optimizer
) -> Update:
    if not steps:
        raise TrainingError("local_update", "there was no batch", "Give it at least one patient")
    mean = float(total) / steps
    rate = optimiser.param_groups[0]["lr"]
    if mean != mean or abs(mean) == float("inf"):
        raise TrainingError(
            "local_update",
            f"after {steps} steps at learning rate {rate:g} the mean loss is {mean}",
            "Lower the learning rate, or look for NaN in the images",
        )
    return Update(steps, samples, mean, rate)
