"""Which patients take part in a private step: each by a coin of its own.

Noise protects more where nobody knows who was looked at. The accountants' sums hold for *Poisson
sampling* (each patient is in or out independently of all others), not for batches of a fixed size
dealt from a shuffled list, which most training loops have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import PrivacyError

if TYPE_CHECKING:
    import torch

    from fedlab_utils.data.datasets import PatchDataset, SliceDataset
    from fedlab_utils.privacy.randomness import Randomness


def poisson_sample(count: int, rate: float, randomness: Randomness) -> list[int]:
    """Return who takes part in a step: each of ``count`` with probability ``rate``; maybe nobody.

    Parameters
    ----------
    count
        Patients.
    rate
        Above 0, up to 1.
    randomness
        Nobody may be able to guess it.

    Raises
    ------
    PrivacyError
        If the rate is out of range.
    """
    if not 0 < rate <= 1:
        raise PrivacyError("sampling", f"the rate is {rate}", "Pass a number above 0, up to 1")
    return [int(n) for n in (randomness.uniform(count) < rate).nonzero()[0]]


def private_batches(
    dataset: SliceDataset | PatchDataset,
    rate: float,
    steps: int,
    randomness: Randomness,
    first: int = 0,
    sequences: tuple[str, ...] = SEQUENCES,
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the batches of some steps, each of the patients that a coin chose.

    A patient comes with all visits, and each visit with the dataset's ``per_patient`` draws. Which
    slices these are is decided by the dataset's seed and the step: it needs no secret, since a
    patient counts as one however much it gives.

    Parameters
    ----------
    dataset
        Draws slices or patches.
    rate
        Probability of each patient to take part.
    steps
        Batches to yield.
    randomness
        Of the coins.
    first
        Number of the first step, so that later rounds draw other slices.
    sequences
        Channels to keep, in the order of ``SEQUENCES``.

    Yields
    ------
    dict
        As :func:`fedlab_utils.segmentation.batching.batches`; with no samples, where nobody was
        chosen: a step that must be taken all the same, or its absence would tell.
    """
    from fedlab_utils.segmentation.batching import collate

    visits: dict[str, list[int]] = {}
    for number, patient in enumerate(dataset.patients):
        visits.setdefault(patient.patient_id, []).append(number)
    ids, draws = sorted(visits), len(dataset) // len(dataset.patients)
    channels = [SEQUENCES.index(name) for name in sequences]
    for step in range(first, first + steps):
        dataset.set_epoch(step)
        chosen = [ids[n] for n in poisson_sample(len(ids), rate, randomness)]
        items = [
            dataset[turn * len(dataset.patients) + number]
            for patient in chosen
            for number in visits[patient]
            for turn in range(draws)
        ]
        yield collate(channels, False, items) if items else _nobody(len(channels), dataset.size)


def _nobody(channels: int, size: tuple[int, ...]) -> dict[str, torch.Tensor]:
    import torch

    return {
        "image": torch.zeros(0, channels, *size),
        "target": torch.zeros(0, len(REGIONS), *size),
        "patient": torch.zeros(0, dtype=torch.int64),
    }
