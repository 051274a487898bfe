"""Evaluation: by case id, in the declared scheme, per patient and per institution."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from fedlab_utils.data import PreprocessSettings, load_cohort
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import DataError, ForeignLabelsError, LabelError, MissingFileError
from fedlab_utils.segmentation.evaluation import Evaluation, evaluate_model, evaluate_predictions
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM, is_missed
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


def row(case: str, patient: str, institution: str, dice: float, hd95: float = 1.0) -> dict:
    scores = {name: {"dice": dice, "hd95": hd95} for name in MEASURED}
    return {"case": case, "patient": patient, "institution": institution, **scores}


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


def test_two_outlines_that_never_meet_are_far_apart_but_not_missed() -> None:
    assert not is_missed({"dice": 0.0, "hd95": 120.0})
    assert not is_missed({"dice": 1.0, "hd95": 0.0}), "rightly absent"
    assert is_missed({"dice": 0.0, "hd95": MISSED_MM})


def test_medians_and_misses_of_visits_and_of_an_institution() -> None:
    """Visits of a patient are averaged before the median; a miss is counted per case."""
    result = Evaluation(
        (
            row("a0", "a", "01", 0.0, MISSED_MM),
            row("a1", "a", "01", 0.8, 3.0),
            row("b", "b", "02", 0.8, 5.0),
            row("c", "c", "02", 0.8, 7.0),
        )
    )
    assert result.median_hd95()["ET"] == 7.0
    assert result.median_hd95("01")["ET"] == pytest.approx((MISSED_MM + 3) / 2)
    assert (result.missed()["ET"], result.missed("02")["ET"]) == (1, 0)
    told = result.as_json()["institutions"]
    assert (told["02"]["WT"]["hd95_median"], told["02"]["WT"]["missed"]) == (6.0, 0)
    assert told["01"]["WT"]["missed"] == 1


def test_the_table_keeps_its_columns_apart_whatever_the_numbers() -> None:
    """All missed: the widest numbers there are; names of institutions may be long."""
    result = Evaluation((row("a", "a", "a hospital of a long name", 0.0, MISSED_MM),))
    *lines, _ = result.as_text().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2].count(" 373.1 [373.1, 373.1]") == len(MEASURED)
    assert "a hospital of a long name median hd95 mm " in lines[7]


def test_institutions_and_visits() -> None:
    """A patient with two visits counts once; an institution's mean is of its own patients."""
    result = Evaluation(
        (row("a0", "a", "01", 0.2), row("a1", "a", "01", 0.4), row("b", "b", "02", 0.9))
    )
    assert result.institutions() == ("01", "02")
    assert result.mean()["WT"]["dice"].mean == pytest.approx((0.3 + 0.9) / 2)
    assert result.mean()["WT"]["dice"].patients == 2
    assert result.mean("01")["WT"]["dice"].mean == pytest.approx(0.3)


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


def test_the_three_regions_fit_into_a_notebook() -> None:
    result = Evaluation((row("a", "a", "01", 0.0, MISSED_MM),))
    text = result.as_text(institutions=False, names=("ET", "TC", "WT"))
    assert max(map(len, text.splitlines()[:-1])) <= 90
    assert text.splitlines()[0].split() == ["ET", "TC", "WT"]
    assert "oedema" not in text
