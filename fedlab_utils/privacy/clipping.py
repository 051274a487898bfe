"""One gradient per patient, none longer than a bound: what limits a patient's influence on a step.

Patients go through the network one at a time. Each then has a gradient of its own by construction,
whatever the layers are, and the memory of a batch is that of one patient. Layers that mix the
samples of a batch (batch normalisation) see one patient only; their running averages would still
leave the hospital without noise, so such networks are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError
from fedlab_utils.segmentation.training import products_in

if TYPE_CHECKING:
    import torch
    from torch import nn

MARGIN = 1e-6
"""Added to a norm before the bound is divided by it: rounding must not make a gradient longer."""


def clipped_sum(
    model: nn.Module,
    batch: dict[str, torch.Tensor],
    loss: Callable[..., torch.Tensor],
    bound: float,
    precision: str = "fp32",
) -> tuple[list[torch.Tensor], list[float], list[float]]:
    """Return the sum of a batch's patients' gradients, each clipped to a length.

    A gradient ``g`` becomes ``g * min(1, bound / |g|)``, the norm taken over all weights that are
    trained (Abadi et al. 2016, Deep learning with differential privacy, arXiv:1607.00133). A
    gradient that is not finite counts as 0: no patient can move the sum by more than ``bound``.

    Parameters
    ----------
    model
        Without batch statistics. Its parameters' ``grad`` is left as it is.
    batch
        ``image``, ``target`` and ``patient``; a patient's samples need not lie together.
    loss
        ``loss(logits, target, patient) -> (P,)``.
    bound
        Largest length of one patient's gradient.
    precision
        As for :func:`fedlab_utils.segmentation.local_update`.

    Returns
    -------
    total : list of torch.Tensor
        One per trained parameter, in the model's order.
    norms : list of float
        Of the gradients as they were. They tell of patients: they are for looking, and not to be
        sent or kept.
    losses : list of float
        One per patient, likewise.
    """
    import torch

    weights = [p for p in model.parameters() if p.requires_grad]
    total = [torch.zeros_like(p) for p in weights]
    norms, losses = [], []
    for patient in batch["patient"].unique():
        rows = batch["patient"] == patient
        image, target = batch["image"][rows], batch["target"][rows]
        with products_in(precision, image.device):
            logits = model(image)
        value = loss(logits, target, torch.zeros_like(batch["patient"][rows])).sum()
        gradient = torch.autograd.grad(value, weights)
        norm = torch.nn.utils.get_total_norm(gradient)
        if torch.isfinite(norm):
            for part, g in zip(total, gradient, strict=True):
                part.add_(g, alpha=min(1.0, bound / (float(norm) + MARGIN)))
        norms.append(float(norm))
        losses.append(float(value.detach()))
    return total, norms, losses


def refuse_batch_statistics(model: nn.Module) -> None:
    """Refuse a network that keeps averages over a batch.

    Raises
    ------
    PrivacyError
        If it has such a layer.
    """
    from torch import nn

    batch, other = nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm
    for name, layer in model.named_modules():
        if isinstance(layer, batch) or (isinstance(layer, other) and layer.track_running_stats):
            raise PrivacyError(
                name or type(layer).__name__,
                f"{type(layer).__name__} keeps averages over patients, and no noise hides them",
                "Take group or instance normalisation without running averages",
            )
