"""A patient painted by numbers: what the mask alone tells, without any gradient.

An attacker who is given the mask must beat a guess that is given it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def painted_guess(
    public: torch.Tensor,
    public_target: torch.Tensor,
    public_brain: torch.Tensor,
    target: torch.Tensor,
    brain: torch.Tensor,
) -> torch.Tensor:
    """Return each region of a patient's mask in the mean intensity that public patients have there.

    Parameters
    ----------
    public, public_target, public_brain
        Public patients: images ``(N, C, H, W)``, targets ``(N, 3, H, W)``, bool ``(N, 1, H, W)``.
    target, brain
        Of those who are guessed, ``(B, 3, H, W)`` and bool ``(B, 1, H, W)``.

    Returns
    -------
    torch.Tensor
        ``(B, C, H, W)``; 0 outside the brain and the mask, and in a region that no public patient
        has.
    """
    import torch

    known = _areas(public_target, public_brain)
    sums = torch.einsum("nrxy,ncxy->rc", known, public)
    colours = sums / known.sum((0, 2, 3)).clamp(min=1)[:, None]
    return torch.einsum("nrxy,rc->ncxy", _areas(target, brain), colours)


def _areas(target: torch.Tensor, brain: torch.Tensor) -> torch.Tensor:
    """Return float ``(N, 4, H, W)``: enhancing, other core, oedema, other brain; none overlap."""
    import torch

    enhancing, core, whole = target.bool().unbind(1)
    parts = (enhancing, core & ~enhancing, whole & ~core, brain[:, 0] & ~whole)
    return torch.stack(parts, 1).float()
