"""Networks by budget: made on few patients, kept small, and read again as they were."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.errors import StudyError
from fedlab_utils.studies import fine_tuning_hospitals as hospitals
from fedlab_utils.studies import private_fine_tuning as budgets
from fedlab_utils.studies import private_models as study
from fedlab_utils.studies.private_models import STUDY, first_test_patients, private_models
from fedlab_utils.studies.runner import Workplace, read_rows
from tests.studies.few_hospitals import few_and_coarse


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """Few and coarse patients, one budget, and weights that go to a folder of the test's own."""
    few_and_coarse(monkeypatch)
    monkeypatch.setattr(budgets, "STEPS", 2)
    monkeypatch.setattr(budgets, "PLAIN", (1, 2))
    monkeypatch.setattr(budgets, "EPSILONS", (8,))
    monkeypatch.setattr(budgets, "setting_of", lambda *_: {"learning_rate": 0.01})
    monkeypatch.setattr(study, "models_file", lambda: tmp_path / "private" / "some.safetensors")
    hospitals.open_hospitals.cache_clear()
    yield Workplace(tmp_path, say=lambda _: None)
    hospitals.open_hospitals.cache_clear()


def test_what_was_trained_is_what_is_read(place: Workplace) -> None:
    with pytest.raises(StudyError, match="not there"):
        private_models()
    dice = STUDY.measure({}, place)
    models = private_models()
    assert list(models) == ["public", "8", "0"]
    _, members = hospitals.open_hospitals(str(place.folder), study.SEED)
    for name, network in models.items():
        task = hospitals.make_task(members, {}, "all", study.SEED)
        if name != "public":
            weights = network.state_dict()
            task = hospitals.make_task(members, weights, "all", study.SEED)
            again = budgets.mean_of(budgets.judge(task, weights)["scores"])
            assert again == pytest.approx(dice[name], abs=1e-4)
    body = [name for name, p in models["8"].named_parameters() if not p.requires_grad]
    for name in body:
        assert torch.equal(models["8"].state_dict()[name], models["public"].state_dict()[name])
    about = json.loads(study.models_file().with_suffix(".json").read_text())
    assert about["dice"] == dice
    assert about["commit"]


def test_a_file_that_is_not_theirs_is_refused(place: Workplace) -> None:
    file = study.models_file()
    file.parent.mkdir()
    file.write_bytes(b"no weights")
    with pytest.raises(StudyError, match="do not fit"):
        private_models()
    assert place.folder.exists()


def test_the_patients_looked_at_are_those_reported_on(place: Workplace) -> None:
    _, members = hospitals.patients_of(place.folder, 0)
    shown = first_test_patients(0)
    assert list(shown) == [member.name for member in members]
    for member in members:
        one = shown[member.name]
        assert one.patient_id == member.test[0].patient_id
        np.testing.assert_array_equal(one.labels, member.test[0].labels)
        np.testing.assert_allclose(one.image, member.test[0].image, atol=4e-3)


def test_the_shipped_networks_score_what_is_recorded_of_them() -> None:
    recorded = {
        str(row["settings"]["epsilon"]): budgets.mean_of(row["result"]["scores"])
        for row in read_rows("private_fine_tuning")
        if row["settings"]["way"] == study.WAY and row["settings"]["seed"] == study.SEED
    }
    if not study.models_file().exists():
        pytest.skip("no networks are shipped yet; fedlab study private_models makes them")
    about = json.loads(study.models_file().with_suffix(".json").read_text())
    assert set(about["dice"]) == set(recorded)
    for epsilon, dice in about["dice"].items():
        assert dice == pytest.approx(recorded[epsilon], abs=2e-3)
    assert study.models_file().stat().st_size < 400_000
