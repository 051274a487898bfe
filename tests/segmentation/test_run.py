"""A run folder: complete, resumable, never overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch

from fedlab_utils.data import load_cohort
from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import DataError, FedLabError, ModelError, TrainingError
from fedlab_utils.segmentation.run import parse_sequences, train_cohort
from fedlab_utils.segmentation.weights import load_model
from tests.segmentation.test_fit import state

TIER = Tier("test", spacing=8.0, spatial_dims=2, size=(32, 32))


def test_a_run_keeps_everything_about_itself(phantom_dir: Path, tmp_path: Path) -> None:
    cohort, out = load_cohort(phantom_dir), tmp_path / "run"
    rows: list[dict] = []
    fit = train_cohort(
        cohort,
        out,
        TIER,
        ("T1ce", "FLAIR"),
        seed=2,
        epochs=2,
        on_epoch=lambda row, _: rows.append(row),
        command="x y",
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "curve.csv",
        "environment.json",
        "model.safetensors",
    ]
    model = load_model(out)
    assert model.unet.sequences == ("T1ce", "FLAIR")
    assert model.preprocessing.spacing == 8.0
    assert (model.provenance["seed"], model.provenance["epochs"]) == (2, 2)
    config = json.loads((out / "config.json").read_text())
    assert config["command"] == "x y"
    assert set(config["train"]) | set(config["validation"]) == {c.case_id for c in cohort}
    assert not set(config["train"]) & set(config["validation"])
    with (out / "curve.csv").open(newline="") as file:
        curve = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in curve] == [row["loss"] for row in rows]
    about = json.loads((out / "environment.json").read_text())
    assert about["best_epoch"] == fit.best_epoch
    assert about["packages"]["torch"]
    with pytest.raises(DataError, match="finished run"):
        train_cohort(cohort, out, TIER, epochs=1)


def test_a_bad_case_is_left_out(tmp_path: Path) -> None:
    from fedlab_utils.data.phantom import write_cohort

    folder = write_cohort(tmp_path / "c", cases=4, seed=1, spacing=8.0, workers=1)
    broken = sorted(folder.rglob("*_t1.nii.gz"))[0]
    broken.write_bytes(broken.read_bytes()[:2000])
    absent = sorted(folder.rglob("*_t2.nii.gz"))[1]
    absent.unlink()
    told: list[DataError] = []
    run = tmp_path / "run"
    train_cohort(load_cohort(folder), run, TIER, epochs=1, on_left_out=told.append)
    config = json.loads((run / "config.json").read_text())
    used = config["train"] + config["validation"]
    assert len(used) == 2
    left_out = {path.parent.name for path in (broken, absent)}
    assert not left_out & set(used)
    assert {problem.case for problem in told} == left_out
    assert config["left_out"] == [str(problem) for problem in told]


def test_too_few_patients(tmp_path: Path) -> None:
    from fedlab_utils.data.phantom import write_cohort

    folder = write_cohort(tmp_path / "c", cases=1, seed=1, spacing=8.0, workers=1)
    with pytest.raises(DataError, match="1 of 1 cases can be used: too few"):
        train_cohort(load_cohort(folder), tmp_path / "run", TIER, epochs=1)
    next(folder.rglob("*_t1.nii.gz")).write_bytes(b"")
    with pytest.raises(DataError, match="0 of 1 cases can be used: too few"):
        train_cohort(load_cohort(folder), tmp_path / "run", TIER, epochs=1)
    assert not (tmp_path / "run").exists()


def test_a_run_that_was_cut_off_goes_on_as_it_began_or_not_at_all(
    phantom_dir: Path, tmp_path: Path
) -> None:
    cohort, out = load_cohort(phantom_dir), tmp_path / "run"

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_cohort(cohort, out, TIER, epochs=2, on_epoch=cut)
    begun = (out / "config.json").read_bytes()
    fewer = cohort.subset([files.case_id for files in cohort][:-1])
    with pytest.raises(TrainingError, match=r"other (train|validation)"):
        train_cohort(fewer, out, TIER, epochs=2)
    with pytest.raises(TrainingError, match="other settings"):
        train_cohort(cohort, out, TIER, ("FLAIR",), epochs=2)
    assert (out / "config.json").read_bytes() == begun
    rows: list[dict] = []
    train_cohort(cohort, out, TIER, epochs=2, on_epoch=lambda row, _: rows.append(row))
    assert [row["epoch"] for row in rows] == [2]
    assert not (out / "checkpoint.pt").exists()
    about = json.loads((out / "environment.json").read_text("utf-8"))
    assert about["training_seconds"] == rows[-1]["seconds"], "both pieces, not the last alone"


def test_minutes_count_what_it_takes_to_read_the_patients(
    phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading takes 90 s by a clock of the test's own: of three minutes, 1.5 are left."""
    import fedlab_utils.segmentation.run as module

    now, left = [1000.0], []

    def slowly(*given, read=module._patients):
        now[0] += 90
        return read(*given)

    def fit(*given, minutes: float, train=module.fit_unet, **more):
        left.append(minutes)
        return train(*given, minutes=0.01, **more)

    monkeypatch.setattr(module.time, "time", lambda: now[0])
    monkeypatch.setattr(module, "_patients", slowly)
    monkeypatch.setattr(module, "fit_unet", fit)
    train_cohort(load_cohort(phantom_dir), tmp_path / "run", TIER, minutes=3)
    assert left == [pytest.approx(1.5)]
    assert json.loads((tmp_path / "run" / "config.json").read_text())["minutes"] == 3


def test_a_run_that_is_killed_before_its_model_is_saved_is_not_lost(
    phantom_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort, out = load_cohort(phantom_dir), tmp_path / "run"
    whole = train_cohort(cohort, tmp_path / "whole", TIER, epochs=2)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("fedlab_utils.segmentation.run.save_model", killed)
        with pytest.raises(KeyboardInterrupt):
            train_cohort(cohort, out, TIER, epochs=2)
    assert (out / "checkpoint.pt").exists()
    rows: list[dict] = []
    again = train_cohort(cohort, out, TIER, epochs=2, on_epoch=lambda row, _: rows.append(row))
    assert rows == [], "no epoch is trained again"
    assert torch.equal(state(again), state(whole))
    assert again.best_epoch == whole.best_epoch
    assert [row["loss"] for row in again.curve] == [row["loss"] for row in whole.curve]
    assert (out / "model.safetensors").exists()
    assert not (out / "checkpoint.pt").exists()


@pytest.mark.parametrize("name", ["config.json", "curve.csv", "environment.json"])
@pytest.mark.parametrize("text", ['{"mine": 1}', "[]", "a,b"])
def test_a_file_of_somebody_elses_is_not_replaced(
    phantom_dir: Path, tmp_path: Path, name: str, text: str
) -> None:
    (mine := tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FedLabError, match=r"no run's|cannot be read"):
        train_cohort(load_cohort(phantom_dir), tmp_path, TIER, epochs=1)
    assert mine.read_text("utf-8") == text
    assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.parametrize(
    ("wrong", "said"), [({"minutes": float("inf")}, "minutes"), ({"seed": 2**64}, "seed")]
)
def test_what_is_no_time_or_seed_is_refused_before_the_folder_is_made(
    phantom_dir: Path, tmp_path: Path, wrong: dict, said: str
) -> None:
    with pytest.raises(TrainingError, match=f"{said}: it is"):
        train_cohort(load_cohort(phantom_dir), tmp_path / "run", TIER, **wrong)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be(phantom_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DataError, match="no folder"):
            train_cohort(load_cohort(phantom_dir), out, TIER, epochs=1)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("flair", ("FLAIR",)),
        ("FLAIR , t1ce,", ("T1ce", "FLAIR")),
        ("t2,t1,t1", ("T1", "T2")),
    ],
)
def test_sequences_in_any_order_and_case(text: str, meant: tuple[str, ...]) -> None:
    assert parse_sequences(text) == meant


@pytest.mark.parametrize("text", ["", ",", "t1gd", "t1 flair"])
def test_sequences_that_there_are_not(text: str) -> None:
    with pytest.raises(ModelError, match="t1,t1ce,t2,flair"):
        parse_sequences(text)
