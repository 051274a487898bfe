"""What training minimises: Dice and cross entropy, one number per patient.

Dice asks for overlap and does not drown in background; cross entropy gives every voxel a say and a
smooth slope where Dice has none. Their sum is the field's usual choice (Isensee et al., Nature
Methods 18, 2021, doi:10.1038/s41592-020-01008-z).

Sums run over a patient's slices or patches, never over a batch: a Dice over the batch would let one
patient's voxels change another one's gradient, and the privacy lessons count patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SMOOTH = 1.0
"""Added to both sides of the fraction, in voxels: an empty region scores nearly 1 once its summed
probability is far below 1, and the slope stays finite."""


def dice_ce_loss(
    logits: torch.Tensor, target: torch.Tensor, patient: torch.Tensor | None = None
) -> torch.Tensor:
    """Soft Dice loss plus binary cross entropy, per patient, mean over regions.

    Parameters
    ----------
    logits
        ``(B, 3, *spatial)``.
    target
        ``(B, 3, *spatial)`` of 0 and 1.
    patient
        int64 ``(B,)``: which of the batch's patients, 0 to P - 1, each sample belongs to. Without
        it each sample is a patient of its own.

    Returns
    -------
    torch.Tensor
        ``(P,)`` float32: ``1 - Dice + cross entropy`` of each patient. Dice after Milletari et al.
        2016, arXiv:1606.04797, with sums instead of sums of squares.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    logits, target = logits.float(), target.float()
    space = tuple(range(2, logits.ndim))
    probability = torch.sigmoid(logits)
    sums = torch.stack(
        [
            (probability * target).sum(space),
            (probability + target).sum(space),
            binary_cross_entropy_with_logits(logits, target, reduction="none").mean(space),
            torch.ones_like(logits[(..., *[0] * len(space))]),
        ]
    )  # (4, B, 3)
    if patient is not None:
        count = int(patient.max()) + 1
        empty = sums.new_zeros(len(sums), count, sums.shape[-1])
        sums = empty.index_add(1, patient, sums)  # (4, P, 3)
    shared, total, entropy, samples = sums
    dice = (2 * shared + SMOOTH) / (total + SMOOTH)
    return (1 - dice + entropy / samples).mean(1)
