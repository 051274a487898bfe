"""Private fine-tuning: what its cells are, who its patients are, and one of each kind on few."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.privacy import epsilon_of
from fedlab_utils.studies import fine_tuning_hospitals as hospitals
from fedlab_utils.studies import private_fine_tuning as study
from fedlab_utils.studies.private_fine_tuning import STUDY, UNTOUCHED, setting_of
from fedlab_utils.studies.runner import Workplace, read_rows
from tests.studies.few_hospitals import few_and_coarse


def test_every_way_tries_as_many_settings_and_has_every_budget_and_seed() -> None:
    assert len({json.dumps(c, sort_keys=True) for c in STUDY.cells}) == len(STUDY.cells)
    tried = [c for c in STUDY.cells if c["seed"] in study.TUNING]
    told = [c for c in STUDY.cells if c["seed"] not in study.TUNING]
    assert set(Counter((c["way"], c["epsilon"]) for c in tried).values()) == {6}
    assert set(Counter((c["way"], c["epsilon"]) for c in told).values()) == {5}
    assert {c["epsilon"] for c in told} == set(study.TRIED_AT)
    assert {study.TRIED_AT[c["epsilon"]] for c in told} == {c["epsilon"] for c in tried}


def _tried(way: str, epsilon: int, seed: int, rate: float, score: float) -> dict:
    settings = {"way": way, "epsilon": epsilon, "seed": seed, "learning_rate": rate}
    return {"settings": settings, "result": {"scores": {"A": [score, score], "B": [score]}}}


def test_reported_seeds_take_the_rate_that_scored_best_at_the_budget_s_own_trial() -> None:
    of = study.RATES["private"]
    rows = [
        _tried("all", 2, seed, rate, score)
        for seed, scores in ((98, (0.2, 0.5, 0.4)), (99, (0.3, 0.3, 0.5)))
        for rate, score in zip(of, scores, strict=True)
    ]
    other = [_tried("all", 8, 98, of[0], 0.9), _tried("low_rank", 2, 98, of[0], 0.9)]
    cell = {"way": "all", "epsilon": 4, "seed": 1}
    assert setting_of(cell, rows + other) == {"learning_rate": of[2]}
    with pytest.raises(StudyError, match="not tried"):
        setting_of(cell, rows[:-1] + other)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients are made once."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture
def few(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """Few and coarse patients, two hospitals, four steps."""
    few_and_coarse(monkeypatch)
    monkeypatch.setattr(study, "STEPS", 4)
    monkeypatch.setattr(study, "PLAIN", (1, 2))
    hospitals.open_hospitals.cache_clear()
    yield Workplace(folder, say=lambda _: None)
    hospitals.open_hospitals.cache_clear()


@pytest.mark.parametrize("way", [UNTOUCHED, *study.WAYS])
def test_a_cell_is_trained_and_told(few: Workplace, way: str) -> None:
    private = way in ("low_rank", "norm_and_head")
    cell = {"way": way, "epsilon": 8 * private, "seed": 98, "learning_rate": 0.01}
    found = STUDY.measure(cell, few)
    json.dumps(found, allow_nan=False)
    assert {name: len(v) for name, v in found["scores"].items()} == dict.fromkeys(
        hospitals.SCANNERS, 2
    )
    assert 0 <= found["membership"] <= 1
    if private:
        steps = [(found["noise"], study.PATIENT_RATE, 4)]
        assert found["spent"] == pytest.approx(epsilon_of(steps, study.DELTA), abs=0.01)
        assert 7 < found["spent"] <= 8
    elif way != UNTOUCHED:
        assert found["spent"] == found["noise"] == 0


def test_what_is_recorded_belongs_to_the_study() -> None:
    results = Path(study.__file__).parents[2] / "data/results"
    for row in read_rows("private_fine_tuning", results):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]
