from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fedlab_utils.data.datasets import PatchDataset, SliceDataset
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.errors import DataError
from tests.data import tiny


@pytest.fixture(scope="module")
def patients() -> list[Preprocessed]:
    """Two patients; the cache's memory order and precision for the second."""
    first = preprocess(tiny.case(), PreprocessSettings(4.0))
    second = replace(
        preprocess(tiny.case((4.0, 4.0, 3.0), case_id="Brats18_Other_1_1"), PreprocessSettings(4.0))
    )
    return [
        first,
        replace(
            second,
            image=np.asfortranarray(second.image.astype(np.float16)),
            labels=np.asfortranarray(second.labels),
            brain=np.asfortranarray(second.brain),
        ),
    ]


def test_every_slice_with_brain_once_and_in_order(patients: list[Preprocessed]) -> None:
    slices = SliceDataset(patients, (32, 32))
    expected = [
        (p.case_id, z) for p in patients for z in range(p.brain.shape[2]) if p.brain[..., z].any()
    ]
    assert [(item["case"], item["slice"]) for item in slices] == expected
    assert slices[0]["patient"] == patients[0].patient_id


def test_a_slice_is_the_patients_slice(patients: list[Preprocessed]) -> None:
    """Padded to a larger size, the middle is the patient's own; regions by hand."""
    item = SliceDataset(patients, (64, 60))[15]
    patient, z = patients[0], item["slice"]
    x, y = patient.brain.shape[:2]
    at = (slice(None), slice((64 - x) // 2 + (64 - x) % 2, None), slice((60 - y + 1) // 2, None))
    image, target = item["image"][at][:, :x, :y], item["target"][at][:, :x, :y]
    labels = patient.labels[..., z]
    assert np.array_equal(image, patient.image[..., z])
    assert np.array_equal(target, np.stack([labels == 3, np.isin(labels, (1, 3)), labels > 0]))
    assert item["image"].abs().sum() == image.abs().sum()
    assert item["image"].shape == (4, 64, 60)
    assert item["target"].dtype == item["image"].dtype == torch.float32


def test_coronal_slices_are_perpendicular_to_y(patients: list[Preprocessed]) -> None:
    patient = patients[1]
    slices = SliceDataset([patient], (64, 60), views=(2, 1))
    item = slices[len(SliceDataset([patient], (64, 60))) + 3]
    assert item["view"] == 1
    x, _, z = patient.brain.shape
    at = (slice(None), slice((64 - x + 1) // 2, None), slice((60 - z + 1) // 2, None))
    assert np.array_equal(item["image"][at][:, :x, :z], patient.image[:, :, item["slice"]])
    labels = patient.labels[:, item["slice"]]
    regions = np.stack([labels == 3, np.isin(labels, (1, 3)), labels > 0])
    assert np.array_equal(item["target"][at][:, :x, :z], regions)


def test_views_are_drawn_evenly_and_half_show_tumour(patients: list[Preprocessed]) -> None:
    slices = SliceDataset(patients, (32, 32), per_patient=200, views=(2, 1))
    items = list(slices)
    axial = np.mean([item["view"] == 2 for item in items])
    assert 0.4 < axial < 0.6
    first_half = items[: len(items) // 2]
    assert all(item["target"][2].any() for item in first_half)


@pytest.mark.parametrize("views", [(), (0,), (2, 3)])
def test_a_view_that_is_none_is_refused(patients: list[Preprocessed], views: tuple) -> None:
    with pytest.raises(DataError, match=r"views.*axial"):
        SliceDataset(patients, (32, 32), views=views)


def test_drawn_slices_are_the_same_for_a_seed_and_others_for_another_epoch(
    patients: list[Preprocessed],
) -> None:
    def drawn(seed: int, epoch: int) -> list[tuple[str, int]]:
        slices = SliceDataset(patients, (32, 32), per_patient=20, seed=seed)
        slices.set_epoch(epoch)
        return [(item["case"], item["slice"]) for item in slices]

    assert drawn(0, 0) == drawn(0, 0)
    assert drawn(0, 0) != drawn(0, 1)
    assert drawn(0, 0) != drawn(1, 0)


@pytest.mark.parametrize("foreground", [0.0, 0.25, 1.0])
def test_drawn_slices_count_patients_alike_and_show_tumour_as_asked(
    patients: list[Preprocessed], foreground: float
) -> None:
    slices = SliceDataset(patients, (48, 48), per_patient=40, foreground=foreground)
    items = list(slices)
    for patient in patients:
        own = [item for item in items if item["case"] == patient.case_id]
        assert len(own) == 40
        with_tumour = sum(bool(patient.labels[..., item["slice"]].any()) for item in own)
        share = (patient.labels > 0).any(axis=(0, 1)).sum() / patient.brain.any(axis=(0, 1)).sum()
        expected = 40 * (foreground + (1 - foreground) * share)
        assert abs(with_tumour - expected) <= 4 * np.sqrt(40 * share * (1 - share)) * (
            1 - foreground
        )


def test_a_patient_without_tumour_still_gives_slices(patients: list[Preprocessed]) -> None:
    healthy = replace(patients[0], labels=np.zeros_like(patients[0].labels))
    slices = SliceDataset([healthy], (32, 32), per_patient=3, foreground=1.0)
    assert not any(item["target"].any() for item in slices)
    patches = PatchDataset([healthy], (8, 8, 8), per_patient=3, foreground=1.0)
    assert not any(item["target"].any() for item in patches)


def test_a_patient_without_segmentation_is_refused(patients: list[Preprocessed]) -> None:
    with pytest.raises(DataError, match=r"Brats18_Tiny_1_1.*no segmentation"):
        SliceDataset([replace(patients[0], labels=None)], (32, 32))


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"size": (32,)}, "size is "),
        ({"size": (32, 32, 32, 32)}, "size is "),
        ({"size": (32, 0, 32)}, "size is "),
        ({"size": (32, -8)}, "size is "),
        ({"size": (32.0, 32.0)}, "size is "),
        ({"per_patient": 0}, "per_patient is 0"),
        ({"per_patient": -1}, "per_patient is -1"),
        ({"per_patient": 1.5}, "per_patient is 1.5"),
        ({"foreground": -0.1}, "foreground is -0.1"),
        ({"foreground": 1.1}, "foreground is 1.1"),
        ({"foreground": float("nan")}, "foreground is nan"),
    ],
)
@pytest.mark.parametrize("kind", [SliceDataset, PatchDataset])
def test_arguments_that_make_no_sense_are_named(
    patients: list[Preprocessed], kind: type, wrong: dict[str, object], cause: str
) -> None:
    size = (32, 32) if kind is SliceDataset else (32, 32, 32)
    with pytest.raises(DataError, match=f"{kind.__name__}: {cause}"):
        kind(patients, **{"size": size, **wrong})


def test_each_dataset_has_its_own_number_of_axes(patients: list[Preprocessed]) -> None:
    with pytest.raises(DataError, match="Pass 2 whole numbers"):
        SliceDataset(patients, (32, 32, 32))
    with pytest.raises(DataError, match="Pass 3 whole numbers"):
        PatchDataset(patients, np.array([32, 32]))
    with pytest.raises(DataError, match="PatchDataset: per_patient is None"):
        PatchDataset(patients, (8, 8, 8), per_patient=None)
    assert len(PatchDataset(patients, np.array([8, 8, 8]), np.int64(3))) == 6


def test_patches_lie_inside_and_hold_what_they_should(patients: list[Preprocessed]) -> None:
    for foreground in (0.0, 1.0):
        patches = PatchDataset(patients, (12, 12, 12), per_patient=15, foreground=foreground)
        assert len(patches) == 30
        for item in patches:
            patient = next(p for p in patients if p.case_id == item["case"])
            assert item["image"].shape == (4, 12, 12, 12)
            views = np.lib.stride_tricks.sliding_window_view(
                patient.image.astype(np.float32), (12, 12, 12), axis=(1, 2, 3)
            )
            middle = item["image"][:, 6, 6, 6].numpy()
            places = np.argwhere((views[..., 6, 6, 6] == middle[:, None, None, None]).all(axis=0))
            assert any(np.array_equal(views[:, x, y, z], item["image"]) for x, y, z in places)
            if foreground == 1:
                assert item["target"][2].any()


def test_small_patients_are_padded(patients: list[Preprocessed]) -> None:
    item = PatchDataset(patients, (64, 64, 64))[0]
    assert item["image"].shape == (4, 64, 64, 64)
    assert int((item["target"][2] > 0).sum()) == int((patients[0].labels > 0).sum())
    total = float(np.abs(patients[0].image).sum())
    assert float(item["image"].abs().sum()) == pytest.approx(total, rel=1e-4)


def test_transform_gets_epoch_and_index(patients: list[Preprocessed]) -> None:
    keys = []

    def transform(
        image: torch.Tensor, target: torch.Tensor, key: tuple[int, ...]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys.append(key)
        return image + 1, target

    slices = SliceDataset(patients, (32, 32), per_patient=2, transform=transform)
    slices.set_epoch(5)
    items = list(slices)
    assert keys == [(5, index) for index in range(4)]
    assert all(float(item["image"].max()) >= 1 for item in items)


def test_batches(patients: list[Preprocessed]) -> None:
    batch = next(iter(DataLoader(SliceDataset(patients, (32, 32)), batch_size=5)))
    assert batch["image"].shape == (5, 4, 32, 32)
    assert batch["target"].shape == (5, 3, 32, 32)
    assert batch["patient"] == [patients[0].patient_id] * 5


@pytest.mark.parametrize("index", [-1, 10_000])
def test_index_out_of_range(patients: list[Preprocessed], index: int) -> None:
    for dataset in (SliceDataset(patients, (32, 32)), PatchDataset(patients, (8, 8, 8))):
        with pytest.raises(IndexError):
            dataset[index]
