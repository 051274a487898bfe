"""The gallery can be made again from any weights, and scored by the command line's own means."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import PreprocessSettings, load_case, load_cohort
from fedlab_utils.errors import StudyError
from fedlab_utils.segmentation import (
    UNetSettings,
    evaluate_predictions,
    load_model,
    make_unet,
    predict_labels,
    save_model,
)
from fedlab_utils.segmentation.evaluation import read_prediction
from fedlab_utils.segmentation.weights import TrainedModel
from fedlab_utils.studies import gallery
from fedlab_utils.studies.runner import Workplace

TINY = {"patients": 2, "seed": 5, "spacing": 6.0, "flip": False}


def _data_folder(root: Path, patch: pytest.MonkeyPatch) -> Workplace:
    """Make ``root`` the data folder, with the weights of one untrained network, and no GPU.

    With one, the study would first train the network of full-resolution volumes.
    """
    patch.setattr("fedlab_utils.segmentation.best_device", lambda: "cpu")
    patch.setattr("fedlab_utils.studies.record.data_folder", lambda: root)
    unet = UNetSettings(width=8)
    model = TrainedModel(make_unet(unet), unet, PreprocessSettings(spacing=6.0), (32, 32))
    told = {"device": "a CPU", "commit": "abc", "training_seconds": 90.0}
    save_model(replace(model, provenance=told), root / "models" / "toy.safetensors")
    return Workplace(root / "work", say=lambda _: None)


@pytest.fixture(scope="session")
def first_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A data folder with a gallery in it, and what making it returned. Read only."""
    root = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        return root, gallery.measure(TINY, _data_folder(root, patch))


@pytest.fixture
def made(
    first_made: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Workplace, dict]:
    """A copy of it as the data folder."""
    root = Path(shutil.copytree(first_made[0], tmp_path / "data"))
    return _data_folder(root, monkeypatch), first_made[1]


def test_predictions_are_those_of_the_network_and_scored_by_evaluate(
    made: tuple[Workplace, dict],
) -> None:
    _, result = made
    folder = gallery.gallery_folder()
    cohort = load_cohort(folder / "patients")
    assert len(cohort) == 2
    model = load_model(gallery.shipped_models()["toy"])
    for files in cohort:
        case = load_case(files)
        stored = read_prediction(
            folder / "predictions" / "toy" / f"{files.case_id}.nii.gz", "brats2018", case
        )
        np.testing.assert_array_equal(stored, predict_labels(model, case))
    scores = evaluate_predictions(folder / "predictions" / "toy", "brats2018", cohort).as_json()
    assert result["toy"]["mean"] == scores["mean"]
    assert result["toy"]["provenance"]["commit"] == "abc"
    assert json.loads((folder / "gallery.json").read_text())["models"] == result


def test_made_again_it_replaces_the_old_one(made: tuple[Workplace, dict]) -> None:
    stray = gallery.gallery_folder() / "stray.txt"
    stray.write_text("left over")
    gallery.measure(TINY, made[0])
    assert not stray.exists()


def test_without_weights_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = _data_folder(tmp_path, monkeypatch)
    gallery.shipped_models()["toy"].unlink()
    with pytest.raises(StudyError, match="sim_to_real"):
        gallery.measure(TINY, place)
    assert not gallery.gallery_folder().exists()


def test_the_machine_s_best_device_predicts_and_is_first_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU, as far as this machine can play one: volumes at 1 mm take minutes without."""
    place, asked, trained = _data_folder(tmp_path, monkeypatch), [], []

    def load(path: Path, device: str = "cpu") -> TrainedModel:
        asked.append(device)
        return load_model(path)

    monkeypatch.setattr("fedlab_utils.segmentation.best_device", lambda: "cuda")
    monkeypatch.setattr("fedlab_utils.segmentation.load_model", load)
    monkeypatch.setattr(gallery, "run_study", lambda study, **_: trained.append(study.name))
    gallery.measure(TINY, place)
    assert (asked, trained) == (["cuda"], ["sim_to_real_3d"])
