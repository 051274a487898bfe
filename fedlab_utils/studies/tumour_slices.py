"""All slices that a study trains on, in memory: a few of each phantom, evenly through its tumour.

Where a training takes every slice of its patients in turn, instead of drawing some, what it has
seen of a patient is known to the voxel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import nn

    from fedlab_utils.data.preprocessing import Preprocessed


@dataclass(frozen=True, eq=False)
class Slices:
    """As many slices of each patient.

    Attributes
    ----------
    image
        float16 ``(P, S, 4, X, Y)``.
    target
        bool ``(P, S, 3, X, Y)``.
    """

    image: torch.Tensor
    target: torch.Tensor

    def batch(self, patients: Sequence[int]) -> dict[str, torch.Tensor]:
        """Return all slices of some patients, as a training wants them."""
        import torch

        at, count = torch.as_tensor(np.asarray(patients)), self.image.shape[1]
        return {
            "image": self.image[at].flatten(0, 1).float(),
            "target": self.target[at].flatten(0, 1).float(),
            "patient": torch.arange(len(at)).repeat_interleave(count),
        }

    def batches(
        self, patients: np.ndarray, size: int, rng: np.random.Generator
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Yield batches without end: pass after pass over the patients, each in another order.

        A batch holds ``size`` patients with all their slices; the last of a pass may hold fewer.
        """
        while True:
            order = rng.permutation(patients)
            for first in range(0, len(order), size):
                yield self.batch(order[first : first + size])

    def losses(self, network: nn.Module, patients: range) -> np.ndarray:
        """Return each patient's loss, float64 ``(len(patients),)``; leaves the network as it is."""
        import torch

        from fedlab_utils.segmentation.loss import dice_ce_loss

        found, training = [], network.training
        network.eval()
        with torch.no_grad():
            for first in range(0, len(patients), 16):
                batch = self.batch(patients[first : first + 16])
                logits = network(batch["image"])
                found.append(dice_ce_loss(logits, batch["target"], batch["patient"]).double())
        network.train(training)
        return torch.cat(found).numpy()


@cache
def phantom_slices(
    folder: Path, indices: range, seed: int, spacing: float, size: tuple[int, int], count: int
) -> Slices:
    """Make phantoms, or take those that are there; keeps their slices while Python runs.

    Parameters
    ----------
    folder, indices, seed, spacing
        See :func:`fedlab_utils.studies.phantom_patients.phantom_patients`.
    size
        Of the slices, in voxels.
    count
        Slices of each; some come twice where a tumour has too few.
    """
    import torch

    from fedlab_utils.studies.phantom_patients import phantom_patients

    patients = phantom_patients(folder, indices, 0, seed, spacing)
    arrays = zip(*(_through_tumour(patient, size, count) for patient in patients), strict=True)
    return Slices(*(torch.from_numpy(np.stack(each)) for each in arrays))


def joined(parts: Sequence[Slices]) -> Slices:
    """Return the patients of all parts, one part after the other."""
    import torch

    return Slices(*(torch.cat([getattr(p, name) for p in parts]) for name in ("image", "target")))


def _through_tumour(
    patient: Preprocessed, size: tuple[int, int], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a patient's slices and regions: neither the first slice with tumour nor the last."""
    from fedlab_utils.data.regions import to_regions
    from fedlab_utils.data.windows import centred

    image, labels = np.asarray(patient.image), np.asarray(patient.labels)
    tumour = np.flatnonzero((labels > 0).any((0, 1)))
    picked = tumour[np.linspace(0, len(tumour) - 1, count + 2).round().astype(int)[1:-1]]
    return tuple(
        centred(np.moveaxis(array[..., picked], -1, 0), size)
        for array in (image, to_regions(labels))
    )
