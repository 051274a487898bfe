"""The study on hostile hospitals: its cells, who is chosen by what, and small trainings."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.federated import FederationSettings
from fedlab_utils.studies import robustness
from fedlab_utils.studies.robustness import (
    ADAPTED,
    ATTACKS,
    BACKDOORS,
    CANDIDATES,
    CHOSEN,
    CONDITIONS,
    FURTHER,
    HOSPITALS,
    RULES,
    SEEDS,
    STUDY,
    TUNING,
    adapted_attack,
    chosen_rule,
    hostile_of,
    plans_of,
)
from fedlab_utils.studies.runner import Workplace, read_rows


def _cell(rule: str, attack: str = "", strength: float = 0.0, attackers: int = 0, seed: int = 0):
    of = {"rule": rule, "attack": attack, "strength": strength, "attackers": attackers}
    return {"kind": "iid", "skew": 0.0, "seed": seed} | of


def test_claims_have_five_seeds_and_choices_come_first_on_seeds_of_their_own() -> None:
    assert len({json.dumps(c, sort_keys=True) for c in STUDY.cells}) == len(STUDY.cells)
    counted = Counter(
        (c["rule"], c["attack"], c["strength"], c["attackers"], c["kind"])
        for c in STUDY.cells
        if c["seed"] in SEEDS
    )
    for kind, _ in CONDITIONS:
        for rule in ("fedavg", CHOSEN):
            for attack in (*ATTACKS, (ADAPTED, 0.0), *BACKDOORS):
                assert counted[rule, *attack, 2, kind] == 5
        for rule in (*RULES, CHOSEN):
            assert counted[rule, "", 0.0, 0, kind] == 5
    tuning = [n for n, c in enumerate(STUDY.cells) if c["seed"] in TUNING]
    assert tuning == list(range(len(tuning)))
    assert not set(TUNING) & set(SEEDS)


def test_every_plan_can_be_run_with_eight_hospitals() -> None:
    rows = _tried(dict.fromkeys(CANDIDATES, 0.5))
    how = FederationSettings()
    for cell in STUDY.cells:
        _, robust, attack = plans_of(cell, rows)
        robust.check(how, HOSPITALS)
        attack.check(how, HOSPITALS)
        assert len(attack.numbers) == cell["attackers"]
        if robust.on and robust.rule != "fltrust":
            assert robust.hostile >= cell["attackers"]


def test_other_hospitals_are_hostile_on_another_seed() -> None:
    assert hostile_of(0, 0) == ()
    for seed in (*TUNING, *SEEDS):
        two = hostile_of(seed, 2)
        assert len(set(two)) == 2
        assert set(two) < set(range(HOSPITALS))
        assert set(hostile_of(seed, 1)) < set(two)
    pairs = [hostile_of(seed, 2) for seed in range(560)]
    counts = Counter(pairs)
    assert len(counts) == 28  # every pair of eight
    assert max(counts.values()) < 40  # 20 are due, with a deviation of 4.4


def _tried(scores: dict[str, float], more: dict[tuple, float] | None = None) -> list[dict]:
    """Rows of all cells that choose: each rule's score under any attack, but for some."""
    rows = []
    for cell in STUDY.cells:
        if cell["seed"] in TUNING:
            score = scores.get(cell["rule"], 0.6)
            key = cell["rule"], cell["attack"], cell["strength"], cell["kind"]
            score = (more or {}).get(key, score)
            rows.append({"settings": cell, "result": {"validation": score}})
    return rows


def test_the_rule_with_the_best_worst_attack_is_chosen() -> None:
    good = dict.fromkeys(CANDIDATES, 0.5) | {"krum": 0.58, "median": 0.55}
    assert chosen_rule(_tried(good)) == "krum"
    weak = {("krum", "ipm", 0.5, "volume"): 0.2}
    assert chosen_rule(_tried(good, weak)) == "median"
    with pytest.raises(StudyError, match="not tried"):
        chosen_rule(_tried(good)[1:])


def test_the_adapted_attack_harms_the_chosen_rule_most_over_both_conditions() -> None:
    good = dict.fromkeys(CANDIDATES, 0.5) | {"median": 0.55}
    known = {("median", "alie", 1.5, "iid"): 0.51}
    assert adapted_attack(_tried(good, known)) == ("alie", 1.5)
    further = known | {(CHOSEN, *FURTHER[3], "volume"): 0.4}
    assert adapted_attack(_tried(good, further)) == FURTHER[3]
    other = further | {("krum", "ipm", 0.5, "iid"): 0.1}
    rows = _tried(good, other)
    assert adapted_attack(rows) == FURTHER[3]
    rule, robust, attack = plans_of(_cell(CHOSEN, ADAPTED, 0.0, 2), rows)
    assert (rule, robust.rule, robust.hostile) == ("median", "median", 2)
    assert (attack.attack, attack.strength, attack.numbers) == (*FURTHER[3], hostile_of(0, 2))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Room for a study of 40 phantoms at 8 mm, two short rounds and three public patients."""
    folder = tmp_path_factory.mktemp("study")
    few = {"patients": 40, "spacing": 8.0, "rounds": 2, "local_steps": 1, "look": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDLAB_CACHE", str(folder / "cache"))
        patch.setattr(robustness, "SCALE", replace(robustness.SCALE, **few))
        patch.setattr(robustness, "PUBLIC", 3)
        yield Workplace(folder, say=lambda _: None)


@pytest.mark.parametrize(
    "cell",
    [
        _cell("fedavg"),
        _cell("fltrust", "sign-flip", 4.0, 2),
        _cell("median", "nan", 0.0, 2),
        _cell("median, momentum", "free-rider", 0.0, 1),
        _cell("multi-krum", "backdoor", 4.0, 2),
    ],
    ids=lambda cell: f"{cell['rule']}-{cell['attack']}",
)
def test_a_cell_tells_of_every_hospital_who_is_hostile_and_who_was_left_out(
    cell: dict, place: Workplace
) -> None:
    found = STUDY.measure(cell, place)
    json.dumps(found, allow_nan=False)
    task = robustness.SCALE.open(cell, place, hospitals=HOSPITALS)
    sizes = {m.name: len(m.hospital.split.test) for m in task.members}
    assert {name: len(scores) for name, scores in found["scores"].items()} == sizes
    assert found["hostile"] == [task.hospitals[n] for n in hostile_of(0, cell["attackers"])]
    assert {name: len(ids) for name, ids in found["patients"].items()} == sizes
    means = [np.mean([found["regions"][r][name] for r in ("et", "tc", "wt")]) for name in sizes]
    np.testing.assert_allclose(means, [np.mean(found["scores"][name]) for name in sizes], atol=2e-4)
    silent = cell["attack"] in ("nan", "free-rider")
    assert found["left_out"] == (dict.fromkeys(found["hostile"], 2) if silent else {})
    assert bool(found["weights"]) == (cell["rule"] != "fedavg")
    assert ("backdoor" in found) == (cell["attack"] in ("", "backdoor"))


def test_what_is_recorded_belongs_to_the_study() -> None:
    results = Path(robustness.__file__).parents[2] / "data/results"
    for row in read_rows("robustness", results):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]
