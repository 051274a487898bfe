"""What a search of gradient inversion lessens: a distance of gradients, and roughness of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

DISTANCES = ("cosine", "l2")

TINY = 1e-12
"""Added to squared lengths, so that the slope at 0 is finite."""


def gradient_distance(
    found: Sequence[torch.Tensor], sent: Sequence[torch.Tensor], kind: str = "cosine"
) -> torch.Tensor:
    """Return how far two updates lie apart, over all parameters together.

    Parameters
    ----------
    found, sent
        One tensor per parameter.
    kind
        ``"cosine"``: 1 minus the cosine of the angle between them, from 0 to 2. ``"l2"``: squared
        distance over the squared length of ``sent``, so that 1 is the distance of doing nothing.

    Returns
    -------
    torch.Tensor
        A scalar.
    """
    pairs = list(zip(found, sent, strict=True))
    length = sum(s.square().sum() for s in sent)
    if kind == "l2":
        return sum((f - s).square().sum() for f, s in pairs) / (length + TINY)
    shared = sum((f * s).sum() for f, s in pairs)
    own = sum(f.square().sum() for f in found)
    return 1 - shared / ((own + TINY).sqrt() * (length + TINY).sqrt())


def total_variation(images: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of neighbours, down and across added (anisotropic).

    Rudin, Osher and Fatemi 1992, doi:10.1016/0167-2789(92)90242-F.

    Parameters
    ----------
    images
        ``(B, C, H, W)``.
    """
    down, across = images.diff(dim=2).abs(), images.diff(dim=3).abs()
    return down.mean() + across.mean()
