"""Somebody else's segmentation files: whose they are, and what their numbers mean."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedlab_utils.data import load_case, load_cohort
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


@pytest.mark.parametrize("said", ["", "brats", "BraTS", "2018"])
def test_a_scheme_is_never_guessed(said: str) -> None:
    with pytest.raises(LabelError, match="brats2023"):
        scheme_name(said)


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
