"""Prediction: slices in their places, probabilities in the file's grid, the file's own labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from fedlab_utils.data import PreprocessSettings, load_case, load_cohort, to_regions
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import DataError
from fedlab_utils.segmentation.case_prediction import predict_file
from fedlab_utils.segmentation.components import drop_small_pieces
from fedlab_utils.segmentation.prediction import (
    predict_labels,
    predict_probabilities,
)
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.segmentation.weights import TrainedModel
from tests.segmentation.patients import patient


class Bright(torch.nn.Module):
    """Calls a voxel tumour where a channel is above a limit; one channel per region."""

    def __init__(self, limits: tuple[float, float, float] = (2.0, 1.5, 1.0)) -> None:
        super().__init__()
        self.limits = torch.nn.Parameter(torch.tensor(limits))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        shape = (1, 3, *[1] * (image.ndim - 2))
        return 20 * (image[:, :3] - self.limits.view(shape))


def stub(dims: int = 2, spacing: float = 2.0, size: tuple[int, ...] = (32, 32)) -> TrainedModel:
    return TrainedModel(Bright(), UNetSettings(dims), PreprocessSettings(spacing=spacing), size)


@pytest.mark.parametrize(("dims", "size"), [(2, (32, 32)), (2, (16, 16)), (3, (16, 16, 16))])
@pytest.mark.parametrize("flip", [False, True])
def test_a_voxelwise_network_answers_voxel_by_voxel(dims: int, size: tuple, flip: bool) -> None:
    """Whatever is padded, cut, flipped or slid over: each voxel gets the answer to itself."""
    someone = patient(1)
    got = predict_probabilities(stub(dims, size=size), someone, batch=5, flip=flip)
    image = np.asarray(someone.image, np.float64)[:3]
    limits = np.array([2.0, 1.5, 1.0]).reshape(3, 1, 1, 1)
    expected = 1 / (1 + np.exp(-20 * (image - limits))) * someone.brain
    np.testing.assert_allclose(got, expected, atol=1e-5)


class Column(torch.nn.Module):
    """Answers with the mean of each channel along the second edge of a slice."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image[:, :3].mean(3, keepdim=True).expand(-1, -1, -1, image.shape[3])

    def __init__(self) -> None:
        super().__init__()
        self.here = torch.nn.Parameter(torch.zeros(1))


def test_the_answers_of_both_views_are_averaged() -> None:
    """A network that smears along a slice's second edge: Y in axial, Z in coronal slices."""
    someone = patient(1)
    size = (32, 32)
    model = replace(stub(size=size), network=Column(), views=(2, 1))
    got = predict_probabilities(model, someone, batch=5)
    image = np.asarray(someone.image, np.float64)[:3]
    edges = [max(32, -(-length // 16) * 16) for length in image.shape[2:]]
    expected = 0
    for axis, edge in zip((2, 3), edges, strict=True):
        smeared = image.sum(axis, keepdims=True) / edge
        expected = expected + 0.5 / (1 + np.exp(-smeared))
    np.testing.assert_allclose(got, expected * someone.brain, atol=1e-5)


def test_channels_are_taken_by_name() -> None:
    someone = patient(2)
    only = replace(stub(), unet=UNetSettings(sequences=("T1ce", "T2", "FLAIR")))
    got = predict_probabilities(only, someone)
    image = np.asarray(someone.image, np.float64)[1:]
    limits = np.array([2.0, 1.5, 1.0]).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(
        got, 1 / (1 + np.exp(-20 * (image - limits))) * someone.brain, atol=1e-5
    )


@pytest.mark.parametrize("layout", ["brats2018", "brats2023", "msd"])
def test_the_file_written_lies_on_the_cases_own_grid(layout: str, tmp_path: Path) -> None:
    folder = write_cohort(
        tmp_path / "cohort", cases=1, seed=3, spacing=4.0, layout=layout, workers=1
    )
    (files,) = load_cohort(folder)
    model = stub(spacing=4.0, size=(64, 64))
    out = predict_file(model, files, tmp_path / "seg.nii.gz")
    written, original = nibabel.load(out), nibabel.load(files.label)
    assert written.shape == original.shape
    np.testing.assert_allclose(written.affine, original.affine)
    numbers = {"brats2018": (1, 2, 4), "brats2023": (1, 2, 3), "msd": (2, 1, 3)}[layout]
    values = np.asarray(written.dataobj)
    assert set(np.unique(values)) <= {0, *numbers}
    # the stub's regions, computed on the file's own voxels
    case = load_case(files)
    from fedlab_utils.data import preprocess, to_file_grid

    ready = preprocess(replace(case, labels=None), model.preprocessing)
    full = np.zeros((3, *case.image.shape[1:]), bool)
    box = tuple(slice(*edges) for edges in ready.box)
    limits = np.array([2.0, 1.5, 1.0]).reshape(3, 1, 1, 1)
    bright = (np.asarray(ready.image)[:3] >= limits) & ready.brain
    full[(slice(None), *box)] = drop_small_pieces(bright)
    enhancing, core, whole = to_file_grid(full, case)
    necrosis, oedema, et = numbers
    np.testing.assert_array_equal(values == et, enhancing)
    np.testing.assert_array_equal(values == necrosis, core & ~enhancing)
    np.testing.assert_array_equal(values == oedema, whole & ~core & ~enhancing)


def test_the_cases_own_segmentation_changes_nothing(phantom_dir: Path) -> None:
    case = load_case(load_cohort(phantom_dir).cases[0])
    model = stub(spacing=4.0, size=(64, 64))
    with_labels = predict_labels(model, case)
    without = predict_labels(model, replace(case, labels=None))
    np.testing.assert_array_equal(with_labels, without)
    assert to_regions(with_labels).any()


def test_a_segmentation_that_is_there_is_not_opened(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "cohort", cases=1, seed=3, spacing=8.0, workers=1)
    (files,) = load_cohort(folder)
    model = stub(spacing=4.0, size=(64, 64))
    first = predict_file(model, files, tmp_path / "a.nii.gz").read_bytes()
    files.label.write_bytes(b"damaged")
    assert predict_file(model, files, tmp_path / "b.nii.gz").read_bytes() == first


@pytest.mark.parametrize("name", ["seg", "seg.gz", "seg.mha", "seg.nii.gz.tmp", "folder.nii"])
def test_where_no_segmentation_can_be_written(phantom_dir: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.nii").mkdir()
    files = load_cohort(phantom_dir).cases[0]
    with pytest.raises(DataError, match=name):
        predict_file(stub(), files, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.nii"]
    with pytest.raises(DataError, match=files.case_id):
        predict_file(stub(), files, files.images["T1"])
