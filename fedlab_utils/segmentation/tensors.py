"""Small things about tensors that several modules need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Strip MONAI's metadata, which slows every later operation down."""
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor
