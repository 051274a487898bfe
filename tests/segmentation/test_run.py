"""A run folder: complete, resumable, never overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from fedlab_utils.data import load_cohort
from fedlab_utils.data.tiers import Tier
from fedlab_utils.errors import DataError
from fedlab_utils.segmentation.run import train_cohort
from fedlab_utils.segmentation.weights import load_model

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
    train_cohort(load_cohort(folder), tmp_path / "run", TIER, epochs=1)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    used = config["train"] + config["validation"]
    assert len(used) == 3
    assert broken.name.removesuffix("_t1.nii.gz") not in used


def test_too_few_patients(tmp_path: Path) -> None:
    from fedlab_utils.data.phantom import write_cohort

    folder = write_cohort(tmp_path / "c", cases=1, seed=1, spacing=8.0, workers=1)
    with pytest.raises(DataError, match="too few"):
        train_cohort(load_cohort(folder), tmp_path / "run", TIER, epochs=1)
