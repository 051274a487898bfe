"""Who learns from whom in the study of pooled training, and that a cell can be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.data.preprocessing import PreprocessSettings
from fedlab_utils.data.tiers import TIERS, Tier
from fedlab_utils.segmentation import bootstrap_difference
from fedlab_utils.studies import pooled_training as study
from fedlab_utils.studies.runner import Workplace, read_rows


def test_every_choice_of_sequences_is_there_for_each_seed() -> None:
    for seed in range(5):
        mine = [c for c in study.STUDY.cells if c["seed"] == seed]
        most = [tuple(c["sequences"]) for c in mine if c["patients"] == max(study.PATIENTS)]
        assert len(most) == len(set(most)) == 2**4 - 1
        everything = [c["patients"] for c in mine if tuple(c["sequences"]) == SEQUENCES]
        assert sorted(everything) == list(study.PATIENTS)


def test_cells_train_on_nested_patients_and_test_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same steps for all, the same test patients, none of them trained on or chosen by."""
    seen: list[tuple] = []
    real = __import__("fedlab_utils.segmentation.fit", fromlist=["fit_unet"]).fit_unet

    def spy(train, validation, how, tier, **more):
        seen.append((train, validation, how))
        return real(train, validation, how, tier, **more)

    monkeypatch.setattr("fedlab_utils.segmentation.fit.fit_unet", spy)
    for name, value in {"PATIENTS": (2, 4), "STEPS": 2, "VALIDATION": 1, "TEST": 3}.items():
        monkeypatch.setattr(study, name, value)
    coarse = Tier("laptop", 8.0, 2, (32, 32))
    monkeypatch.setitem(TIERS, "laptop", coarse)
    make = study.phantoms.__globals__
    assert "phantom_patients" not in make, "imported where it is used"
    import fedlab_utils.studies.phantom_patients as source

    original = source.phantom_patients
    monkeypatch.setattr(
        source,
        "phantom_patients",
        lambda *args: original(*args, spacing=8.0, workers=1),
    )
    place = Workplace(tmp_path, say=lambda _: None)
    results = [
        study.measure({"patients": n, "sequences": ["T1ce", "FLAIR"], "seed": 1}, place)
        for n in (2, 4)
    ]
    few, many = ({p.case_id for p in train} for train, _, _ in seen)
    assert few < many
    assert results[0]["dice"].keys() == results[1]["dice"].keys()
    assert not results[0]["dice"].keys() & many
    assert not {p.case_id for p in seen[0][1]} & (many | results[0]["dice"].keys())
    steps = [
        how.epochs * int(np.ceil(len(train) * how.per_patient / how.batch))
        for train, _, how in seen
    ]
    assert min(steps) >= study.STEPS
    assert all(how.unet.sequences == ("T1ce", "FLAIR") for _, _, how in seen)
    for row in results[0]["dice"].values():
        assert len(row) == 3
        assert all(0 <= value <= 1 for value in row)
    assert PreprocessSettings(spacing=8.0).spacing == 8.0


def test_lesson_03_says_what_is_recorded() -> None:
    """Its words on 2, 16 and 64 patients: whoever records more seeds reads them again."""
    recorded: dict[int, dict[int, dict]] = {}
    for row in read_rows("pooled_training"):
        told = row["settings"]
        if tuple(told["sequences"]) == SEQUENCES:
            recorded.setdefault(told["patients"], {})[told["seed"]] = row["result"]["dice"]
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in recorded.values())))
    assert len(seeds) >= 3

    def dice(patients: int, region: str) -> list[list[float]]:
        number = REGIONS.index(region)
        rows = (recorded[patients][seed] for seed in seeds)
        return [[row[case][number] for case in sorted(row)] for row in rows]

    for region in REGIONS:
        gained = bootstrap_difference(dice(16, region), dice(2, region))
        assert (gained.low > 0) == (region in ("TC", "WT"))
        more = bootstrap_difference(dice(64, region), dice(16, region))
        assert more.low < 0 < more.high
