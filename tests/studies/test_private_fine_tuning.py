"""Private fine-tuning: what its cells are, who its patients are, and one of each kind on few."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.federated.private_utility import dice_at, kept_of_gain
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


def test_what_lesson_09_says_is_recorded() -> None:
    rows = read_rows("private_fine_tuning", Path(study.__file__).parents[2] / "data/results")
    untouched = dice_at(rows, UNTOUCHED).mean
    assert round(untouched, 2) == 0.46
    plain = [round(dice_at(rows, way).mean, 2) for way in study.WAYS]
    assert plain == [0.73, 0.72, 0.72]
    assert dice_at(rows, "all").mean - untouched >= 0.10  # what was asked for, before any budget
    kept = {(w, e): kept_of_gain(rows, w, e) for w in study.WAYS for e in study.EPSILONS}
    assert [round(kept["all", e].mean, 2) for e in (8, 2)] == [0.81, 0.47]
    few = kept["norm_and_head", 8], kept["norm_and_head", 2]
    assert [tuple(round(x, 2) for x in (k.mean, k.low, k.high)) for k in few] == [
        (0.92, 0.90, 0.94),
        (0.78, 0.75, 0.82),
    ]
    assert kept["all", 1].low < 0 < kept["all", 1].high
    assert kept["norm_and_head", 1].mean == pytest.approx(0.5, abs=0.03)

    def region(way: str, epsilon: int, name: str) -> float:
        told = [
            row["result"]["regions"][name]
            for row in rows
            if row["settings"]["way"] == way
            and row["settings"]["epsilon"] == epsilon
            and row["settings"]["seed"] in study.SEEDS
        ]
        return round(sum(told) / len(told), 2)

    due = {"et": (0.31, 0.69), "tc": (0.29, 0.67)}
    for name, pair in due.items():
        found = region(UNTOUCHED, 0, name), region("norm_and_head", 0, name)
        assert found == pytest.approx(pair, abs=0.011), name
    assert (region(UNTOUCHED, 0, "wt"), region("all", 8, "wt")) == pytest.approx(
        (0.79, 0.73), abs=0.011
    )
    private = [row for row in rows if row["settings"]["epsilon"] and "noise" in row["result"]]
    reported = [row for row in private if row["settings"]["seed"] in study.SEEDS]
    assert {row["result"]["setting"]["learning_rate"] for row in reported} == {0.1}
