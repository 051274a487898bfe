from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedlab_utils.data import validate as module
from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.validate import CaseReport, check_case, validate_folder
from fedlab_utils.errors import LayoutError
from tests.data.published import save, segmentation, write_case

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good, truncated, wrong labels, incomplete, warned about; and a table that is none."""
    root = tmp_path / "set"
    for number in range(2, 7):
        write_case(root / f"Brats18_2013_{number}_1", f"Brats18_2013_{number}_1")
    truncated = root / "Brats18_2013_3_1" / "Brats18_2013_3_1_t1ce.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:300])
    save(root / "Brats18_2013_4_1" / "Brats18_2013_4_1_seg.nii.gz", segmentation(enhancing=3))
    (root / "Brats18_2013_5_1" / "Brats18_2013_5_1_flair.nii.gz").unlink()
    save(root / "Brats18_2013_6_1" / "Brats18_2013_6_1_seg.nii.gz", 0 * segmentation())
    (root / "survival_data.csv").write_text("colour\nred\n")
    return root


@pytest.mark.parametrize("workers", [1, 2])
def test_one_report_per_case_whatever_is_wrong_with_the_others(folder, workers):
    seen = []
    reports = validate_folder(
        folder, workers=workers, progress=lambda done, total: seen.append((done, total))
    )
    assert {
        report.case: [problem.split(":")[0] for problem in report.problems] for report in reports
    } == {
        "Brats18_2013_2_1": [],
        "Brats18_2013_3_1": ["UnreadableFileError"],
        "Brats18_2013_4_1": ["LabelError"],
        "Brats18_2013_5_1": ["MissingFileError"],
        "Brats18_2013_6_1": [],
        "survival_data.csv": ["ClinicalTableError"],
    }
    assert [report.case for report in reports] == sorted(report.case for report in reports)
    assert reports[4].warnings == ("the segmentation marks no tumour",)
    assert {report.layout for report in reports} == {"brats2018"}
    assert [report.case for report in reports if not report.is_case] == ["survival_data.csv"]
    assert seen[-1] == (6, 6)
    assert [done for done, _ in seen] == [3, 4, 5, 6]


def test_the_report_says_cause_and_remedy(folder):
    report = validate_folder(folder)[2]
    assert "value 3 is unknown to scheme 'brats2017'" in report.problems[0]
    assert "pass scheme=" in report.problems[0]


def test_a_spreadsheet_is_a_warning_and_no_fault(folder):
    (folder / "survival_info.xlsx").write_bytes(b"PK")
    reports = {report.case: report for report in validate_folder(folder)}
    assert reports["survival_info.xlsx"].problems == ()
    assert reports["survival_info.xlsx"].warnings == (
        "spreadsheets are not read. Save it as csv: survival_info.csv.",
    )


def test_what_validates_loads(folder):
    good = {report.case for report in validate_folder(folder) if not report.problems}
    cohort = load_cohort(folder)
    for files in cohort:
        assert (check_case(files).problems == ()) == (files.case_id in good)


def test_an_unforeseen_error_is_reported_not_raised(folder, monkeypatch):
    def fail(_):
        raise RuntimeError("surprise")

    monkeypatch.setattr(module, "load_case", fail)
    report = check_case(find_cases(folder).cases[0])
    assert report.problems == ("reading it failed in an unknown way (RuntimeError: surprise)",)


def test_no_data_set_at_all(tmp_path):
    with pytest.raises(LayoutError):
        validate_folder(tmp_path)


def die_on_3(files):
    """Stand-in for check_case in a worker: one case kills its process."""
    if files.case_id == "Brats18_2013_3_1":
        os._exit(1)
    return CaseReport(files.case_id, files.layout)


def test_a_case_that_kills_its_worker_is_reported_and_the_others_are_read(folder, monkeypatch):
    monkeypatch.setattr(module, "check_case", die_on_3)
    reports = {report.case: report.problems for report in validate_folder(folder, workers=2)}
    assert reports["Brats18_2013_3_1"] == ("reading it killed the process that tried",)
    for number in (2, 4, 6):
        assert reports[f"Brats18_2013_{number}_1"] == ()


@pytest.mark.parametrize("guard", ["if True", "if __name__ == '__main__'"])
def test_works_from_a_script_with_or_without_a_guard(folder, tmp_path, guard):
    script = tmp_path / "script.py"
    script.write_text(
        f"from fedlab_utils.data import validate_folder\n"
        f"{guard}:\n"
        f"    print(len(validate_folder({str(folder)!r}, workers=2)))\n"
    )
    result = subprocess.run(
        [sys.executable, script], cwd=REPOSITORY, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert result.stdout.strip().splitlines()[-1] == "6"
