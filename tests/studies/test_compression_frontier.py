"""The compression frontier: what its cells are, and that they differ in what travels alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from fedlab_utils.federated import CompressionPlan
from fedlab_utils.federated.frontier import kept_of_dice, plan_to_hold, plan_trials, saving
from fedlab_utils.segmentation.statistics import Estimate
from fedlab_utils.studies import compression_frontier as frontier
from fedlab_utils.studies import heterogeneity
from fedlab_utils.studies.compression_frontier import (
    METHODS,
    PLANS,
    RATES,
    STUDY,
    plan_of,
    scale_of,
)
from fedlab_utils.studies.runner import Workplace, load_study, read_rows


def test_every_way_is_tried_on_two_seeds_and_reported_on_five_others() -> None:
    assert load_study("compression_frontier") is STUDY
    counted = Counter((c["method"], c["plan"]) for c in STUDY.cells)
    assert set(counted.values()) == {7}
    assert set(counted) == {(m, p) for m, plans in METHODS.items() for p in plans}
    assert {c["seed"] for c in STUDY.cells} == {98, 99, *range(5)}
    assert len({json.dumps(c, sort_keys=True) for c in STUDY.cells}) == len(STUDY.cells)
    assert all(plans[0] == "none" and set(plans) <= set(PLANS) for plans in METHODS.values())


def test_the_cells_of_a_seed_come_one_after_the_other() -> None:
    seeds = [c["seed"] for c in STUDY.cells]
    changes = sum(a != b for a, b in pairwise(seeds))
    assert changes == len(set(seeds)) - 1


@pytest.mark.parametrize("plan", PLANS)
def test_all_ways_take_as_many_steps_and_looks(plan: str) -> None:
    how = scale_of(plan).settings({"method": "fedavg", "seed": 0, "learning_rate": 0.01})
    assert how.rounds * how.local_steps == 60 * 8
    assert how.rounds / how.evaluate_every == 5
    assert how.tune_steps == 0


def test_ways_by_name_are_plans_the_same_both_ways() -> None:
    assert not plan_of("none").on
    assert not plan_of("a quarter of the rounds").on
    assert plan_of("top 3 %, 8 bits") == CompressionPlan(0.03, 8, 0.03, 8)
    assert plan_of("4 parts") == CompressionPlan(parts=4)
    for name in PLANS:
        plan = plan_of(name)
        assert (plan.up_keep, plan.up_bits) == (plan.down_keep, plan.down_bits)


def test_ways_with_a_rate_of_their_own_train_with_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heterogeneity, "setting_of", lambda *_: {"learning_rate": 0.01})
    monkeypatch.setattr(frontier, "train", lambda *how: dict(how[2]))
    slow = "4 bits, a twelfth of the rounds"
    for plan, rate in {slow: 0.01, f"{slow}, half the rate": 0.005}.items():
        told = _row(place, "fedavg", plan)["result"]
        assert told["learning_rate"] == told["setting"]["learning_rate"] == rate


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Room for a study of 32 phantoms at 8 mm and ten rounds of a step."""
    folder = tmp_path_factory.mktemp("study")
    few = {"patients": 32, "spacing": 8.0, "rounds": 10, "local_steps": 1, "look": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEDLAB_CACHE", str(folder / "cache"))
        patch.setattr(frontier, "SCALE", replace(frontier.SCALE, **few))
        patch.setattr(heterogeneity, "TUNING_FRACTIONS", (0.5, 0.3, 0.2))
        yield Workplace(folder, say=lambda _: None)


def _row(place: Workplace, method: str, plan: str, seed: int = 0) -> dict:
    cell = frontier.CONDITION | {"method": method, "plan": plan, "seed": seed}
    assert cell in STUDY.cells
    return {"settings": cell, "result": STUDY.measure(cell, place)}


@pytest.mark.parametrize("method", METHODS)
def test_a_cell_scores_patients_and_counts_all_traffic(method: str, place: Workplace) -> None:
    plans = ("none", "top 4 %, 4 bits", "top 10 %, 4 bits, half the rounds")
    rows = [_row(place, method, plan) for plan in plans]
    json.dumps(rows, allow_nan=False)
    whole, *saved = (row["result"]["megabytes"] for row in rows)
    hospitals = len(rows[0]["result"]["scores"])
    streams = 2 if method == "scaffold" else 1
    numbers = 38_640 * 4 / 1e6
    due = hospitals * numbers * (10 * 2 * streams + 5)  # rounds both ways, looks one way
    assert due < whole < 1.12 * due
    assert all(10 < whole / size < 200 for size in saved)
    assert rows[0]["result"]["setting"]["learning_rate"] > 0
    assert "tuned" not in rows[0]["result"]
    assert saving(rows, method, plans[1]) == pytest.approx(whole / saved[0])
    assert kept_of_dice(rows, method, plans[1], resamples=50).mean > 0
    assert len(plan_trials(rows, method, plans[1])) == 1


def test_what_is_recorded_belongs_to_the_study() -> None:
    for row in read_rows(STUDY.name, Path(frontier.__file__).parents[2] / "data/results"):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]
        assert row["result"]["megabytes"] > 0


def test_what_lesson_07_says_is_recorded() -> None:
    rows = read_rows("compression_frontier", Path(frontier.__file__).parents[2] / "data/results")
    assert len(rows) == len(STUDY.cells)

    def kept(plan: str, method: str = "fedavg", figure: str = "mean") -> Estimate:
        return kept_of_dice(rows, method, plan, figure)

    for bits in ("8 bits", "4 bits"):
        assert kept(bits).mean == pytest.approx(1.0, abs=0.005)
        assert kept(bits).low > 0.985
    said = {
        "a quarter of the rounds": 0.99,
        "4 bits, a twelfth of the rounds": 0.98,
        "top 10 %, 8 bits": 0.98,
        "top 10 %, 4 bits": 0.99,
        "top 3 %, 8 bits": 0.93,
        "top 1 %, 8 bits": 0.86,
        "top 10 %, 4 bits, half the rounds": 0.96,
        "top 10 %, 8 bits, a quarter of the rounds": 0.93,
    }
    assert {plan: round(kept(plan).mean, 2) for plan in said} == said
    assert round(saving(rows, "fedavg", "4 bits, a twelfth of the rounds")) == 94
    chosen = plan_to_hold(rows, "fedavg")
    assert chosen == "top 50 %, 4 bits, a sixth of the rounds"
    assert int(saving(rows, "fedavg", chosen)) == 54
    found = kept(chosen)
    told = [round(100 * share, 1) for share in (found.mean, found.low, found.high)]
    assert told == [98.6, 96.9, 100.2]
    for word in RATES:
        assert kept(f"{chosen}, {word} the rate").mean < kept(chosen).mean
    for method in ("fedavg_sgd", "fedprox", "scaffold"):
        held = plan_to_hold(rows, method)
        assert held == "top 20 %, 4 bits, a quarter of the rounds"
        assert 0.97 <= kept(held, method).mean < 0.98
    assert kept(chosen, figure="worst").mean < kept(chosen).mean
