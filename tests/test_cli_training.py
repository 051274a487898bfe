"""Train, predict, evaluate and study on the command line, on tiny phantoms."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from fedlab_utils.cli import app
from fedlab_utils.data import conventions, load_cohort
from fedlab_utils.segmentation import load_model
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM
from fedlab_utils.segmentation.prediction import predict_labels
from fedlab_utils.segmentation.run import CONFIG, CURVE, ENVIRONMENT, MODEL
from tests.segmentation.test_prediction import stub

SEQUENCES = ("T1ce", "FLAIR")


def fedlab(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def phantom(folder: Path, layout: str, cases: int = 1) -> Path:
    options = ("--cases", cases, "--spacing", 8, "--layout", layout, "--seed", 3)
    made = fedlab("phantom", *options, "--out", folder)
    assert made.exit_code == 0, made.output
    return folder


def refused(ran, kind: str) -> dict[str, str]:
    """Return the error of a command that must have been refused in one line."""
    assert ran.exit_code == 2, ran.output
    assert ran.stderr.splitlines()[-1].startswith(f"{kind}: ")
    assert "Traceback" not in ran.output
    return json.loads(ran.stdout)["error"] if ran.stdout else {}


def strict(text: str):
    """Parse JSON as the standard has it: Python's own parser takes NaN and Infinity too."""

    def foreign(name: str):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=foreign)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return phantom(tmp_path_factory.mktemp("cli") / "cohort", "brats2018", cases=3)


@pytest.fixture(scope="module")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory):
    """A run folder and what the command said."""
    place = tmp_path_factory.mktemp("train")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDLAB_CACHE", str(place / "cache"))
        options = ("--tier", "laptop", "--sequences", "flair, T1CE", "--seed", 3)
        ran = fedlab(
            "train", "--data", cohort, "--out", place / "run", *options, "--minutes", 0.05, "--json"
        )
    assert ran.exit_code == 0, ran.output
    return place / "run", strict(ran.stdout)


def test_train_leaves_a_run_folder_that_says_what_it_is(trained, cohort: Path) -> None:
    folder, said = trained
    assert {path.name for path in folder.iterdir()} == {MODEL, CURVE, CONFIG, ENVIRONMENT}
    model = load_model(folder)
    assert model.unet.sequences == SEQUENCES
    assert (model.preprocessing.spacing, model.size, model.views) == (2.0, (80, 96), (2, 1))
    config = json.loads((folder / CONFIG).read_text("utf-8"))
    assert (config["tier"], config["settings"]["seed"], config["minutes"]) == ("laptop", 3, 0.05)
    assert (config["data"], config["left_out"]) == (str(cohort), [])
    curve = (folder / CURVE).read_text("utf-8").splitlines()
    assert len(curve) == 1 + said["epochs"]
    assert set(said["validation"]) == {"dice_et", "dice_tc", "dice_wt", "dice"}
    about = json.loads((folder / ENVIRONMENT).read_text("utf-8"))
    assert about["epochs"] == said["epochs"]
    assert about["packages"]["torch"]


def test_a_finished_run_is_not_touched(trained, cohort: Path) -> None:
    folder, _ = trained
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    ran = fedlab("train", "--data", cohort, "--out", folder, "--json")
    assert "finished run" in refused(ran, "DataError")["cause"]
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


@pytest.mark.parametrize("names", ["t1,pd", "", "t1 t2", "t1ce;flair"])
def test_sequences_that_there_are_not(cohort: Path, tmp_path: Path, names: str) -> None:
    out = tmp_path / "run"
    ran = fedlab("train", "--data", cohort, "--out", out, "--sequences", names, "--json")
    error = refused(ran, "ModelError")
    assert repr(names) in error["cause"]
    assert "t1,t1ce,t2,flair" in error["remedy"]
    assert not out.exists()


def test_train_where_nothing_can_be_written(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = [tmp_path / "file", tmp_path / "file" / "run"]
    for out in places:
        refused(fedlab("train", "--data", cohort, "--out", out, "--json"), "DataError")
    assert (tmp_path / "file").read_bytes() == b""
    refused(fedlab("train", "--data", tmp_path / "no", "--out", tmp_path / "r"), "MissingFileError")
    assert not (tmp_path / "r").exists()


def test_ctrl_c_in_training_leaves_a_checkpoint_to_go_on_from(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fedlab_utils.segmentation import training_state

    real, calls = training_state.local_update, []

    def cut(*given, **named):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*given, **named)

    monkeypatch.setattr(training_state, "local_update", cut)
    options = ("--data", cohort, "--out", tmp_path / "run", "--sequences", "flair")
    stopped = fedlab("train", *options, "--minutes", 0.1, "--json")
    assert stopped.exit_code == 130
    assert stopped.stdout == ""
    assert "go on" in stopped.stderr
    assert {path.name for path in (tmp_path / "run").iterdir()} == {CONFIG, "checkpoint.pt"}
    other = fedlab("train", *options, "--minutes", 0.1, "--seed", 1, "--json")
    assert "other settings" in refused(other, "TrainingError")["cause"]
    again = fedlab("train", *options, "--minutes", 0.1, "--json")
    assert again.exit_code == 0, again.output
    assert len(calls) - 1 == strict(again.stdout)["epochs"], "an epoch was trained twice"


ENHANCING = {"brats2018": 4, "brats2021": 4, "brats2023": 3, "msd": 3}


def without_labels(folder: Path) -> None:
    for path in [*folder.rglob("*seg.nii.gz"), *folder.glob("labelsTr/*")]:
        path.unlink()


def test_predict_needs_no_segmentation(trained, tmp_path: Path) -> None:
    folder = phantom(tmp_path / "cohort", "brats2018")
    (files,) = load_cohort(folder)
    truth = nibabel.load(files.label)
    without_labels(folder)
    out = tmp_path / "new" / "seg.nii.gz"
    case = files.label.parent
    ran = fedlab("predict", "--model", trained[0], "--case", case, "--out", out, "--json")
    assert ran.exit_code == 0, ran.output
    assert strict(ran.stdout) == {
        "case": files.case_id,
        "out": str(out),
        "scheme": "brats2017",
    }
    written = nibabel.load(out)
    assert written.shape == truth.shape
    np.testing.assert_allclose(written.affine, truth.affine)
    assert [path.name for path in out.parent.iterdir()] == [out.name]


@pytest.mark.parametrize("layout", list(ENHANCING))
def test_predict_writes_the_grid_affine_and_labels_of_the_cases_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    """A network whose answer holds all labels; a case is named by one of its image files."""
    model = stub(spacing=4.0, size=(64, 64))
    weights = "fedlab_utils.segmentation.weights"
    monkeypatch.setattr(f"{weights}.read_card", lambda path: (path, model))
    monkeypatch.setattr(f"{weights}.load_model", lambda *_, **__: model)
    # its enhancing tumour is specks, which would be left out
    monkeypatch.setattr("fedlab_utils.segmentation.components.drop_small_pieces", lambda r: r)
    folder = phantom(tmp_path / "cohort", layout)
    (files,) = load_cohort(folder)
    truth = nibabel.load(files.label)
    expected = predict_labels(model, load_cohort(folder).load(files.case_id))
    named = files.images if layout == "msd" else files.images["T2"]
    without_labels(folder)
    out = tmp_path / "seg.nii.gz"
    ran = fedlab("predict", "--model", "any", "--case", named, "--out", out, "--no-flip")
    assert ran.exit_code == 0, ran.output
    written = nibabel.load(out)
    assert written.shape == truth.shape
    np.testing.assert_allclose(written.affine, truth.affine)
    values = np.asarray(written.dataobj)
    assert values.dtype == np.uint8
    assert set(np.unique(values)) == {0, 1, 2, ENHANCING[layout]}
    enhancing = expected == conventions.ENHANCING
    np.testing.assert_array_equal(values == ENHANCING[layout], enhancing)
    oedema = 1 if layout == "msd" else 2
    np.testing.assert_array_equal(values == oedema, expected == conventions.OEDEMA)


def test_predict_where_nothing_can_be_written_or_read(
    trained, cohort: Path, tmp_path: Path
) -> None:
    case = load_cohort(cohort).cases[0]
    folder, label = case.label.parent, case.label
    before = label.read_bytes()
    (tmp_path / "file").touch()
    for out in ("seg.png", "seg.nii.GZ", "file/seg.nii.gz", ".", "nii.gz"):
        ran = fedlab(
            *("predict", "--model", trained[0], "--case", folder),
            *("--out", tmp_path / out, "--json"),
        )
        refused(ran, "DataError")
    ran = fedlab("predict", "--model", trained[0], "--case", folder, "--out", label, "--json")
    assert case.case_id in refused(ran, "DataError")["cause"]
    assert label.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    out = tmp_path / "seg.nii.gz"
    for model in (tmp_path, tmp_path / "no.safetensors", tmp_path / "file"):
        refused(fedlab("predict", "--model", model, "--case", folder, "--out", out), "ModelError")
    several = fedlab("predict", "--model", trained[0], "--case", cohort, "--out", out, "--json")
    assert "3 cases" in refused(several, "DataError")["cause"]
    assert not out.exists()


def test_a_sequence_that_the_model_does_not_look_at_is_needed_all_the_same(
    trained, cohort: Path, tmp_path: Path
) -> None:
    """The brain is found from all four; the message says what the model looks at, and why."""
    source = load_cohort(cohort).cases[0].label.parent
    case = tmp_path / source.name
    shutil.copytree(source, case)
    next(case.glob("*_t2.nii.gz")).unlink()
    out = tmp_path / "seg.nii.gz"
    ran = fedlab("predict", "--model", trained[0], "--case", case, "--out", out, "--json")
    cause = refused(ran, "MissingFileError")["cause"]
    assert "T2 missing" in cause
    assert "looks at T1ce, FLAIR alone" in cause
    assert "all four" in cause


def test_evaluate_a_model(trained, cohort: Path, tmp_path: Path) -> None:
    """By its run folder or its file, the same numbers; what predict writes scores the same."""
    options = ("--data", cohort, "--no-flip", "--json")
    ran = fedlab("evaluate", "--model", trained[0] / MODEL, *options)
    assert ran.exit_code == 0, ran.output
    told = strict(ran.stdout)
    ids = [files.case_id for files in load_cohort(cohort)]
    assert [row["case"] for row in told["cases"]] == ids
    for row in told["cases"]:
        for region in MEASURED:
            assert 0 <= row[region]["dice"] <= 1
            assert 0 <= row[region]["hd95"] <= MISSED_MM
    for region in MEASURED:
        for score in ("dice", "hd95"):
            values = [row[region][score] for row in told["cases"]]
            low, high = told["mean"][region][f"{score}_interval"]
            assert told["mean"][region][score] == pytest.approx(np.mean(values))
            assert low <= told["mean"][region][score] <= high
    assert told["problems"] == []
    (tmp_path / "p").mkdir()
    for files in load_cohort(cohort):
        written = tmp_path / "p" / f"{files.case_id}.nii.gz"
        case = files.label.parent
        fedlab("predict", "--model", trained[0], "--case", case, "--out", written, "--no-flip")
    labels = ("--predictions", tmp_path / "p", "--prediction-labels", "brats2018")
    assert strict(fedlab("evaluate", *labels, *options).stdout)["cases"] == told["cases"]


def predictions(cohort: Path, folder: Path, change) -> Path:
    folder.mkdir()
    for files in load_cohort(cohort):
        image = nibabel.load(files.label)
        values = change(np.asarray(image.dataobj).astype(np.uint8))
        out = folder / f"{files.case_id}.nii.gz"
        nibabel.Nifti1Image(values.astype(np.uint8), image.affine).to_filename(out)
    return folder


def evaluate(cohort: Path, folder: Path, scheme: str):
    labels = ("--predictions", folder, "--prediction-labels", scheme)
    return fedlab("evaluate", *labels, "--data", cohort, "--json")


def test_enhancing_tumour_3_is_refused_under_2018_and_scored_under_2023(
    cohort: Path, tmp_path: Path
) -> None:
    folder = predictions(cohort, tmp_path / "p", lambda v: np.where(v == 4, 3, v))
    for scheme in ("brats2018", "brats2017", "brats2021"):
        error = refused(evaluate(cohort, folder, scheme), "ForeignLabelsError")
        assert error["case"].endswith(".nii.gz")
        assert (folder / error["case"]).exists()
        assert "value 3" in error["cause"]
        assert "'brats2023'" in error["remedy"]
    told = strict(evaluate(cohort, folder, "brats2023").stdout)
    assert {told["mean"][region]["dice"] for region in MEASURED} == {1.0}
    assert "brats2023" in refused(evaluate(cohort, folder, "brats99"), "LabelError")["remedy"]


def test_an_empty_prediction_is_counted_and_a_missing_one_is_reported(
    cohort: Path, tmp_path: Path
) -> None:
    folder = predictions(cohort, tmp_path / "p", np.zeros_like)
    first, second, third = (files.case_id for files in load_cohort(cohort))
    (folder / f"{second}.nii.gz").rename(folder / "misnamed.nii.gz")
    ran = evaluate(cohort, folder, "brats2018")
    assert ran.exit_code == 1, "a case without a score must not go unseen in a script"
    told = strict(ran.stdout)
    assert [row["case"] for row in told["cases"]] == [first, third]
    assert told["mean"]["WT"] == {
        "dice": 0.0,
        "dice_interval": [0.0, 0.0],
        "hd95": pytest.approx(MISSED_MM),
        "hd95_interval": [pytest.approx(MISSED_MM)] * 2,
        "hd95_median": pytest.approx(MISSED_MM),
        "missed": 2,
    }
    (problem,) = told["problems"]
    assert problem.startswith(second)
    assert f"not scored: {problem}" in ran.stderr
    assert told["unmatched"] == ["misnamed.nii.gz"]
    assert "unmatched: misnamed.nii.gz belongs to no case" in ran.stderr
    (folder / f"{second}.nii.gz").write_bytes((folder / f"{first}.nii.gz").read_bytes()[:99])
    torn = evaluate(cohort, folder, "brats2018")
    assert torn.exit_code == 1
    assert [row["case"] for row in strict(torn.stdout)["cases"]] == [first, third]
    assert f"not scored: {second}: " in torn.stderr
    shutil.copy(folder / f"{first}.nii.gz", folder / f"{second}.nii.gz")
    whole = evaluate(cohort, folder, "brats2018")
    assert whole.exit_code == 0, "a file too many costs no case its score"
    assert strict(whole.stdout)["unmatched"] == ["misnamed.nii.gz"]
    for path in folder.iterdir():
        path.unlink()
    refused(evaluate(cohort, folder, "brats2018"), "MissingFileError")


def test_a_table_for_people(cohort: Path, tmp_path: Path) -> None:
    folder = predictions(cohort, tmp_path / "p", lambda v: v)
    labels = ("--predictions", folder, "--prediction-labels", "brats2018")
    ran = fedlab("evaluate", *labels, "--data", cohort)
    assert ran.exit_code == 0
    assert "all hd95 mm" in ran.stdout
    assert "1.000 [1.000, 1.000]" in ran.stdout
    assert "means over 3 patients" in ran.stdout


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--model", "a", "--predictions", "b"),
        ("--predictions", "b"),
        ("--model", "a", "--prediction-labels", "msd"),
    ],
)
def test_what_to_score_must_be_said(cohort: Path, options: tuple[str, ...]) -> None:
    error = refused(fedlab("evaluate", "--data", cohort, "--json", *options), "FedLabError")
    assert "--model" in error["remedy"] or "--prediction-labels" in error["remedy"]
    both = {"--model", "--predictions"} <= set(options)
    assert ("two things" in error["cause"]) == both


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_ctrl_c_leaves_nothing(
    cohort: Path, trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fedlab_utils.segmentation.prediction.predict_probabilities", stop)
    case = load_cohort(cohort).cases[0].label.parent
    options = {
        "predict": ("--case", case, "--out", tmp_path / "seg.nii.gz"),
        "evaluate": ("--data", case),
    }[command]
    ran = fedlab(command, "--model", trained[0], *options, "--json")
    assert (ran.exit_code, ran.stdout) == (130, "")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_clear_line(
    cohort: Path, trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("fedlab_utils.data.atomic.sync", full)
    case = load_cohort(cohort).cases[0].label.parent
    out = tmp_path / "seg.nii.gz"
    ran = fedlab("predict", "--model", trained[0], "--case", case, "--out", out, "--json")
    assert "No space left" in refused(ran, "DataError")["cause"]
    assert list(tmp_path.iterdir()) == []


def test_study_lists_runs_and_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fedlab_utils.studies import runner

    cells = ({"seed": 0}, {"seed": 1})
    tiny = runner.Study("tiny", "Is it odd?", cells, lambda s, _: {"odd": s["seed"] % 2}, 0.5)
    monkeypatch.setitem(sys.modules, "tiny_study", SimpleNamespace(STUDY=tiny))
    monkeypatch.setattr(runner, "STUDIES", {"tiny": "tiny_study"})
    monkeypatch.setattr("fedlab_utils.data.places.checkout", lambda: tmp_path)
    listed = fedlab("study")
    assert listed.stdout.split("\t") == ["tiny", "Is it odd?", "about 0.5 h\n"]
    paused = fedlab("study", "tiny", "--hours", 0)
    assert paused.stdout == "0 of 2 cells recorded\n"
    assert "paused" in paused.stderr
    assert not (tmp_path / "data" / "results" / "tiny.json").exists()
    ran = fedlab("study", "tiny")
    assert ran.stdout == "2 of 2 cells recorded\n"
    recorded = json.loads((tmp_path / "data" / "results" / "tiny.json").read_text("utf-8"))
    assert [row["result"]["odd"] for row in recorded["rows"]] == [0, 1]
    assert "tiny" in fedlab("study", "huge").stderr
    refused(fedlab("study", "huge"), "StudyError")
