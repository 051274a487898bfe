from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import Case
from fedlab_utils.data.cohort import load_cohort, open_cohort
from fedlab_utils.data.phantom import embedded
from fedlab_utils.errors import (
    ClinicalTableError,
    DataError,
    IntensityError,
    LabelError,
    LayoutError,
    MissingFileError,
    UnreadableFileError,
)
from tests.data.published import BRATS, BRATS_2023, LPS, save, segmentation, write_case

IDS = ("Brats18_2013_2_1", "Brats18_2013_3_1", "Brats18_TCIA05_396_1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for case_id, grade in zip(IDS, ("HGG", "HGG", "LGG"), strict=True):
        write_case(tmp_path / "set" / grade / case_id, case_id)
    (tmp_path / "set" / "survival_data.csv").write_text(
        f"BraTS18ID,Age,Survival,ResectionStatus\n{IDS[0]},60,100,GTR\n"
    )
    return tmp_path / "set"


def test_a_cohort_knows_its_cases_and_their_table(folder):
    cohort = load_cohort(folder)
    assert len(cohort) == 3
    assert [files.case_id for files in cohort] == list(IDS)
    assert cohort.patients == ("Brats18_2013_2", "Brats18_2013_3", "Brats18_TCIA05_396")
    assert cohort.problems == ()
    assert cohort.table.index.tolist() == list(IDS)
    row = cohort.table.loc[IDS[0]]
    assert (row.patient_id, row.visit, row.layout) == ("Brats18_2013_2", "1", "brats2018")
    assert (row.grade, row.age, row.institution, row.labelled) == ("HGG", 60, "2013", True)
    assert cohort.table.loc[IDS[2], "grade"] == "LGG"
    assert cohort.load(IDS[1]).files.case_id == IDS[1]
    assert repr(cohort).count("\n") == 0


def test_an_unknown_case_is_answered_with_near_ones(folder):
    with pytest.raises(DataError, match=f"no such case among 3. Try {IDS[0]}"):
        load_cohort(folder).load("Brats18_2013_2")


def test_a_subset_keeps_the_order_asked_for(folder):
    part = load_cohort(folder).subset([IDS[2], IDS[0], IDS[2]])
    assert [files.case_id for files in part] == [IDS[2], IDS[0]]
    assert part.table.index.tolist() == [IDS[2], IDS[0]]
    with pytest.raises(DataError, match="no such case"):
        part.subset([IDS[1]])


def test_volumes_are_voxels_times_voxel_size(folder):
    wide = LPS @ np.diag([2.0, 1, 3, 1])
    save(folder / "HGG" / IDS[1] / f"{IDS[1]}{BRATS['label']}.nii.gz", segmentation(), wide)
    broken = folder / "LGG" / IDS[2] / f"{IDS[2]}_seg.nii.gz"
    broken.write_bytes(b"")
    table = load_cohort(folder).with_volumes()
    volumes = table[["volume_et_ml", "volume_tc_ml", "volume_wt_ml"]]
    np.testing.assert_allclose(volumes.loc[IDS[0]], [0.012, 0.024, 0.060])
    np.testing.assert_allclose(volumes.loc[IDS[1]], [0.072, 0.144, 0.360])
    assert volumes.loc[IDS[2]].isna().all()


def test_cases_without_labels_have_no_volume(folder):
    for path in folder.rglob("*_seg.nii.gz"):
        path.unlink()
    cohort = load_cohort(folder)
    assert not cohort.table.labelled.any()
    assert cohort.with_volumes().volume_wt_ml.isna().all()


def test_bad_cases_and_tables_hide_nothing(folder):
    (folder / "LGG" / IDS[2] / f"{IDS[2]}_t2.nii.gz").unlink()
    (folder / "name_mapping.csv").write_text("colour\nred\n")
    cohort = load_cohort(folder)
    assert [files.case_id for files in cohort] == list(IDS[:2])
    assert [type(problem) for problem in cohort.problems] == [MissingFileError, ClinicalTableError]
    assert cohort.problems[0].case == IDS[2]


def test_a_spreadsheet_beside_the_images_is_warned_about(folder):
    assert load_cohort(folder).warnings == ()
    (folder / "clinical.xlsx").write_bytes(b"PK")
    cohort = load_cohort(folder)
    assert cohort.problems == ()
    [warning] = cohort.warnings
    assert isinstance(warning, ClinicalTableError)
    assert (warning.case, warning.remedy) == ("clinical.xlsx", "Save it as csv: clinical.csv")
    assert cohort.description.startswith("Found 3 cases")
    assert cohort.description.endswith(f" {warning}")
    assert cohort.subset(IDS[:1]).warnings == cohort.warnings


def test_no_usable_case_at_all_raises_what_is_wrong_with_the_first(tmp_path):
    write_case(tmp_path / "a", "BraTS-PED-00002-000", BRATS_2023)
    with pytest.raises(LabelError, match="none of 1 cases can be used; BraTS-PED-00002-000: "):
        load_cohort(tmp_path)
    assert len(load_cohort(tmp_path, scheme="brats2017")) == 1


def test_nothing_there(tmp_path):
    with pytest.raises(LayoutError, match="empty"):
        load_cohort(tmp_path)


def test_open_cohort_takes_what_is_named_then_the_environment(folder, monkeypatch):
    monkeypatch.setenv("FEDLAB_DATA", str(folder))
    assert len(open_cohort()) == 3
    assert len(open_cohort(folder / "HGG")) == 2


def test_what_names_do_not_tell_may_be_said_in_the_environment(tmp_path, monkeypatch):
    case_id = "BraTS-MET-00001-000"
    write_case(tmp_path / case_id, case_id, BRATS_2023)
    monkeypatch.setenv("FEDLAB_DATA", str(tmp_path))
    with pytest.raises(LabelError, match=r"brats2023.*--scheme.*FEDLAB_SCHEME"):
        open_cohort()
    monkeypatch.setenv("FEDLAB_SCHEME", "brats2023")
    assert [files.scheme for files in open_cohort()] == ["brats2023"]
    monkeypatch.setenv("FEDLAB_LAYOUT", "msd")
    with pytest.raises(LayoutError):
        open_cohort()


def test_visits_stay_together_however_their_ids_are_written(tmp_path):
    for case_id in ("BraTS-GLI-00001-000", "BRATS-GLI-00001-001", "brats-gli-00002-000"):
        write_case(tmp_path / case_id, case_id, BRATS_2023)
    cohort = load_cohort(tmp_path)
    assert [len(list(cohort)), len(cohort.patients)] == [3, 2]
    assert len(set(cohort.table.patient_id.head(2))) == 1


def test_open_cohort_takes_the_phantoms_where_nothing_is_named(tmp_path, monkeypatch):
    write_case(tmp_path / IDS[0], IDS[0])
    monkeypatch.delenv("FEDLAB_DATA", raising=False)
    monkeypatch.setattr(embedded, "phantom_folder", lambda: tmp_path)
    assert [files.case_id for files in open_cohort()] == [IDS[0]]
    monkeypatch.setenv("FEDLAB_DATA", "")
    assert open_cohort().root == tmp_path


def test_labelled_leaves_out_what_has_no_segmentation(folder):
    next(folder.rglob(f"{IDS[1]}_seg*")).unlink()
    assert [files.case_id for files in load_cohort(folder).labelled()] == [IDS[0], IDS[2]]
    for path in folder.rglob("*_seg*"):
        path.unlink()
    with pytest.raises(DataError, match="none of its 3 cases has a segmentation"):
        load_cohort(folder).labelled()


def test_what_cannot_be_read_is_skipped_and_named(folder):
    truncated = folder / "HGG" / IDS[0] / f"{IDS[0]}_t2.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:40])
    cohort = load_cohort(folder)
    assert len(cohort) == 3  # the search for cases opens no image
    cases, skipped = cohort.readable(at_most=1)
    assert [case.files.case_id for case in cases] == [IDS[1]]
    assert [error.case for error in skipped] == [IDS[0]]
    assert isinstance(skipped[0], UnreadableFileError)
    cases, skipped = cohort.subset([IDS[2], IDS[0], IDS[1]]).readable(at_most=9)
    assert [case.files.case_id for case in cases] == [IDS[2], IDS[1]]
    assert len(skipped) == 1
    assert cohort.subset([IDS[1]]).readable(at_most=9)[1] == []


def test_what_a_caller_cannot_use_is_skipped_too(folder):
    def refuse_first(case: Case) -> None:
        if case.files.case_id == IDS[0]:
            raise IntensityError(IDS[0], "no brain", "Look at it")

    cohort = load_cohort(folder)
    cases, skipped = cohort.readable(at_most=2, must_pass=refuse_first)
    assert [case.files.case_id for case in cases] == [IDS[1], IDS[2]]
    assert [str(error) for error in skipped] == [f"{IDS[0]}: no brain. Look at it."]
    with pytest.raises(IntensityError, match="none of 1 cases can be used; "):
        cohort.subset(IDS[:1]).readable(at_most=1, must_pass=refuse_first)


def test_nothing_readable_raises_what_is_wrong_with_the_first(folder):
    for case_id in IDS[:2]:
        (folder / "HGG" / case_id / f"{case_id}_flair.nii.gz").write_bytes(b"")
    with pytest.raises(UnreadableFileError, match=f"none of 2 cases can be used; {IDS[0]}: "):
        load_cohort(folder).subset(IDS[:2]).readable(at_most=1)
