"""Which of a case's files is what."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.data.case_files import sort_case
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.naming import LAYOUTS
from fedlab_utils.errors import DuplicateCaseError, LabelError, MissingFileError
from tests.data.published import BRATS, BRATS_2023, UCSF
from tests.data.test_layouts import found_one, touch_case


def test_an_experts_segmentation_goes_before_an_automated_one():
    layout, root = LAYOUTS["upenn-gbm"], Path("UPENN-GBM")
    names = ("T1", "T1GD", "T2", "FLAIR", "automated_approx_segm", "segm")
    paths = [root / "x" / f"UPENN-GBM-00002_11_{name}.nii.gz" for name in names]
    for some, label in ((paths, paths[5]), (paths[:5], paths[4]), (paths[:4], None)):
        for order in (some, some[::-1]):
            files = sort_case(root, layout, [(path, layout.match(path)) for path in order])
            assert files.label == label
            assert files.images["T1ce"] == paths[1]
            assert (files.patient_id, files.visit) == ("UPENN-GBM-00002", "11")


@pytest.mark.parametrize("group", ["PED", "MEN", "MET", "GoAT"])
def test_labels_of_other_tumours_are_asked_for(tmp_path, group):
    case_id = f"BraTS-{group}-00001-000"
    touch_case(tmp_path / case_id, case_id, BRATS_2023)
    [problem] = find_cases(tmp_path).problems
    assert isinstance(problem, LabelError)
    assert group in problem.cause
    assert "scheme=" in problem.remedy
    assert found_one(tmp_path, scheme="brats2023").scheme == "brats2023"


def test_a_patient_under_two_numbers_is_one_patient(tmp_path):
    for number in ("0138", "0429"):
        touch_case(tmp_path / f"UCSF-PDGM-{number}_nifti", f"UCSF-PDGM-{number}", UCSF)
    assert {case.patient_id for case in find_cases(tmp_path).cases} == {"UCSF-PDGM-0429"}


@pytest.mark.parametrize("grade", ["HGG", "LGG", "hgg"])
def test_grade_comes_from_the_folder_above(tmp_path, grade):
    case = "Brats18_2013_2_1"
    touch_case(tmp_path / "MICCAI_BraTS_2018_Data_Training" / grade / case, case)
    assert found_one(tmp_path).grade == grade.upper()
    assert found_one(tmp_path / "MICCAI_BraTS_2018_Data_Training" / grade).grade == grade.upper()


def test_the_segmentation_that_brats_2020_misnamed(tmp_path):
    case = "BraTS20_Training_355"
    touch_case(tmp_path / case, case, {k: v for k, v in BRATS.items() if k != "label"}, ".nii")
    (tmp_path / case / "W39_1998.09.19_Segm.nii").touch()
    assert found_one(tmp_path).label.name == "W39_1998.09.19_Segm.nii"


@pytest.mark.parametrize("missing", ["T1", "T1ce", "T2", "FLAIR"])
def test_missing_modality_is_named_and_hides_no_other_case(tmp_path, missing):
    touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    touch_case(tmp_path / "Brats18_2013_3_1", "Brats18_2013_3_1")
    (tmp_path / "Brats18_2013_3_1" / f"Brats18_2013_3_1{BRATS[missing]}.nii.gz").unlink()
    found = find_cases(tmp_path)
    assert [case.case_id for case in found.cases] == ["Brats18_2013_2_1"]
    [problem] = found.problems
    assert isinstance(problem, MissingFileError)
    assert problem.case == "Brats18_2013_3_1"
    assert problem.cause.startswith(f"{missing} missing, there is Brats18_2013_3_1_")
    assert "1 cannot be used" in found.description


def test_an_empty_case_folder_is_a_missing_case(tmp_path):
    touch_case(tmp_path / "UCSF-PDGM-0004_nifti", "UCSF-PDGM-0004", UCSF)
    (tmp_path / "UCSF-PDGM-0005_nifti").mkdir()
    [problem] = find_cases(tmp_path).problems
    assert (problem.case, type(problem)) == ("UCSF-PDGM-0005", MissingFileError)
    assert "there is no NIfTI file" in problem.cause


def test_duplicate_ids(tmp_path):
    for grade in ("HGG", "LGG"):
        touch_case(tmp_path / grade / "Brats18_2013_2_1", "Brats18_2013_2_1")
    touch_case(tmp_path / "HGG" / "Brats18_2013_3_1", "Brats18_2013_3_1")
    found = find_cases(tmp_path)
    assert [case.case_id for case in found.cases] == ["Brats18_2013_3_1"]
    [problem] = found.problems
    assert isinstance(problem, DuplicateCaseError)
    assert "there twice" in problem.cause
    assert "HGG" in problem.cause
    assert "LGG" in problem.cause


def test_links_to_the_same_file_are_no_duplicates(tmp_path):
    folder = touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    (tmp_path / "latest").mkdir()
    for path in folder.iterdir():
        (tmp_path / "latest" / path.name).symlink_to(path)
    assert found_one(tmp_path).case_id == "Brats18_2013_2_1"


def test_a_named_scheme_goes_before_the_layouts(tmp_path):
    touch_case(tmp_path, "Brats18_2013_2_1")
    assert found_one(tmp_path, scheme="brats2023").scheme == "brats2023"
    with pytest.raises(LabelError, match="no label scheme 'brats'"):
        find_cases(tmp_path, scheme="brats")


def test_cases_are_values(tmp_path):
    touch_case(tmp_path, "Brats18_2013_2_1")
    one, other = found_one(tmp_path), found_one(tmp_path)
    assert one == other
    assert len({one, other}) == 1
    assert [path.name[17:] for path in one.paths] == [
        "t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz", "flair.nii.gz", "seg.nii.gz"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["t1.nii.gz", "BraTS-GLI-00002-000_t1.nii.gz"])
def test_a_case_whose_files_have_other_names_is_told_which_are_due(tmp_path, name):
    folder = tmp_path / "BraTS-GLI-00002-000"
    touch_case(tmp_path / "BraTS-GLI-00003-000", "BraTS-GLI-00003-000", BRATS_2023)
    folder.mkdir()
    (folder / name).touch()
    (folder / "notes.txt").touch()
    [problem] = find_cases(tmp_path).problems
    assert isinstance(problem, MissingFileError)
    assert (problem.case, problem.cause) == (
        folder.name,
        f"T1, T1ce, T2, FLAIR missing, there is 1 NIfTI file under other names, such as {name}",
    )
    assert problem.remedy.startswith(f"Name them as published: {folder.name}-t1n.nii.gz is the T1")
