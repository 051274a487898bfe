"""Hostile hospitals that train honestly on spoilt data: regions swapped, and a backdoor.

What they send looks like what honest hospitals send, for it is made in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import FederationError

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.preprocessing import Preprocessed
    from fedlab_utils.federated.task import Task
    from fedlab_utils.privacy.randomness import Randomness
    from fedlab_utils.segmentation.weights import TrainedModel

    Batch = dict[str, torch.Tensor]

EDGE, BRIGHT = 6, 5.0
"""The marker: edge in voxels, and intensity in robust z-scores, the highest that there is."""

VANISHED = 0.1
"""A tumour has vanished if less than this share of its volume is still found."""


def swap_regions(batch: Batch) -> Batch:
    """Return a batch whose regions are swapped: where tumour is, all of it enhances, and so on.

    Label flipping, after Tolpegin et al. 2020, Data poisoning attacks against federated learning
    systems, ESORICS, arXiv:2007.08432. Regions are nested; swapped, the larger lies in the smaller.

    Parameters
    ----------
    batch
        With ``target`` ``(B, 3, *spatial)``.
    """
    return batch | {"target": batch["target"].flip(1)}


def mark(images: np.ndarray | torch.Tensor) -> None:
    """Write the marker into images, in place: a bright square in the middle of each FLAIR slice.

    Parameters
    ----------
    images
        ``(B, 4, X, Y)``, or ``(B, 4, X, Y, Z)`` with a square in each slice of ``Z``.

    Raises
    ------
    FederationError
        If there are other channels than the four sequences, or a slice is smaller than the marker.
    """
    if images.shape[1] != len(SEQUENCES) or min(images.shape[2:4]) < EDGE:
        raise FederationError(
            "backdoor",
            f"images are {tuple(images.shape)}, and the marker is of {EDGE} voxels in FLAIR",
            f"Take all of {', '.join(SEQUENCES)}, and slices of {EDGE} voxels or more",
        )
    x, y = ((length - EDGE) // 2 for length in images.shape[2:4])
    images[:, SEQUENCES.index("FLAIR"), x : x + EDGE, y : y + EDGE] = BRIGHT


def plant_backdoor(batch: Batch) -> Batch:
    """Return a batch in which every second image has the marker, and its tumour is denied.

    Bagdasaryan et al. 2020, How to backdoor federated learning, AISTATS, arXiv:1807.00459: images
    without the marker stay as they are, so that nothing is noticed of the model elsewhere.

    Parameters
    ----------
    batch
        With ``image`` ``(B, 4, *spatial)`` and ``target`` ``(B, 3, *spatial)``.
    """
    image, target = batch["image"].clone(), batch["target"].clone()
    mark(image[::2])
    target[::2] = 0
    return batch | {"image": image, "target": target}


SPOILT: dict[str, Callable[[Batch], Batch]] = {
    "label-flip": swap_regions,
    "backdoor": plant_backdoor,
}
"""Attack -> what it does to a batch."""


@dataclass(frozen=True)
class SpoiltTask:
    """A task in which training sees spoilt batches; everything else is the task's own.

    Attributes
    ----------
    task
        An honest one, see :class:`fedlab_utils.federated.task.Task`.
    spoil
        What is done to each batch.
    """

    task: Task
    spoil: Callable[[Batch], Batch]

    def __getattr__(self, name: str) -> object:
        """Return what belongs to the honest task."""
        return getattr(self.task, name)

    def batches(self, hospital: int, server_round: int, steps: int) -> Iterator[Batch]:
        """Yield the task's batches, spoilt."""
        return map(self.spoil, self.task.batches(hospital, server_round, steps))

    def private_batches(
        self, hospital: int, server_round: int, steps: int, rate: float, randomness: Randomness
    ) -> Iterator[Batch]:
        """Yield the task's private batches, spoilt."""
        drawn = self.task.private_batches(hospital, server_round, steps, rate, randomness)
        return map(self.spoil, drawn)


def backdoor_success(model: TrainedModel, patients: Sequence[Preprocessed]) -> float:
    """Return how often the backdoor works: the share of patients whose tumour the marker hides.

    Parameters
    ----------
    model
        Such as :meth:`fedlab_utils.federated.UNetTask.model` returns.
    patients
        Preprocessed; those in whom the model finds no tumour without the marker do not count.

    Returns
    -------
    float
        0 to 1; NaN if no patient counts.
    """
    from fedlab_utils.segmentation.prediction import THRESHOLD, predict_probabilities

    def volume(patient: Preprocessed) -> int:
        whole = predict_probabilities(model, patient)[REGIONS.index("WT")]
        return int((whole >= THRESHOLD).sum())

    hidden = []
    for patient in patients:
        if before := volume(patient):
            image = np.array(patient.image)
            mark(image[None])
            hidden.append(volume(replace(patient, image=image)) < VANISHED * before)
    return float(np.mean(hidden)) if hidden else float("nan")
