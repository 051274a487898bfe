"""Slices in memory: those of the patient, each patient once a pass, and losses one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.data import workers
from fedlab_utils.data.regions import to_regions
from fedlab_utils.federated.proxy import proxy_network
from fedlab_utils.segmentation.loss import dice_ce_loss
from fedlab_utils.studies.phantom_patients import phantom_patients
from fedlab_utils.studies.tumour_slices import Slices, joined, phantom_slices

SIZE = (24, 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "available_cores", lambda: 1)
        yield tmp_path_factory.mktemp("phantoms")


def test_slices_are_the_patients_own_and_within_the_tumour(folder) -> None:
    slices = phantom_slices(folder, range(3), 5, 8.0, SIZE, 3)
    assert (slices.image.dtype, slices.target.dtype) == (torch.float16, torch.bool)
    assert slices.image.shape == (3, 3, 4, *SIZE)
    for n, patient in enumerate(phantom_patients(folder, range(3), 0, 5, 8.0)):
        regions, volume = to_regions(patient.labels), np.asarray(patient.image, float)
        tumour = [z for z in range(regions.shape[-1]) if regions[..., z].any()]
        # Padding is 0, so that sums name a slice; found in the order from below.
        sums = [round(volume[..., z].sum(), 1) for z in tumour]
        picked = [sums.index(round(float(s), 1)) for s in slices.image[n].double().sum((1, 2, 3))]
        assert picked == sorted(picked)
        assert picked[0] > 0
        assert picked[-1] < len(tumour) - 1
        for at, target in zip(picked, slices.target[n], strict=True):
            assert target.sum((1, 2)).tolist() == regions[..., tumour[at]].sum((1, 2)).tolist()


def test_parts_are_joined_in_their_order(folder) -> None:
    parts = [phantom_slices(folder, some, 5, 8.0, SIZE, 3) for some in (range(2), range(2, 3))]
    whole, due = joined(parts), phantom_slices(folder, range(3), 5, 8.0, SIZE, 3)
    assert torch.equal(whole.image, due.image)
    assert torch.equal(whole.target, due.target)


def test_each_pass_shows_every_patient_once() -> None:
    numbered = torch.arange(16).half().reshape(16, 1, 1, 1, 1)
    batches = Slices(numbered, numbered > 0).batches(
        np.array([1, 4, 6]), 2, np.random.default_rng(0)
    )
    passes = [[*next(batches)["image"].flatten(), *next(batches)["image"].flatten()] for _ in "ab"]
    assert [sorted(map(int, each)) for each in passes] == [[1, 4, 6]] * 2


def test_a_patients_loss_is_that_of_all_its_slices_together(folder) -> None:
    slices, network = phantom_slices(folder, range(3), 5, 8.0, SIZE, 3), proxy_network()
    many = joined([slices] * 8)  # more than go through the network at once
    found = many.losses(network, range(2, 24))
    assert network.training
    with torch.no_grad():
        due = [
            dice_ce_loss(network(image.float()), target, torch.zeros(3, dtype=torch.int64)).item()
            for image, target in zip(many.image[2:], many.target[2:], strict=True)
        ]
    assert found == pytest.approx(due, rel=1e-5)
