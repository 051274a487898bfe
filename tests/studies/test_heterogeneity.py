"""The comparison over hospitals: what its cells are, and that methods are compared fairly."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.federated.comparison import trials_of
from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.heterogeneity import METHODS, STUDY, federation_settings, setting_of
from fedlab_utils.studies.runner import Workplace, read_rows


def test_every_method_tries_as_many_settings_on_the_first_seed_and_none_after_it() -> None:
    assert len({len(settings) for settings in METHODS.values()}) == 1
    counted = Counter((c["kind"], c["method"], c["seed"]) for c in STUDY.cells)
    assert {(seed, n) for (_, _, seed), n in counted.items()} == {(0, 3)} | {
        (seed, 1) for seed in range(1, 5)
    }
    assert len(counted) == 4 * 8 * 5
    assert len({json.dumps(c, sort_keys=True) for c in STUDY.cells}) == len(STUDY.cells)


def _tried(cell: dict, validation: float) -> dict:
    return {"settings": cell, "result": {"validation": validation}}


def test_later_seeds_take_what_validated_best_on_the_first() -> None:
    three = [c for c in STUDY.cells if (c["kind"], c["method"], c["seed"]) == ("iid", "fedprox", 0)]
    [later] = [
        c for c in STUDY.cells if (c["kind"], c["method"], c["seed"]) == ("iid", "fedprox", 3)
    ]
    rows = [_tried(cell, score) for cell, score in zip(three, (0.3, 0.5, 0.4), strict=True)]
    elsewhere = [_tried(three[0] | {"kind": "volume"}, 0.9), _tried(three[0] | {"seed": 1}, 0.9)]
    other = [_tried(three[0] | {"method": "fedadam"}, 0.9)]
    assert setting_of(later, rows + elsewhere + other) == {"learning_rate": 0.01, "mu": 0.01}
    assert setting_of(three[2], rows) == {"learning_rate": 0.01, "mu": 0.1}
    with pytest.raises(StudyError, match="not tried on the first seed"):
        setting_of(later, elsewhere)


def test_all_trainings_see_as_many_slices() -> None:
    """Pooled training takes the steps of four hospitals; each alone takes its own."""
    for cell in STUDY.cells[:24]:
        how = federation_settings(cell)
        times = heterogeneity.HOSPITALS if cell["method"] == "pooled" else 1
        assert how.rounds * how.local_steps == 120 * 8 * times
        assert how.optimiser == ("sgd" if cell["method"] in ("scaffold", "fedavg_sgd") else "adamw")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Room for a study of 24 phantoms at 8 mm and one short round."""
    folder = tmp_path_factory.mktemp("study")
    small = {"PATIENTS": 24, "SPACING": 8.0, "ROUNDS": 2, "LOCAL_STEPS": 1, "LOOK": 1, "TUNE": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDLAB_CACHE", str(folder / "cache"))
        for name, value in small.items():
            patch.setattr(heterogeneity, name, value)
        yield Workplace(folder, say=lambda _: None)


@pytest.mark.parametrize("method", METHODS)
def test_a_cell_scores_each_hospitals_test_patients(method: str, place: Workplace) -> None:
    cell = next(c for c in STUDY.cells if c["method"] == method)
    found = STUDY.measure(cell, place)
    json.dumps(found)
    task = heterogeneity.open_hospitals(cell, place)
    sizes = {m.name: len(m.hospital.split.test) for m in task.members}
    assert {name: len(scores) for name, scores in found["scores"].items()} == sizes
    assert [number for number, _ in found["curve"]] == [1, 2]
    assert found["best_round"] in (1, 2)
    mean = np.average([np.mean(v) for v in found["scores"].values()], weights=list(sizes.values()))
    assert np.mean(list(found["regions"].values())) == pytest.approx(mean, abs=2e-4)
    assert ("tuned" in found) == (method not in ("pooled", "local"))
    assert trials_of([{"settings": cell, "result": found}])[0]["method"] == method


def test_what_is_recorded_belongs_to_the_study() -> None:
    for row in read_rows("heterogeneity", Path(heterogeneity.__file__).parents[2] / "data/results"):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]
