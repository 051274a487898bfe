"""Small things about tensors that several modules need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """Strip MONAI's metadata, which slows every later operation down."""
    return tensor.as_tensor() if hasattr(tensor, "as_tensor") else tensor


@contextmanager
def untracked() -> Iterator[None]:
    """Let MONAI's transforms work without metadata, which takes a quarter of their time."""
    from monai.data import get_track_meta, set_track_meta

    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
