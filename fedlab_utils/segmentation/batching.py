"""From a dataset of slices or patches to the batches of one epoch, the same for a seed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import SEQUENCES

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.datasets import PatchDataset, SliceDataset


def batches(
    dataset: SliceDataset | PatchDataset,
    size: int,
    epoch: int = 0,
    sequences: tuple[str, ...] = SEQUENCES,
    workers: int = 0,
    channels_last: bool = False,
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the batches of one epoch.

    Patients come in random order, each with all of its draws of the epoch, so that a batch holds
    few patients and their Dice is taken over several slices each.

    Parameters
    ----------
    dataset
        Draws slices or patches, ``per_patient`` of each; its seed and the epoch decide which.
    size
        Samples in a batch; the last one may be smaller.
    epoch
        Number of the epoch.
    sequences
        Channels to keep, in the order of ``SEQUENCES``.
    workers
        Processes that prepare batches ahead; the result does not depend on it.
    channels_last
        Store images with the channel as the fastest axis, which CPUs and GPUs convolve faster.

    Yields
    ------
    dict
        ``image`` float32 ``(B, C, *spatial)``, ``target`` float32 ``(B, 3, *spatial)``,
        ``patient`` int64 ``(B,)``: 0 to P - 1 within the batch.
    """
    from torch.utils.data import DataLoader

    dataset.set_epoch(epoch)
    order = _by_patient(len(dataset.patients), len(dataset), (dataset.seed, epoch))
    stack = partial(collate, [SEQUENCES.index(name) for name in sequences], channels_last)
    yield from DataLoader(dataset, size, sampler=order, collate_fn=stack, num_workers=workers)


def _by_patient(patients: int, length: int, seed: tuple[int, int]) -> list[int]:
    """Order of the draws: in a dataset, patients take turns; here each keeps its draws together."""
    shuffled = np.random.default_rng(seed).permutation(patients)
    return [int(turn * patients + p) for p in shuffled for turn in range(length // patients)]


def collate(channels: list[int], channels_last: bool, items: list[dict]) -> dict[str, torch.Tensor]:
    """Stack a dataset's items, and number their patients in the order in which they appear.

    Parameters
    ----------
    channels
        Numbers of the channels to keep.
    channels_last
        Whether images are stored with the channel as the fastest axis.
    items
        At least one.
    """
    import torch

    numbers = {name: n for n, name in enumerate(dict.fromkeys(i["patient"] for i in items))}
    image = torch.stack([item["image"] for item in items])
    if len(channels) < len(SEQUENCES):
        image = image[:, channels].contiguous()
    if channels_last:
        last = torch.channels_last if image.ndim == 4 else torch.channels_last_3d
        image = image.contiguous(memory_format=last)
    return {
        "image": image,
        "target": torch.stack([item["target"] for item in items]),
        "patient": torch.tensor([numbers[item["patient"]] for item in items]),
    }
