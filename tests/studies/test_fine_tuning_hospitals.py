"""Who the patients of the private fine-tuning are, and with what network hospitals begin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedlab_utils.data.phantom.plan import draw_plan
from fedlab_utils.segmentation.fine_tuning import WAYS
from fedlab_utils.studies import fine_tuning_hospitals as study
from tests.studies.few_hospitals import few_and_coarse


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients are made once."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few and coarse patients, and nothing remembered."""
    few_and_coarse(monkeypatch)
    study.open_hospitals.cache_clear()
    yield
    study.open_hospitals.cache_clear()


def test_public_and_hospital_patients_are_of_other_grades_and_nobody_is_twice(folder: Path) -> None:
    public, hospitals = study.patients_of(folder, 3)
    everyone = [p.patient_id for p in public]
    for hospital in hospitals:
        assert (len(hospital.train), len(hospital.test)) == (4, 2)
        mine = [p.patient_id for p in (*hospital.train, *hospital.test)]
        assert sorted(hospital.hospital.patients) == sorted(mine)
        everyone += mine
    assert len(set(everyone)) == len(everyone)
    grades = [draw_plan(int(name[-5:]), study.COHORT_SEED + 3).grade for name in everyone]
    assert grades == ["HGG"] * 3 + ["LGG"] * 12


def test_the_public_network_is_the_start_of_every_way(folder: Path) -> None:
    start, members = study.open_hospitals(str(folder), 3)
    found = []
    for way in WAYS:
        task = study.make_task(members, start, way, 3)
        network = task.network()
        network.load_state_dict(task.initial())
        found.append(task.evaluate(network, 0, "test"))
    assert found[0] == found[1] == found[2]
    study.open_hospitals.cache_clear()
    again, _ = study.open_hospitals(str(folder), 3)  # read from the folder this time
    assert all((again[name] == start[name]).all() for name in start)
    untrained = study.proxy_network(seed=3).state_dict()
    assert any((start[name] != untrained[name]).any() for name in start)
