"""Evaluation: by case id, in the declared scheme, per patient and per institution."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedlab_utils.data import PreprocessSettings, load_cohort
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import (
    ClinicalTableError,
    DataError,
    ForeignLabelsError,
    LabelError,
    MissingFileError,
)
from fedlab_utils.segmentation.evaluation import evaluate_model, evaluate_predictions
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM
from fedlab_utils.segmentation.unet import UNetSettings
from fedlab_utils.segmentation.weights import TrainedModel
from tests.segmentation.test_prediction import Bright


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("evaluate") / "cohort"
    return load_cohort(write_cohort(folder, cases=3, seed=5, spacing=4.0, workers=1))


def write(cohort, folder: Path, change, name: str = "{}.nii.gz") -> Path:
    """Write each case's own labels, changed, as somebody's predictions."""
    folder.mkdir()
    for files in cohort:
        image = nibabel.load(files.label)
        values = change(np.asarray(image.dataobj).astype(np.uint8))
        nibabel.Nifti1Image(values, image.affine).to_filename(folder / name.format(files.case_id))
    return folder


def in_2023(values: np.ndarray) -> np.ndarray:
    return np.where(values == 4, 3, values).astype(np.uint8)


@pytest.mark.parametrize("name", ["{}.nii.gz", "{}_seg.nii", "{}-seg.nii.gz"])
def test_the_truth_itself_scores_one(cohort, tmp_path: Path, name: str) -> None:
    folder = write(cohort, tmp_path / "p", lambda v: v, name)
    mean = evaluate_predictions(folder, "brats2017", cohort).mean()
    for region in MEASURED:
        assert (mean[region]["dice"].mean, mean[region]["hd95"].mean) == (1.0, 0.0)


def test_enhancing_tumour_marked_3(cohort, tmp_path: Path) -> None:
    """Refused under the scheme of 2018, scored under that of 2023."""
    folder = write(cohort, tmp_path / "p", in_2023)
    with pytest.raises(ForeignLabelsError, match="value 3 is unknown"):
        evaluate_predictions(folder, "brats2017", cohort)
    assert evaluate_predictions(folder, "brats2023", cohort).mean()["ET"]["dice"].mean == 1.0
    with pytest.raises(LabelError, match="no label scheme"):
        evaluate_predictions(folder, "brats1066", cohort)


def test_scores_are_those_of_the_voxels(cohort, tmp_path: Path) -> None:
    folder = write(cohort, tmp_path / "p", lambda v: np.where(v == 2, 0, v).astype(np.uint8))
    result = evaluate_predictions(folder, "brats2017", cohort)
    for row, files in zip(result.cases, cohort, strict=True):
        truth = np.asarray(nibabel.load(files.label).dataobj)
        core, whole = np.isin(truth, (1, 4)).sum(), (truth > 0).sum()
        assert row["case"] == files.case_id
        assert row["WT"]["dice"] == pytest.approx(2 * core / (core + whole))
        assert row["TC"]["dice"] == row["ET"]["dice"] == 1.0
        assert row["oedema"]["dice"] == 0.0
    told = result.as_json()
    dice = [row["WT"]["dice"] for row in result.cases]
    assert told["mean"]["WT"]["dice"] == pytest.approx(np.mean(dice))
    low, high = told["mean"]["WT"]["dice_interval"]
    assert min(dice) - 1e-9 <= low < np.mean(dice) < high <= max(dice) + 1e-9
    assert json.loads(json.dumps(told)) == told


def test_a_missed_region_is_counted_and_does_not_move_the_median(cohort, tmp_path: Path) -> None:
    """Of three patients one is missed altogether; the other two are found but for their oedema."""
    first = cohort.cases[0].case_id
    folder = write(cohort, tmp_path / "p", lambda v: np.where(v == 2, 0, v).astype(np.uint8))
    image = nibabel.load(folder / f"{first}.nii.gz")
    empty = np.zeros(image.shape, np.uint8)
    nibabel.Nifti1Image(empty, image.affine).to_filename(folder / f"{first}.nii.gz")
    result = evaluate_predictions(folder, "brats2017", cohort)
    told = result.as_json()["mean"]
    found = sorted(row["WT"]["hd95"] for row in result.cases)
    assert 0 < found[1] < 100 < found[2] == MISSED_MM
    assert told["WT"]["hd95_median"] == found[1]
    assert told["WT"]["hd95"] > 100
    truth = np.asarray(nibabel.load(cohort.cases[0].label).dataobj)
    assert {name: told[name]["missed"] for name in MEASURED} == {
        "ET": int((truth == 4).any()),
        "TC": 1,
        "WT": 1,
        "oedema": 3,
        "necrosis": int((truth == 1).any()),
    }
    lines = {line[:20].strip(): line for line in result.as_text().splitlines()}
    assert "1 of 3" in lines["all missed"]
    assert f"{found[1]:.1f}" in lines["all median hd95 mm"]
    assert "in one mask alone, HD95 373 mm" in lines["means over 3 patient"]


def test_a_missing_or_foreign_file_is_a_problem_not_a_zero(cohort, tmp_path: Path) -> None:
    folder = write(cohort, tmp_path / "p", lambda v: v)
    first, second, third = (files.case_id for files in cohort)
    (folder / f"{first}.nii.gz").unlink()
    image = nibabel.load(folder / f"{second}.nii.gz")
    moved = image.affine.copy()
    moved[0, 3] += 30
    nibabel.Nifti1Image(np.asarray(image.dataobj), moved).to_filename(folder / f"{second}.nii.gz")
    result = evaluate_predictions(folder, "brats2017", cohort)
    assert [row["case"] for row in result.cases] == [third]
    assert [problem.case for problem in result.problems] == [first, second]
    (folder / f"{third}.nii").write_bytes(b"")
    with pytest.raises(DataError, match="no case could be scored"):
        evaluate_predictions(folder, "brats2017", cohort)
    with pytest.raises(MissingFileError, match="no such folder"):
        evaluate_predictions(tmp_path / "elsewhere", "brats2017", cohort)


def test_a_model_is_scored_at_the_files_resolution(cohort) -> None:
    model = TrainedModel(Bright(), UNetSettings(), PreprocessSettings(spacing=8.0), (32, 32))
    result = evaluate_model(model, cohort)
    assert len(result.cases) == 3
    from fedlab_utils.segmentation.prediction import predict_labels

    case = cohort.load(result.cases[0]["case"])
    mine = np.isin(predict_labels(model, case), (1, 2, 3))
    truth = np.asarray(nibabel.load(case.files.label).dataobj) > 0
    expected = 2 * (mine & truth).sum() / (mine.sum() + truth.sum())
    assert result.cases[0]["WT"]["dice"] == pytest.approx(expected)


def test_files_that_belong_to_no_case_are_named(cohort, tmp_path: Path) -> None:
    """Of an unknown case, of a case without truth, of a capital too much; a text is no prediction.

    A file of a case whose truth cannot be used has its problem, and is not named twice.
    """
    from dataclasses import replace

    folder = write(cohort, tmp_path / "p", lambda v: v)
    first, second, third = (files.case_id for files in cohort)
    (folder / f"{first}.nii.gz").rename(folder / f"{first.upper()}x.nii.gz")
    (folder / "notes.txt").touch()
    (folder / "Another_seg.nii").touch()
    cases = [replace(f, label=None) if f.case_id == second else f for f in cohort]
    some = replace(cohort, cases=tuple(cases))
    result = evaluate_predictions(folder, "brats2017", some)
    others = sorted([f"{first.upper()}x.nii.gz", "Another_seg.nii", f"{second}.nii.gz"])
    assert result.unmatched == tuple(others)
    assert result.as_json()["unmatched"] == others
    assert [row["case"] for row in result.cases] == [third]
    assert [problem.case for problem in result.not_scored] == [first]
    broken = replace(
        cohort, cases=cohort.cases[1:], problems=(DataError(first, "torn", "Mend it"),)
    )
    (folder / f"{first.upper()}x.nii.gz").rename(folder / f"{first}.nii.gz")
    assert evaluate_predictions(folder, "brats2017", broken).unmatched == ("Another_seg.nii",)


def test_a_faulty_table_is_not_why_no_case_could_be_scored(cohort, tmp_path: Path) -> None:
    faulty = replace(cohort, problems=(ClinicalTableError("survival.csv", "it is empty", "Copy"),))
    (tmp_path / "p").mkdir()
    with pytest.raises(MissingFileError, match="holds no prediction for it"):
        evaluate_predictions(tmp_path / "p", "brats2018", faulty)
