"""Batches: every draw once, the same for a seed and whatever number of workers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.data.datasets import SliceDataset
from fedlab_utils.segmentation.batching import batches
from tests.segmentation.patients import patients


@pytest.fixture(scope="module")
def dataset() -> SliceDataset:
    return SliceDataset(patients(3), (32, 32), per_patient=4, seed=5)


def test_every_draw_of_the_epoch_once(dataset: SliceDataset) -> None:
    found = torch.cat([b["image"] for b in batches(dataset, 5, epoch=2)])
    dataset.set_epoch(2)
    expected = torch.stack([dataset[i]["image"] for i in range(len(dataset))])
    found, expected = (sorted(x.flatten(1).sum(1).tolist()) for x in (found, expected))
    np.testing.assert_allclose(found, expected)


def test_patients_are_numbered_within_the_batch(dataset: SliceDataset) -> None:
    for batch in batches(dataset, 5):
        numbers = batch["patient"]
        assert set(numbers.tolist()) == set(range(int(numbers.max()) + 1))
        # patients differ in one voxel, so that a wrong number shows
        marks = batch["image"].amin((1, 2, 3)).round()
        for number in range(int(numbers.max()) + 1):
            assert marks[numbers == number].unique().numel() == 1


def test_a_patients_draws_stay_together(dataset: SliceDataset) -> None:
    sizes = [np.bincount(b["patient"]).tolist() for b in batches(dataset, 4, epoch=3)]
    assert sizes == [[4], [4], [4]]
    first = [float(next(iter(batches(dataset, 4, epoch=e)))["image"].amin()) for e in range(12)]
    assert len({round(mark) for mark in first}) == 3  # each of the three comes first sometimes


def test_workers_change_nothing_and_epochs_differ(dataset: SliceDataset) -> None:
    here = [b["image"] for b in batches(dataset, 4, epoch=1)]
    there = [b["image"] for b in batches(dataset, 4, epoch=1, workers=2)]
    assert all(torch.equal(a, b) for a, b in zip(here, there, strict=True))
    other = [b["image"] for b in batches(dataset, 4, epoch=2)]
    assert not all(torch.equal(a, b) for a, b in zip(here, other, strict=True))


def test_sequences_are_chosen_by_name(dataset: SliceDataset) -> None:
    (full,) = batches(dataset, 99)
    (some,) = batches(dataset, 99, sequences=("T1ce", "FLAIR"))
    assert torch.equal(some["image"], full["image"][:, [1, 3]])


def test_channels_last_is_a_layout_not_a_change(dataset: SliceDataset) -> None:
    (plain,), (last,) = batches(dataset, 99), batches(dataset, 99, channels_last=True)
    assert last["image"].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain["image"], last["image"])
