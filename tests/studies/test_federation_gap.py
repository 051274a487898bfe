"""The study of one difference: seeds of its own, settings that another study chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.federated.comparison import share_of_gain
from fedlab_utils.federated.recorded_trials import matching, trials_of
from fedlab_utils.studies import federation_gap, heterogeneity
from fedlab_utils.studies.federation_gap import SEEDS, STUDY
from fedlab_utils.studies.runner import Workplace, read_rows


def test_both_methods_have_every_seed_and_none_of_the_comparisons() -> None:
    assert len(STUDY.cells) == 2 * 2 * 20
    seeds = {
        (method, kind): [
            c["seed"] for c in STUDY.cells if (c["method"], c["kind"]) == (method, kind)
        ]
        for method in ("pooled", "fedavg")
        for kind in ("iid", "institution")
    }
    assert all(found == list(SEEDS) for found in seeds.values())
    assert not set(SEEDS) & {*heterogeneity.TUNING, *heterogeneity.SEEDS}


def test_a_cell_takes_the_setting_that_the_comparison_chose_and_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cell = next(c for c in STUDY.cells if c["method"] == "fedavg")
    tried = [
        c
        for seed in heterogeneity.TUNING
        for c in heterogeneity.STUDY.cells
        if (cell | {"seed": seed}).items() <= c.items()
    ]
    recorded = [
        {
            "settings": c,
            "result": {"validation": v, "setting": {"learning_rate": c["learning_rate"]}},
        }
        for c, v in zip(tried, (0.4, 0.6, 0.5, 0.4, 0.6, 0.8), strict=True)
    ]
    monkeypatch.setattr(federation_gap, "read_rows", lambda _: recorded)
    monkeypatch.setattr(
        heterogeneity, "measure", lambda settings, at: heterogeneity.setting_of(settings, at.rows)
    )
    place = Workplace(tmp_path)
    assert STUDY.measure(cell, place) == {"learning_rate": 0.03}
    del recorded[1]
    with pytest.raises(StudyError, match="was not tried yet"):
        STUDY.measure(cell, place)


def test_what_is_recorded_belongs_to_the_study() -> None:
    rows = read_rows("federation_gap", Path(heterogeneity.__file__).parents[2] / "data/results")
    assert rows
    for row in rows:
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]


def test_each_recorded_seed_is_whole_and_its_settings_are_those_that_validated_best() -> None:
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    rows, tried = read_rows("federation_gap", results), read_rows("heterogeneity", results)
    for row in rows:
        due = heterogeneity.setting_of(row["settings"], tried)
        assert row["result"]["setting"] == due
        mates = [r for r in rows if r["settings"]["seed"] == row["settings"]["seed"]]
        assert len(mates) == 4


def test_fedavg_keeps_99_percent_of_pooled_dice_where_alike_and_97_between_institutions() -> None:
    results = Path(heterogeneity.__file__).parents[2] / "data/results"
    trials = trials_of(read_rows("federation_gap", results))
    for condition, least in (("IID", 0.99), ("institution", 0.97)):
        ours, pooled = (
            matching(trials, method=m, condition=condition) for m in ("fedavg", "pooled")
        )
        kept = share_of_gain(ours, pooled)
        assert least < kept.low < kept.mean
