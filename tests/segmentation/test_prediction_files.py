"""Somebody else's segmentation files: whose they are, and what their numbers mean."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedlab_utils.data import load_case, load_cohort
from fedlab_utils.data.labels import decode_labels
from fedlab_utils.errors import (
    DataError,
    ForeignLabelsError,
    GeometryError,
    LabelError,
    MissingFileError,
)
from fedlab_utils.segmentation.prediction_files import (
    find_prediction,
    read_prediction,
    scheme_name,
    unmatched_files,
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("brats2017", "brats2017"),
        ("brats2018", "brats2017"),
        ("brats2021", "brats2017"),
        ("ucsf-pdgm", "brats2017"),
        ("brats2023", "brats2023"),
        ("brats2024", "brats2024"),
        ("msd", "msd"),
    ],
)
def test_a_scheme_is_named_by_itself_or_by_a_data_set(said: str, meant: str) -> None:
    assert scheme_name(said) == meant


@pytest.mark.parametrize("said", ["", "brats", "BraTS", "2018", "BRATS2018", "ucsf", "other"])
def test_a_scheme_is_never_guessed(said: str) -> None:
    """All names that would do are told, and what the one given may have been meant for."""
    with pytest.raises(LabelError) as caught:
        scheme_name(said)
    names = ["brats2017", "brats2018", "brats2019", "brats2020", "brats2021", "ucsf-pdgm"]
    names += ["upenn-gbm", "brats2023", "brats2024", "msd"]
    assert all(name in caught.value.remedy for name in names)
    assert all(scheme_name(name) for name in names)
    near = {"2018": {"brats2018"}, "BRATS2018": {"brats2018"}, "ucsf": {"ucsf-pdgm"}}
    near["brats"] = near["BraTS"] = {name for name in names if name[:5] == "brats"}
    words = caught.value.cause.replace(",", " ").split()
    assert {name for name in names if name in words} == near.get(said, set())


def test_one_file_per_case(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b_seg.nii", "ab.nii.gz", "c.nii.gz", "c-seg.nii.gz"):
        (tmp_path / name).touch()
    assert find_prediction(tmp_path, "a").name == "a.nii.gz"
    assert find_prediction(tmp_path, "b").name == "b_seg.nii"
    with pytest.raises(DataError, match=r"c\.nii\.gz, c-seg\.nii\.gz"):
        find_prediction(tmp_path, "c")
    with pytest.raises(MissingFileError, match="no prediction"):
        find_prediction(tmp_path, "d")


def test_reading_checks_grid_and_values(phantom_dir: Path, tmp_path: Path) -> None:
    case = load_case(load_cohort(phantom_dir).cases[0])
    own = nibabel.load(case.files.label)
    values = np.asarray(own.dataobj).astype(np.uint8)

    def written(array: np.ndarray) -> Path:
        path = tmp_path / "x.nii.gz"
        nibabel.Nifti1Image(array, own.affine).to_filename(path)
        return path

    read = read_prediction(written(np.where(values == 4, 3, values)), "brats2023", case)
    again = read_prediction(written(values), "brats2017", case)
    np.testing.assert_array_equal(read, again)
    with pytest.raises(ForeignLabelsError, match=r"x\.nii\.gz: value 9"):
        read_prediction(written(np.where(values == 4, 9, values)), "brats2017", case)
    with pytest.raises(GeometryError, match="shape"):
        read_prediction(written(values[1:]), "brats2017", case)
    moved = own.affine.copy()
    moved[0, 3] += 30
    nibabel.Nifti1Image(values, moved).to_filename(tmp_path / "y.nii.gz")
    with pytest.raises(GeometryError, match=r"30\.00 mm apart.*case's own files, with their"):
        read_prediction(tmp_path / "y.nii.gz", "brats2017", case)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("mirrored", list(product((False, True), repeat=3)))
def test_the_same_voxels_in_another_order_of_axes_are_turned(
    phantom_dir: Path, tmp_path: Path, order: tuple[int, ...], mirrored: tuple[bool, ...]
) -> None:
    """Mirrored or with axes exchanged, the affine saying so; computed here from its definition."""
    case = load_case(load_cohort(phantom_dir).cases[0])
    own = nibabel.load(case.files.label)
    values = np.asarray(own.dataobj).astype(np.uint8)
    array, to_own = values.transpose(order), np.zeros((4, 4))  # voxel of this array -> of the case
    to_own[3, 3] = 1
    for axis, (source, flip) in enumerate(zip(order, mirrored, strict=True)):
        to_own[source, axis] = -1 if flip else 1
        to_own[source, 3] = array.shape[axis] - 1 if flip else 0
        array = np.flip(array, axis) if flip else array
    path = tmp_path / "x.nii.gz"
    nibabel.Nifti1Image(np.ascontiguousarray(array), own.affine @ to_own).to_filename(path)
    expected = decode_labels(values, "brats2017")
    np.testing.assert_array_equal(read_prediction(path, "brats2017", case), expected)


def test_mirrored_and_elsewhere_is_refused_for_where_it_lies(
    phantom_dir: Path, tmp_path: Path
) -> None:
    """Not for the distance between a voxel and its mirror image."""
    case = load_case(load_cohort(phantom_dir).cases[0])
    own = nibabel.as_closest_canonical(nibabel.load(case.files.label))
    affine = own.affine.copy()
    affine[2, 3] += 7
    path = tmp_path / "x.nii.gz"
    nibabel.Nifti1Image(np.asarray(own.dataobj).astype(np.uint8), affine).to_filename(path)
    with pytest.raises(GeometryError, match=r"turned to the case's axes.* 7\.00 mm apart"):
        read_prediction(path, "brats2017", case)


def test_which_files_belong_to_no_case(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "b_seg.nii", "b-seg.nii.gz", "c.nii", "d.txt", "a_2.nii.gz"):
        (tmp_path / name).touch()
    assert unmatched_files(tmp_path, ["a", "b"]) == ("a_2.nii.gz", "c.nii")
