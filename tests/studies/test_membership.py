"""The study of membership: who is dealt where, that trainings see nobody else, and the record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import workers
from fedlab_utils.privacy.membership import MANY
from fedlab_utils.privacy.shadows import (
    ATTACKS,
    FEWEST,
    area_over,
    attack_recorded,
    leak_of,
    unpack,
)
from fedlab_utils.studies import membership
from fedlab_utils.studies.membership import KINDS, POOL, RESERVE, STUDY, Recipe, members_of
from fedlab_utils.studies.runner import Workplace, read_rows
from fedlab_utils.studies.tumour_slices import Slices

RECORD = Path(membership.__file__).parents[2] / "data/results"


def _cells(kind: str, role: str) -> list[dict]:
    return [c for c in STUDY.cells if (c["kind"], c["role"]) == (kind, role)]


@pytest.mark.parametrize("kind", KINDS)
def test_all_patients_have_as_many_shadows_that_know_them(kind: str) -> None:
    shadows = _cells(kind, "shadow")
    known = Counter(int(p) for cell in shadows for p in members_of(cell))
    assert set(known) == set(range(POOL))
    assert set(known.values()) == {KINDS[kind].deals}
    assert KINDS[kind].deals >= FEWEST
    assert len(shadows) - KINDS[kind].deals >= MANY  # so that each has a scale of its own
    assert len({json.dumps(c, sort_keys=True) for c in STUDY.cells}) == len(STUDY.cells)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_a_member_of_two_targets_and_each_target_has_a_thousand_others(kind: str) -> None:
    parts = [set(members_of(cell).tolist()) for cell in _cells(kind, "target")]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert {len(part) for part in parts} == {KINDS[kind].patients}
    assert POOL - KINDS[kind].patients >= 1000
    shadows = [set(members_of(cell).tolist()) for cell in _cells(kind, "shadow")]
    assert not any(part == shadow for part in parts for shadow in shadows)


def test_controls_stand_for_targets_and_have_a_reserve_to_train_on() -> None:
    controls = [members_of(cell).tolist() for cell in _cells("overfitted", "control")]
    assert controls == [members_of(cell).tolist() for cell in _cells("overfitted", "target")]
    assert KINDS["overfitted"].patients <= RESERVE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms are made once."""
    return tmp_path_factory.mktemp("membership")


@pytest.fixture
def place(folder: Path) -> Iterator[Workplace]:
    """Room for a study of 16 phantoms at 8 mm."""
    small = {
        "POOL": 8,
        "VALIDATION": 3,
        "RESERVE": 5,
        "SPACING": 8.0,
        "SIZE": (24, 24),
        "BATCH": 2,
        "KINDS": {"overfitted": Recipe(4, 40, 2, 2), "healthy": Recipe(4, 6, 2, 1, look=2)},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small.items():
            patch.setattr(membership, name, value)
        patch.setattr(workers, "available_cores", lambda: 1)
        yield Workplace(folder, say=lambda _: None)


def _cell(kind: str, role: str, deal: int = 0, part: int = 0) -> dict:
    return {"kind": kind, "role": role, "deal": deal, "part": part}


def test_a_whole_small_study_can_be_attacked(place: Workplace) -> None:
    cells = membership.cells()  # the small study's
    rows = [{"settings": cell, "result": membership.measure(cell, place)} for cell in cells]
    json.dumps(rows, allow_nan=False)
    found = attack_recorded(rows)
    assert {k: len(v) for k, v in found.items()} == {"overfitted": 2, "control": 2, "healthy": 1}
    for row in rows:
        logs, result = unpack(row["result"]["log_loss"]), row["result"]
        known = np.isin(np.arange(8), result["members"])
        assert result["loss"]["members"] == pytest.approx(np.exp(logs[known]).mean(), abs=1e-3)
        assert result["loss"]["others"] == pytest.approx(np.exp(logs[~known]).mean(), abs=1e-3)
        if row["settings"]["kind"] == "overfitted" and row["settings"]["role"] != "control":
            assert result["loss"]["members"] < result["loss"]["others"]


def test_the_same_cell_gives_the_same_numbers_and_other_networks_others(place: Workplace) -> None:
    told = [
        membership.measure(_cell("overfitted", role, deal), place)["log_loss"]
        for role, deal in (("target", 0), ("target", 0), ("control", 0), ("shadow", 1))
    ]
    assert told[0] == told[1]
    assert len(set(told)) == 3


def test_targets_see_their_part_alone_and_controls_nobody_of_the_pool(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = membership._slices(place), []

    class Watched(Slices):
        def batches(self, patients, size, rng):
            seen.append(sorted(int(p) for p in patients))
            return super().batches(patients, size, rng)

    watched = Watched(whole.image, whole.target)
    monkeypatch.setattr(membership, "_slices", lambda _: watched)
    for role in ("target", "control"):
        membership.measure(_cell("overfitted", role), place)
    assert seen[0] == members_of(_cell("overfitted", "target")).tolist()
    assert len(seen[1]) == 4
    assert set(seen[1]) <= set(range(8 + 3, 8 + 3 + 5))


def test_a_healthy_training_stops_where_validation_says(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, given = Slices.losses, iter((0.5, 0.3, 0.4))

    def told(self: Slices, network, patients: range) -> np.ndarray:
        if patients == range(8, 8 + 3):
            return np.full(3, next(given))
        return losses(self, network, patients)

    monkeypatch.setattr(Slices, "losses", told)
    assert membership.measure(_cell("healthy", "target"), place)["steps"] == 4


def test_the_rate_falls_to_nothing() -> None:
    assert membership._rate(0, 100) == membership.LEARNING_RATE
    assert membership._rate(50, 100) == pytest.approx(membership.LEARNING_RATE / 2)
    assert membership._rate(99, 100) < 1e-3 * membership.LEARNING_RATE


@pytest.mark.skipif(not (RECORD / "membership.json").exists(), reason="not recorded yet")
def test_what_is_recorded_belongs_to_the_study_and_controls_tell_nothing() -> None:
    rows = read_rows("membership", RECORD)
    assert rows
    for row in rows:
        assert row["settings"] in STUDY.cells
        assert row["result"]["members"] == members_of(row["settings"]).tolist()
        assert row["provenance"]["commit"]
    controls = attack_recorded(rows).get("control", [])
    if len(controls) == KINDS["overfitted"].targets:
        for attack in ATTACKS:
            area = area_over(controls, attack)
            # Three standard errors: what lies further away is no chance but a fault of the attack.
            assert abs(area.mean - 0.5) < 3 * (area.high - area.low) / (2 * 1.96), attack


def test_what_lesson_08_says_is_recorded() -> None:
    attacked = attack_recorded(read_rows("membership", RECORD))
    found = {
        (kind, attack): leak_of(attacked[kind], attack).found
        for kind in ("overfitted", "healthy")
        for attack in ATTACKS
    }
    told = {key: tuple(round(x, 3) for x in (f.rate, f.low, f.high)) for key, f in found.items()}
    assert round(found["overfitted", "loss threshold"].rate, 2) == 0.68
    assert round(found["overfitted", "shadow models"].rate, 2) == 0.97
    assert told["healthy", "loss threshold"] == (0.027, 0.020, 0.037)
    assert told["healthy", "shadow models"] == (0.135, 0.118, 0.153)
    area = leak_of(attacked["healthy"], "loss threshold").area
    assert round(area.mean, 2) == 0.60
