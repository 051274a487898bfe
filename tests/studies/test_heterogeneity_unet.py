"""The comparison's conclusions with the U-Net: its cells, and one of them on few patients."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.federated import FederationSettings, UNetTask
from fedlab_utils.federated.comparison import difference, figure_of, share_of_gain
from fedlab_utils.federated.recorded_trials import chosen, fairest, trials_of, tried, validated
from fedlab_utils.segmentation.statistics import Estimate
from fedlab_utils.studies import heterogeneity, heterogeneity_unet
from fedlab_utils.studies.heterogeneity_unet import METHODS, RATES, SCALE, STUDY
from fedlab_utils.studies.runner import Workplace, read_rows


def test_every_method_has_every_seed_in_conditions_of_the_comparison() -> None:
    counted = Counter((c["kind"], c["skew"], c["method"], c["learning_rate"]) for c in STUDY.cells)
    assert set(counted.values()) == {5}
    assert {key[3] for key in counted} == set(RATES)
    assert {key[:2] for key in counted} <= set(heterogeneity.CONDITIONS)
    assert set(METHODS) <= set(heterogeneity.METHODS)


def test_a_cell_trains_the_course_s_u_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDLAB_CACHE", str(tmp_path / "cache"))
    few = {"patients": 40, "spacing": 8.0, "size": (32, 32), "rounds": 5, "local_steps": 1}
    scale = replace(SCALE, **few, look=1, tune=1)
    monkeypatch.setattr(heterogeneity_unet, "SCALE", scale)
    place = Workplace(tmp_path, say=lambda _: None)
    cell = {"kind": "volume", "skew": 1.0, "method": "fedavg", "seed": 0, "learning_rate": 4e-3}
    found = STUDY.measure(cell, place)
    assert found["setting"] == {"learning_rate": 4e-3}
    json.dumps(found, allow_nan=False)
    assert len(found["curve"]) == 5
    [trial, tuned] = trials_of([{"settings": cell, "result": found}])
    assert (trial["method"], tuned["method"]) == ("fedavg", "tuned")
    task = scale.open(cell, place)
    assert type(task) is UNetTask
    assert task.precision == "bf16"
    assert [p.shape for p in task.network().parameters()] == [
        p.shape for p in UNetTask(task.members).network().parameters()
    ]
    assert torch.get_num_threads() == 1


def test_what_is_recorded_belongs_to_the_study() -> None:
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    seeds = Counter()
    for row in read_rows("heterogeneity_unet", results):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]
        seeds[row["settings"]["kind"], row["settings"]["learning_rate"]] += 1
    # Of a rate and a condition all or nothing: a choice among rates is over the same seeds.
    assert set(seeds.values()) == {len(METHODS) * 5}


def test_what_lesson_06_says_of_the_u_net_is_recorded() -> None:
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    rows = read_rows("heterogeneity_unet", results)
    trials = trials_of(rows)

    def less(ours: str, theirs: str, condition: str, figure: str = "worst") -> Estimate:
        pair = (chosen(trials, method, condition) for method in (ours, theirs))
        return difference(*pair, figure)

    said = {
        "pooled": (0.028, 0.008, 0.045),
        "fedbn": (0.019, 0.004, 0.035),
        "tuned": (0.016, 0.001, 0.031),
    }
    assert fairest(trials, "volume") == "fedbn"
    for method, told in said.items():
        gain = less(method, "fedavg", "volume")
        assert tuple(round(x, 3) for x in (gain.mean, gain.low, gain.high)) == told
        if method != "pooled":
            better = less(method, "local", "volume")
            assert (
                tuple(round(x, 3) for x in (better.mean, better.low, better.high))
                == {
                    "fedbn": (0.043, 0.013, 0.067),
                    "tuned": (0.040, 0.010, 0.064),
                }[method]
            )
            assert less(method, "fedavg", "institution").low < 0
    assert {row["result"]["setting"]["learning_rate"] for row in rows} == {0.002}
    for condition, told in (("institution", [98.9, 96.6, 101.3]), ("volume", [97.1, 95.0, 99.0])):
        kept = share_of_gain(*(chosen(trials, m, condition) for m in ("fedavg", "pooled")))
        assert [round(100 * x, 1) for x in (kept.mean, kept.low, kept.high)] == told
        assert 100 * (1 - kept.low) > 3
    seeds = {m: _by_seed(trials, m, "volume") for m in ("pooled", "fedbn", "tuned")}
    assert min(seeds["pooled"]) > 0 < min(seeds["fedbn"])
    assert min(seeds["tuned"]) >= 0
    assert [round(gain, 3) for gain in sorted(seeds["pooled"])[::3]] == [0.010, 0.026]
    assert round(max(seeds["pooled"]), 3) == 0.068
    apart = sorted(_by_seed(trials, "local", "institution"))
    assert [round(loss, 2) for loss in (apart[0], apart[1], apart[-1])] == [-0.24, -0.06, -0.02]
    sorted_alone = less("local", "fedavg", "volume")
    assert sorted_alone.low < 0 < sorted_alone.high
    alone = less("local", "fedavg", "institution")
    assert round(alone.mean, 2) == -0.08
    assert alone.high < 0
    for condition in ("volume", "institution"):
        rivals = less("fedbn", "tuned", condition)
        assert rivals.low < 0 < rivals.high
        assert abs(rivals.mean) < 0.005
    late = {}
    for row in rows:
        where = (row["settings"]["kind"], row["settings"]["method"])
        late.setdefault(where, []).append(row["result"]["late_gain"])
    means = {where: np.mean(found) for where, found in late.items()}
    assert round(means.pop(("volume", "pooled")), 3) == -0.005
    assert (round(min(means.values()), 3), round(max(means.values()), 3)) == (0.006, 0.014)


def test_that_the_stand_in_was_wrong_is_not_certain_as_lesson_06_says() -> None:
    """The two networks' gains from pooling, less each other; seeds and patients drawn for both."""
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    gains, draws = [], []
    for seed, study in enumerate(("heterogeneity_unet", "heterogeneity")):
        trials = trials_of(read_rows(study, results))
        pairs = zip(*(chosen(trials, m, "volume") for m in ("pooled", "fedavg")), strict=True)
        rng = np.random.default_rng(seed)
        # Row n: what seed n gains, five times over, with patients of its own each time.
        drawn = np.array([_gains(ours, theirs, rng) for ours, theirs in pairs])
        picked = rng.integers(5, size=drawn.shape[1:])
        draws.append(np.take_along_axis(drawn, picked[None], 0)[0].mean(0))
        gains.append(np.mean(_by_seed(trials, "pooled", "volume")))
    low, high = np.percentile(draws[0] - draws[1], (2.5, 97.5))
    assert round(gains[0] - gains[1], 3) == 0.027
    assert -0.005 < low < 0.005
    assert round(high, 2) == 0.05


def _gains(ours: dict, theirs: dict, rng: np.random.Generator) -> np.ndarray:
    """What the worst hospital gains where its patients are drawn again, ``(5, 2000)``."""
    worst = [np.inf, np.inf]
    for hospital, scores in ours["scores"].items():
        at = rng.integers(len(scores), size=(5, 2000, len(scores)))
        means = [np.array(t["scores"][hospital])[at].mean(-1) for t in (ours, theirs)]
        worst = [np.minimum(*pair) for pair in zip(worst, means, strict=True)]
    return worst[0] - worst[1]


def test_the_stand_in_at_the_lowest_of_its_rates_lost_as_much_as_lesson_06_says() -> None:
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    trials = tried(trials_of(read_rows("heterogeneity", results)))
    pooled, fedavg = (validated(trials, method, "volume") for method in ("pooled", "fedavg"))
    lead = {rate: pooled[rate, 0.0, 0.0] - fedavg[rate, 0.0, 0.0] for rate in (0.003, 0.01)}
    assert {rate: round(by, 3) for rate, by in lead.items()} == {0.003: 0.025, 0.01: 0.001}


def test_the_rate_is_the_package_s_and_not_lesson_05_s() -> None:
    assert RATES[0] == FederationSettings.learning_rate == 0.002
    lesson = Path(heterogeneity.__file__).parents[2] / "notebooks/src/05_fedavg_with_flower.py"
    assert "local_steps=STEPS, learning_rate=1e-2" in lesson.read_text("utf-8")


def _by_seed(trials: list[dict], method: str, condition: str) -> list[float]:
    """What the worst hospital gains on FedAvg's, seed by seed."""
    pair = (chosen(trials, name, condition) for name in (method, "fedavg"))
    return [figure_of(a, "worst") - figure_of(b, "worst") for a, b in zip(*pair, strict=True)]
