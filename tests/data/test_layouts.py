"""Folders as they are published, and folders that are none of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import folders
from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.validate import validate_folder
from fedlab_utils.errors import (
    LayoutError,
    MissingFileError,
    UnreadableFileError,
)
from tests.data.published import (
    BRATS,
    BRATS_2023,
    UCSF,
    UPENN,
    save,
    scan,
    segmentation,
    write_case,
    write_msd,
)


def touch_case(folder: Path, case_id: str, suffixes=BRATS, ending=".nii.gz") -> Path:
    """Empty files under the right names: layouts go by names alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in suffixes.values():
        (folder / f"{case_id}{suffix}{ending}").touch()
    return folder


def found_one(root: Path, **settings):
    found = find_cases(root, **settings)
    assert found.problems == ()
    [case] = found.cases
    return case


@pytest.mark.parametrize(
    ("case_id", "layout", "patient", "visit", "site"),
    [
        ("Brats17_TCIA_105_1", "brats2018", "Brats17_TCIA_105", "1", "TCIA"),
        ("Brats17_CBICA_AAB_1", "brats2018", "Brats17_CBICA_AAB", "1", "CBICA"),
        ("Brats18_2013_2_1", "brats2018", "Brats18_2013_2", "1", "2013"),
        ("Brats18_TCIA05_396_1", "brats2018", "Brats18_TCIA05_396", "1", "TCIA05"),
        ("BraTS19_TMC_06290_1", "brats2018", "BraTS19_TMC_06290", "1", "TMC"),
        ("BraTS20_Training_001", "brats2018", "BraTS20_Training_001", "", None),
        ("BraTS20_Validation_125", "brats2018", "BraTS20_Validation_125", "", None),
        ("BraTS2021_00000", "brats2021", "BraTS2021_00000", "", None),
        ("FeTS2022_01341", "brats2021", "FeTS2022_01341", "", None),
        ("FeTS21_Training_001", "brats2021", "FeTS21_Training_001", "", None),
    ],
)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_brats_until_2022(tmp_path, case_id, layout, patient, visit, site, ending):
    touch_case(tmp_path / case_id, case_id, ending=ending)
    case = found_one(tmp_path)
    assert (case.case_id, case.layout, case.scheme) == (case_id, layout, "brats2017")
    assert (case.patient_id, case.visit, case.site) == (patient, visit, site)
    assert {role: path.name for role, path in case.images.items()} == {
        role: f"{case_id}{BRATS[role]}{ending}" for role in ("T1", "T1ce", "T2", "FLAIR")
    }
    assert case.label.name == f"{case_id}_seg{ending}"


@pytest.mark.parametrize(
    ("case_id", "patient", "visit", "scheme"),
    [
        ("BraTS-GLI-00000-000", "BraTS-GLI-00000", "000", "brats2023"),
        ("BraTS-GLI-00020-001", "BraTS-GLI-00020", "001", "brats2023"),
        ("BraTS-SSA-00002-000", "BraTS-SSA-00002", "000", "brats2023"),
        ("BraTS-GLI-02062-100", "BraTS-GLI-02062", "100", "brats2024"),
    ],
)
def test_brats_since_2023(tmp_path, case_id, patient, visit, scheme):
    touch_case(tmp_path / case_id, case_id, BRATS_2023)
    case = found_one(tmp_path)
    assert (case.patient_id, case.visit, case.scheme) == (patient, visit, scheme)
    assert case.images["T1ce"].name == f"{case_id}-t1c.nii.gz"


def test_decathlon(tmp_path):
    touched = write_msd(tmp_path / "Task01_BrainTumour")
    (touched / "dataset.json").write_text("{}")
    (touched / "imagesTs").mkdir()
    (touched / "imagesTs" / "BRATS_485.nii.gz").touch()
    found = find_cases(tmp_path)
    assert found.problems == ()
    train, test = found.cases
    assert (train.case_id, train.layout, train.scheme) == ("BRATS_001", "msd", "msd")
    assert train.images.parent.name == "imagesTr"
    assert train.label.parent.name == "labelsTr"
    assert (test.case_id, test.label) == ("BRATS_485", None)


def test_a_label_whose_image_was_not_copied_is_a_missing_file(tmp_path):
    write_msd(tmp_path)
    write_msd(tmp_path, 2)
    (tmp_path / "imagesTr" / "BRATS_002.nii.gz").unlink()
    found = find_cases(tmp_path)
    assert [case.case_id for case in found.cases] == ["BRATS_001"]
    [problem] = found.problems
    assert isinstance(problem, MissingFileError)
    assert str(problem).startswith("BRATS_002: volumes missing, there is BRATS_002.nii.gz.")
    assert found.description.endswith("; 1 cannot be used.")


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("labelsTr", "BRATS_001.nii.gz"),
        ("images_segm", "UPENN-GBM-00001_11_segm.nii.gz"),
        ("automated_segm", "UPENN-GBM-00001_11_automated_approx_segm.nii.gz"),
    ],
)
def test_labels_alone_are_missing_their_images(tmp_path, place, name):
    save(tmp_path / place / name, segmentation())
    [problem] = find_cases(tmp_path).problems
    assert isinstance(problem, MissingFileError)
    [report] = validate_folder(tmp_path)
    assert report.problems[0].startswith("MissingFileError: ")
    with pytest.raises(MissingFileError, match=f"none of 1 cases can be used; {problem.case}"):
        load_cohort(tmp_path)


def test_upenn_gbm(tmp_path):
    for visit in ("UPENN-GBM-00001_11", "UPENN-GBM-00002_11", "UPENN-GBM-00002_21"):
        touch_case(tmp_path / "images_structural" / visit, visit, UPENN)
        unstripped = {role: f"{suffix}_unstripped" for role, suffix in UPENN.items()}
        touch_case(tmp_path / "images_structural_unstripped" / visit, visit, unstripped)
    for visit in ("UPENN-GBM-00001_11", "UPENN-GBM-00002_11", "UPENN-GBM-00009_11"):
        touch_case(tmp_path / "automated_segm", visit, {"": "_automated_approx_segm"})
    touch_case(tmp_path / "images_segm", "UPENN-GBM-00001_11", {"": "_segm"})
    touch_case(
        tmp_path / "images_DTI" / "UPENN-GBM-00001_11", "UPENN-GBM-00001_11", {"": "_DTI_FA"}
    )
    found = find_cases(tmp_path)
    assert found.problems == ()
    expert, automated, follow_up = found.cases
    assert expert.label.name == "UPENN-GBM-00001_11_segm.nii.gz"
    assert automated.label.name == "UPENN-GBM-00002_11_automated_approx_segm.nii.gz"
    assert follow_up.label is None
    assert automated.patient_id == follow_up.patient_id == "UPENN-GBM-00002"
    assert (automated.visit, follow_up.visit) == ("11", "21")
    assert expert.images["T1ce"].name == "UPENN-GBM-00001_11_T1GD.nii.gz"
    assert expert.images["T1"].parent.parent.name == "images_structural"
    assert (expert.grade, expert.scheme) == ("HGG", "brats2017")
    assert "1 of them automated" in found.description


def test_ucsf_pdgm(tmp_path):
    extra = ("_T1_bias", "_T1c_bias", "_ADC", "_DTI_eddy_FA", "_brain_segmentation", "_SWI_bias")
    for case_id in ("UCSF-PDGM-0004", "UCSF-PDGM-0429_FU003d", "UCSF-PDGM-0429"):
        names = UCSF | {name: name for name in (*extra, "_brain_parenchyma_segmentation")}
        touch_case(tmp_path / "UCSF-PDGM-v3" / f"{case_id}_nifti", case_id, names)
    found = find_cases(tmp_path)
    assert found.problems == ()
    first, base, follow_up = found.cases
    assert first.images["T1ce"].name == "UCSF-PDGM-0004_T1c.nii.gz"
    assert first.label.name == "UCSF-PDGM-0004_tumor_segmentation.nii.gz"
    assert (follow_up.patient_id, follow_up.visit) == ("UCSF-PDGM-0429", "FU003d")
    assert base.patient_id == "UCSF-PDGM-0429"
    assert base.grade is None


def test_a_single_case_folder_and_files_in_one_heap(tmp_path):
    touch_case(tmp_path, "Brats18_2013_2_1")
    touch_case(tmp_path, "Brats18_2013_3_1")
    assert len(find_cases(tmp_path).cases) == 2


def test_files_unpacked_into_folders_of_their_own_name(tmp_path):
    case = "Brats17_2013_2_1"
    for suffix in BRATS.values():
        touch_case(tmp_path / case / f"{case}{suffix}.nii", case, {"": suffix}, ".nii")
    assert found_one(tmp_path).case_id == case


def test_validation_sets_have_no_labels(tmp_path):
    names = {k: v for k, v in BRATS.items() if k != "label"}
    touch_case(tmp_path / "BraTS20_Validation_001", "BraTS20_Validation_001", names)
    assert found_one(tmp_path).label is None
    assert "0 with a segmentation" in find_cases(tmp_path).description


def test_foreign_files_do_no_harm(tmp_path):
    folder = touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "notes.txt",
        "brain_mask.nii.gz",
        "Brats18_2013_2_1_t1_brain.nii.gz",
        "Brats18_2013_2_1_pred_seg.nii.gz",
        "Brats18_2013_2_1_seg.nii.gz.bak",
        "._Brats18_2013_2_1_t1.nii.gz",
    ):
        (folder / name).touch()
    (tmp_path / "__MACOSX" / "Brats18_2013_2_1").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "Brats18_2013_2_1" / "Brats18_2013_2_1_t1.nii.gz").touch()
    assert len(found_one(tmp_path).images) == 4


def test_the_sentence_says_what_was_found(tmp_path):
    for number in range(3):
        touch_case(tmp_path, f"Brats18_2013_{number}_1")
    assert find_cases(tmp_path).description == (
        "Found 3 cases of 3 patients in the layout of BraTS 2017-2020, 3 with a segmentation "
        "(labels: 1 = necrotic or non-enhancing core, 2 = peritumoural oedema, "
        "4 = enhancing tumour)."
    )


def test_symlink_loops_end(tmp_path):
    folder = touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert found_one(tmp_path).case_id == "Brats18_2013_2_1"


def test_a_root_that_is_a_broken_link_is_named(tmp_path):
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "there").symlink_to("back")
    (tmp_path / "back").symlink_to("there")
    for name in ("self", "there", "there/deeper"):
        with pytest.raises(MissingFileError, match="a link that leads back to itself"):
            find_cases(tmp_path / name)
    (tmp_path / "dangling").symlink_to("gone")
    with pytest.raises(MissingFileError, match="it is a link to gone, which is not there"):
        find_cases(tmp_path / "dangling")


@pytest.mark.parametrize("role", ["T1", "label"])
def test_a_folder_in_place_of_a_file_is_named(tmp_path, role):
    good = touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    bad = touch_case(tmp_path / "Brats18_2013_3_1", "Brats18_2013_3_1")
    name = f"Brats18_2013_3_1{BRATS[role]}.nii.gz"
    (bad / name).unlink()
    (bad / name).mkdir()
    (bad / name / "part1.nii.gz").touch()
    # None of these stands in place of a file.
    (good / "Brats18_2013_2_1_notes.nii.gz").mkdir()
    (good / "Brats18_2013_2_1_seg").mkdir()
    (good / f"Brats18_2013_2_1{BRATS[role]}.nii").mkdir()  # beside the .nii.gz
    found = find_cases(tmp_path)
    assert [case.case_id for case in found.cases] == [good.name]
    [problem] = found.problems
    assert isinstance(problem, UnreadableFileError)
    assert (problem.case, problem.cause) == (bad.name, f"{name} is a folder, not a file")


def test_a_folder_in_place_of_a_decathlon_file_is_named(tmp_path):
    write_msd(tmp_path, 1)
    write_msd(tmp_path, 2)
    label = tmp_path / "labelsTr" / "BRATS_002.nii.gz"
    label.unlink()
    label.mkdir()
    [problem] = find_cases(tmp_path).problems
    assert (problem.case, problem.cause) == (
        "BRATS_002",
        "BRATS_002.nii.gz is a folder, not a file",
    )


def test_a_very_deep_folder_is_not_followed_to_its_end(tmp_path):
    touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    deep = tmp_path.joinpath(*["x"] * 60)
    deep.mkdir(parents=True)
    assert len(folders.walk(tmp_path).folders) <= folders.MAX_DEPTH + 2
    with pytest.raises(LayoutError, match="there is no file in its folders, 8 levels down"):
        find_cases(tmp_path / "x")


def test_a_forbidden_folder_is_a_problem_and_the_rest_is_found(tmp_path, monkeypatch):
    touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    (tmp_path / "secret").mkdir()
    real = os.scandir

    def scandir(folder):
        if Path(folder).name == "secret":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_cases(tmp_path)
    assert len(found.cases) == 1
    [problem] = found.problems
    assert isinstance(problem, UnreadableFileError)
    assert "Permission denied" in problem.cause


@pytest.mark.parametrize("closed", ["Brats18_2013_3_1", "Brats18_2013_3_1_t1.nii"])
def test_a_forbidden_case_is_told_to_look_at_its_permissions(tmp_path, monkeypatch, closed):
    touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    folder = touch_case(tmp_path / "Brats18_2013_3_1", "Brats18_2013_3_1", ending=".nii")
    if closed.endswith(".nii"):
        (folder / closed).unlink()
        (folder / closed).mkdir()
    real = os.scandir

    def scandir(place):
        if Path(place).name == closed:
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_cases(tmp_path)
    assert len(found.cases) == 1
    assert {problem.remedy for problem in found.problems} == {"Check its permissions"}
    cases = [problem.case for problem in found.problems]
    assert cases == [closed] if closed == folder.name else [closed, folder.name]


def test_two_data_sets_in_one_folder_are_refused_unless_one_is_named(tmp_path):
    touch_case(tmp_path / "a", "Brats18_2013_2_1")
    touch_case(tmp_path / "b", "BraTS-GLI-00000-000", BRATS_2023)
    with pytest.raises(LayoutError, match=r"mixes several data sets: BraTS 2017-2020 \(5 files\)"):
        find_cases(tmp_path)
    assert found_one(tmp_path, layout="brats2023").case_id == "BraTS-GLI-00000-000"


@pytest.mark.parametrize(
    ("layout", "case_id"), [("brats2018", "Brats18_2013_2_1"), ("brats2021", "BraTS2021_00002")]
)
def test_the_named_one_of_two_sets_with_the_same_endings_is_read_alone(tmp_path, layout, case_id):
    for name in ("Brats18_2013_2_1", "BraTS2021_00002", "patient1"):
        touch_case(tmp_path / name, name)
    with pytest.raises(LayoutError, match=r"mixes several data sets"):
        find_cases(tmp_path)
    found = [case.case_id for case in find_cases(tmp_path, layout=layout).cases]
    assert found == [case_id, "patient1"]


def test_a_layout_may_be_named_for_the_ids_of_another(tmp_path):
    touch_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1")
    assert found_one(tmp_path, layout="brats2021").case_id == "Brats18_2013_2_1"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Brats18_2013_2_1", "BraTS19_2013_2_1"), ("BraTS2021_00000", "FeTS2022_00000")],
)
def test_two_releases_of_the_same_patients_are_refused(tmp_path, one, other):
    touch_case(tmp_path / one, one)
    touch_case(tmp_path / other, other)
    with pytest.raises(LayoutError, match=r"mixes releases: 1 cases of .*same patients"):
        find_cases(tmp_path)


def test_own_ids_need_a_layout(tmp_path):
    touch_case(tmp_path / "patient1", "patient1")
    (tmp_path / "patient1" / "patient1_pred_seg.nii.gz").touch()
    with pytest.raises(LayoutError, match="own ids, pass layout='brats2018' or 'brats2021'"):
        find_cases(tmp_path)
    case = found_one(tmp_path, layout="brats2018")
    assert (case.case_id, case.patient_id, case.scheme) == ("patient1", "patient1", "brats2017")


def test_unknown_layout(tmp_path):
    with pytest.raises(LayoutError, match="Choose one of brats2018, brats2021"):
        find_cases(tmp_path, layout="brats")


def test_no_folder(tmp_path):
    with pytest.raises(MissingFileError, match="no such folder"):
        find_cases(tmp_path / "nowhere")
    with pytest.raises(MissingFileError, match=r"cannot be reached|no such folder"):
        find_cases("nul\0byte")


def test_empty_folder(tmp_path):
    with pytest.raises(LayoutError, match="the folder is empty"):
        find_cases(tmp_path)


@pytest.mark.parametrize(
    "ending", ["zip", "7z", "RAR", "tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tar.xz", "txz"]
)
def test_an_archive_in_place_of_a_folder(tmp_path, ending):
    name = f"BraTS2021.{ending}"
    (tmp_path / name).write_bytes(b"PK\3\4")
    with pytest.raises(LayoutError, match=r"it is an archive. Unpack it"):
        find_cases(tmp_path / name)
    with pytest.raises(LayoutError, match=f"nothing but archives, such as {name}"):
        find_cases(tmp_path)


def test_a_file_in_place_of_a_folder(tmp_path):
    path = save(tmp_path / "x.nii.gz", scan("T1"))
    with pytest.raises(LayoutError, match="not a folder"):
        find_cases(path)


def test_dicom_and_unknown_names(tmp_path):
    (tmp_path / "1-001.dcm").touch()
    with pytest.raises(LayoutError, match=r"no NIfTI file among its 1 files, such as 1-001.dcm"):
        find_cases(tmp_path)
    save(tmp_path / "scan.nii.gz", segmentation())
    with pytest.raises(LayoutError, match="none of its 1 NIfTI files has a known name"):
        find_cases(tmp_path)


def test_paths_with_spaces_and_other_alphabets(tmp_path):
    root = tmp_path / "Données à moi" / "脳腫瘍"
    write_case(root / "Brats18_2013_2_1", "Brats18_2013_2_1")
    assert found_one(root).label.exists()


def test_cases_are_sorted_by_id(tmp_path):
    names = [f"{n:05d}" for n in np.random.default_rng(0).permutation(100)]
    for number in names:
        touch_case(tmp_path / f"BraTS2021_{number}", f"BraTS2021_{number}")
    assert [case.case_id[10:] for case in find_cases(tmp_path).cases] == sorted(names)
