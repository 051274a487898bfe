"""Which case a path names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fedlab_utils.data import load_cohort
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import DataError, LayoutError, MissingFileError
from fedlab_utils.segmentation.one_case import find_case


def test_by_its_folder_or_by_any_of_its_files(phantom_dir: Path) -> None:
    case = load_cohort(phantom_dir).cases[3]
    for named in (case.label.parent, *case.paths):
        found = find_case(named)
        assert (found.case_id, found.paths) == (case.case_id, case.paths)


def test_a_decathlon_case_by_its_file(tmp_path: Path) -> None:
    root = write_cohort(tmp_path / "msd", cases=2, seed=1, spacing=8.0, layout="msd", workers=1)
    first, second = load_cohort(root)
    for case in (first, second):
        found = find_case(case.images)
        assert (found.case_id, found.images, found.scheme) == (case.case_id, case.images, "msd")
    with pytest.raises(DataError, match=r"2 cases.*one of its image files"):
        find_case(root)
    link = tmp_path / "imagesTs" / "BRATS_777.nii.gz"
    link.parent.mkdir()
    shutil.copy(first.images, link)
    assert find_case(link).case_id == "BRATS_777"


def test_paths_that_name_no_case(phantom_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such folder"):
        find_case(tmp_path / "nowhere")
    with pytest.raises(DataError, match="6 cases"):
        find_case(phantom_dir)
    source = load_cohort(phantom_dir).cases[0].label.parent
    case = tmp_path / source.name
    shutil.copytree(source, case)
    stray = case / "other.nii.gz"
    stray.touch()
    with pytest.raises(DataError, match="none of the 1 cases"):
        find_case(stray)
    (tmp_path / "text.txt").touch()
    with pytest.raises(LayoutError, match="not a folder"):
        find_case(tmp_path / "text.txt")


@pytest.mark.parametrize("by_file", [False, True])
def test_a_missing_sequence_is_named_with_what_the_model_looks_at(
    phantom_dir: Path, tmp_path: Path, by_file: bool
) -> None:
    source = load_cohort(phantom_dir).cases[0].label.parent
    case = tmp_path / source.name
    shutil.copytree(source, case)
    next(case.glob("*_t2.nii.gz")).unlink()
    named = next(case.glob("*_flair.nii.gz")) if by_file else case
    with pytest.raises(MissingFileError, match="T2 missing") as caught:
        find_case(named)
    assert "looks at" not in caught.value.cause
    with pytest.raises(MissingFileError, match=r"T2 missing.*looks at FLAIR alone.*all four"):
        find_case(named, sequences=("FLAIR",))
