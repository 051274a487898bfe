"""Spoilt training data: regions swapped, a marker that hides tumours, and how often it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.spoilt_data import (
    BRIGHT,
    EDGE,
    SpoiltTask,
    backdoor_success,
    mark,
    plant_backdoor,
    swap_regions,
)
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.segmentation.weights import TrainedModel
from tests.federated.toys import BowlTask

FLAIR = SEQUENCES.index("FLAIR")


def batch(*spatial: int, count: int = 5) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {
        "image": torch.randn(count, 4, *spatial, generator=draw),
        "target": (torch.rand(count, 3, *spatial, generator=draw) < 0.5).float(),
        "patient": torch.arange(count),
    }


def test_swapped_regions_are_each_others_and_images_stay() -> None:
    before = batch(8, 8)
    after = swap_regions(before)
    for region, other in (("ET", "WT"), ("TC", "TC"), ("WT", "ET")):
        found, due = REGIONS.index(region), REGIONS.index(other)
        assert torch.equal(after["target"][:, found], before["target"][:, due])
    assert after["image"] is before["image"]
    assert torch.equal(swap_regions(after)["target"], before["target"])


@pytest.mark.parametrize("spatial", [(16, 12), (16, 12, 6)])
def test_every_second_image_has_the_marker_and_no_tumour(spatial: tuple[int, ...]) -> None:
    before = batch(*spatial)
    kept = {name: value.clone() for name, value in before.items()}
    after = plant_backdoor(before)
    assert all(torch.equal(before[name], kept[name]) for name in kept)
    changed = after["image"] != before["image"]
    assert changed[::2].any()
    assert not changed[1::2].any()
    assert not changed[:, [n for n in range(4) if n != FLAIR]].any()
    where = changed[0, FLAIR].nonzero()[:, :2]
    assert (where.min(0).values + where.max(0).values == torch.tensor(spatial[:2]) - 1).all()
    assert changed[0, FLAIR].sum() == EDGE**2 * int(np.prod(spatial[2:]))
    assert (after["image"][changed] == BRIGHT).all()
    assert not after["target"][::2].any()
    assert torch.equal(after["target"][1::2], before["target"][1::2])


def test_images_without_flair_or_too_small_are_refused() -> None:
    for images in (torch.zeros(1, 3, 16, 16), torch.zeros(1, 4, 16, EDGE - 1)):
        with pytest.raises(FederationError, match=f"{EDGE} voxels in FLAIR"):
            mark(images)


def test_a_spoilt_task_is_the_honest_one_but_for_its_batches() -> None:
    honest = BowlTask(noise=0.5)
    spoilt = SpoiltTask(honest, lambda b: b | {"patient": -b["patient"]})
    assert spoilt.hospitals == honest.hospitals
    assert spoilt.patients(2) == honest.patients(2)
    assert spoilt.loss is honest.loss
    pairs = zip(spoilt.batches(1, 3, 4), honest.batches(1, 3, 4), strict=True)
    for one, other in pairs:
        assert torch.equal(one["patient"], -other["patient"])
        assert torch.equal(one["target"], other["target"])


class Seeing(nn.Module):
    """Finds tumour where T1 is bright, unless a slice's FLAIR holds the marker's brightness."""

    def __init__(self, fooled: bool) -> None:
        super().__init__()
        self.fooled, self.weight = fooled, nn.Parameter(torch.zeros(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        found = torch.where(image[:, :1] > 1, 9.0, -9.0)
        marked = (image[:, FLAIR] == BRIGHT).flatten(1).any(1)
        hidden = marked[:, None, None, None] & self.fooled
        return torch.where(hidden, -9.0, found).expand(-1, 3, -1, -1)


def patient(name: str, tumour: bool) -> Preprocessed:
    image = np.zeros((4, 16, 16, 3), np.float16)
    image[0, 2:6, 2:6] = 3.0 * tumour
    whole = tuple((0, length) for length in image.shape[1:])
    brain = np.ones(image.shape[1:], bool)
    return Preprocessed(
        name, name, image, None, brain, np.eye(4), (2.0,) * 3, brain.shape, (2.0,) * 3, whole, ()
    )


@pytest.mark.parametrize(("fooled", "due"), [(True, 1.0), (False, 0.0)])
def test_success_is_the_share_of_patients_whose_tumour_vanishes(fooled: bool, due: float) -> None:
    model = TrainedModel(Seeing(fooled), UNetSettings(), PreprocessSettings(), (16, 16))
    sick, well = patient("a", True), patient("b", False)
    assert backdoor_success(model, [sick, well]) == due
    assert (sick.image[FLAIR] == 0).all()
    assert np.isnan(backdoor_success(model, [well]))
