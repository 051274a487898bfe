"""The training on phantoms: pauses, goes on, keeps patients apart, ships what it says it ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fedlab_utils.errors import StudyError
from fedlab_utils.segmentation import load_model
from fedlab_utils.studies import phantom_patients as making
from fedlab_utils.studies import sim_to_real
from fedlab_utils.studies.runner import OutOfTimeError, Study, Workplace, run_study

TINY = {
    "seed": 0,
    "begin_with": None,
    "cohort_seed": 101,
    "views": [2, 1],
    "size": [32, 32],
    "validate_every": 2,
    "width": 8,
    "epochs": 2,
    "per_patient": 2,
    "batch": 4,
    "learning_rate": 2e-3,
    "anatomies": 2,
    "random_renderings": 2,
    "by_own_scanner": 1,
    "held_back": 1,
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the test's own, coarse phantoms, and a fit in this process."""
    from fedlab_utils import segmentation

    real_make, real_fit = making.phantom_patients, segmentation.fit_unet

    def coarse(folder, indices, draws, seed, _spacing, progress=None):
        return real_make(folder, indices, draws, seed, spacing=8.0, workers=1, progress=progress)

    def here(*given, **named):
        return real_fit(*given, **{**named, "workers": 0})

    monkeypatch.setattr(making, "phantom_patients", coarse)
    monkeypatch.setattr(segmentation, "fit_unet", here)
    monkeypatch.setattr("fedlab_utils.data.places.checkout", lambda: tmp_path)
    return tmp_path


def silent(_: str) -> None:
    pass


def place(root: Path, **more) -> Workplace:
    folder = root / "work"
    folder.mkdir(exist_ok=True)
    return Workplace(folder, silent, **more)


def shipped(root: Path) -> Path:
    return root / "data" / "models" / "phantom_2d.safetensors"


def test_nobody_is_in_two_parts(root: Path) -> None:
    """Patients, not renderings: the contrasts of one anatomy stay on one side."""
    where = place(root)
    train, validation, tests = sim_to_real.phantoms(TINY, where)
    parts = [train, validation, *tests.values()]
    assert [len(part) for part in parts] == [2 * 2 + 1, 2, 1, 1]
    ids = [{patient.patient_id for patient in part} for part in parts]
    assert sum(map(len, ids)) == len(set.union(*ids)) == 2 + 1 + 4
    anatomies = [{p.labels.tobytes() for p in part} for part in parts]
    assert sum(map(len, anatomies)) == len(set.union(*anatomies))


def test_these_are_not_the_patients_of_the_course() -> None:
    from fedlab_utils.data.phantom.embedded import PHANTOM

    assert PHANTOM["seed"] != sim_to_real.SETTINGS["cohort_seed"]


def test_a_pause_goes_on_to_what_one_go_would_have_given(root: Path) -> None:
    study = Study("tiny", "Does it go on?", (TINY,), sim_to_real.measure, 0.1)
    whole = sim_to_real.measure(TINY, place(root))
    weights = load_model(shipped(root)).network.state_dict()
    shipped(root).unlink()

    late = Workplace(root / "work", silent)
    object.__setattr__(late, "pause_if_late", _after(1))
    with pytest.raises(OutOfTimeError):
        sim_to_real.measure(TINY, late)
    assert (root / "work" / "checkpoint.pt").exists()
    assert not shipped(root).exists()

    said: list[str] = []
    again = sim_to_real.measure(TINY, Workplace(root / "work", said.append))
    epochs = [json.loads(line)["epoch"] for line in said if line.startswith("{")]
    assert epochs == [2], "the first epoch was trained again"
    assert not (root / "work" / "checkpoint.pt").exists()
    for name, value in load_model(shipped(root)).network.state_dict().items():
        assert torch.equal(value, weights[name]), name
    for one, other in zip(whole["curve"], again["curve"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert (again["best_epoch"], again["dice_random"]) == (
        whole["best_epoch"],
        whole["dice_random"],
    )

    rows = run_study(study, results=root / "results", work=root / "studies", say=silent)
    assert json.loads(json.dumps(rows[0]["result"])) == rows[0]["result"]


def _after(epochs: int):
    """Return a ``pause_if_late`` that is late after so many epochs."""
    calls: list[int] = []

    def pause() -> None:
        calls.append(1)
        if len(calls) >= epochs:
            raise OutOfTimeError

    return pause


def test_what_is_shipped_says_that_it_saw_phantoms_only(root: Path) -> None:
    result = sim_to_real.measure(TINY, place(root))
    model = load_model(shipped(root))
    told = json.loads(shipped(root).with_suffix(".json").read_text("utf-8"))
    for about in (model.provenance, told):
        assert about["data"] == "phantoms only"
        assert about["settings"] == TINY
        assert about["best_epoch"] == result["best_epoch"]
        assert {"command", "commit", "device", "packages", "training_seconds"} <= set(about)
    assert told["phantom_test"]["dice_random"] == result["dice_random"]
    assert "phantom_test" not in model.provenance
    assert model.unet.width == TINY["width"]
    for scores in (result["dice_random"], result["dice_own_scanner"]):
        assert set(scores) == {"ET", "TC", "WT"}
        assert all(0 <= value <= 1 for value in scores.values())


def test_volumes_are_refused_before_the_work_where_there_is_no_gpu(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(StudyError, match="CUDA GPU"):
        sim_to_real.measure(sim_to_real.SETTINGS_3D, place(root))
    assert list((root / "work").iterdir()) == []
    assert not shipped(root).exists()


def test_the_study_of_the_list_is_this_one() -> None:
    (cell,) = sim_to_real.STUDY.cells
    assert set(cell) == set(TINY)
    assert sim_to_real.STUDY.measure is sim_to_real.measure


def test_the_first_stage_comes_out_of_git_by_its_content(root: Path) -> None:
    """What trained on is what the history holds, whatever lies in data/models by now."""
    import subprocess

    sim_to_real.measure(TINY, place(root))
    file = shipped(root)
    subprocess.run(["git", "init", "-q", root], check=True)
    written = ["git", "-C", root, "hash-object", "-w", file]
    blob = subprocess.run(written, check=True, capture_output=True, text=True).stdout.strip()
    expected = load_model(file).network.state_dict()
    file.unlink()
    found = sim_to_real._first_stage(blob, root / "work").network.state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    with pytest.raises(StudyError, match="whole history"):
        sim_to_real._first_stage("0" * 40, root / "work")


def test_the_recorded_first_stage_is_in_the_history() -> None:
    import subprocess

    from tests.conftest import REPOSITORY

    blob = sim_to_real.SETTINGS["begin_with"]
    kind = ["git", "-C", REPOSITORY, "cat-file", "-t", blob]
    found = subprocess.run(kind, check=False, capture_output=True, text=True)
    if found.returncode and not (REPOSITORY / ".git").exists():
        pytest.skip("this copy has no git history")
    shallow = ["git", "-C", REPOSITORY, "rev-parse", "--is-shallow-repository"]
    answer = subprocess.run(shallow, check=False, capture_output=True, text=True)
    if answer.stdout.strip() == "true":
        pytest.skip("this clone is shallow")
    assert found.stdout.strip() == "blob"
