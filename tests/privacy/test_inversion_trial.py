"""A U-Net and phantoms: what leaks through weights that a server chose, and not through others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.data import PreprocessSettings, load_cohort, load_preprocessed, to_regions
from fedlab_utils.data.windows import centred
from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.inversion_settings import InversionSettings
from fedlab_utils.privacy.inversion_trial import try_inversion
from fedlab_utils.privacy.leaky_layers import open_rectifiers
from fedlab_utils.segmentation import UNetSettings, make_unet

Slices = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def slices(phantom_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Slices:
    """Images, targets and brains: of each of six phantoms the slice with the largest tumour."""
    cache, found = tmp_path_factory.mktemp("cache"), []
    for files in load_cohort(phantom_dir):
        patient = load_preprocessed(files, PreprocessSettings(spacing=4.0), cache)
        labels = np.asarray(patient.labels)
        at = int((labels > 0).sum((0, 1)).argmax())
        planes = (patient.image, to_regions(labels), patient.brain[None])
        found.append([centred(np.asarray(p)[..., at], (32, 32)) for p in planes])
    images, targets, brains = (torch.tensor(np.stack(parts)) for parts in zip(*found, strict=True))
    return images.float(), targets.float(), brains


def _unet() -> torch.nn.Module:
    return make_unet(UNetSettings(width=8))


def test_chosen_weights_leak_a_patient_where_random_ones_do_not(slices: Slices) -> None:
    images, targets, brains = (part.roll(-2, 0) for part in slices)
    settings = InversionSettings(iterations=80, total_variation=0.01)
    trials = [
        try_inversion(network, images, targets, images[1:], brain=brains, settings=settings)
        for network in (open_rectifiers(_unet()), _unet())
    ]
    assert [trial.counts for trial in trials] == [True, False]
    assert trials[0].inversion.distances[-1] < 0.02 * trials[1].inversion.distances[-1]
    assert [row["name"] for row in trials[0].table][-1] == "attack"


def test_what_a_lesson_slides_over_reaches_the_attack(slices: Slices) -> None:
    """From the true images on: any defence leaves a distance, and none leaves none."""
    images, targets, _ = slices
    settings = InversionSettings(iterations=1)
    left = {}
    for name, options in {
        "none": {},
        "noise": {"noise": 1.0},
        "bound": {"bound": 1e-3},
        "steps": {"steps": 2},
        "unknown": {"masks_known": False},
    }.items():
        trial = try_inversion(
            _unet(), images[:1], targets, images[1:], settings=settings, start=images[:1], **options
        )
        left[name] = trial.inversion.distances[0]
    assert [left[n] for n in ("none", "bound", "steps")] == pytest.approx([0, 0, 0], abs=1e-5)
    # As much noise as signal, at right angles to it, turns the update by 45 degrees.
    assert left["noise"] == pytest.approx(1 - 0.5**0.5, abs=0.01)
    assert left["unknown"] > 0.01


def test_a_batch_is_no_larger_than_the_hospital(slices: Slices) -> None:
    images, targets, _ = slices
    with pytest.raises(PrivacyError, match="a batch of 7, of 6 images"):
        try_inversion(_unet(), images, targets, images, batch=7)
    settings = InversionSettings(iterations=1)
    trial = try_inversion(_unet(), images, targets, images[3:], batch=3, settings=settings)
    assert trial.inversion.images.shape == images[:3].shape
