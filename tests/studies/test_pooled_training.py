"""Who learns from whom in the study of pooled training, and that a cell can be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.conventions import ENHANCING, REGIONS, SEQUENCES
from fedlab_utils.data.phantom import make_anatomy
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
    """Its words on sequences and on 2, 16 and 64 patients: whoever records anew reads on."""
    recorded: dict[tuple, dict[int, dict]] = {}
    rows = read_rows("pooled_training")
    assert len(rows) == len(study.STUDY.cells)
    for row in rows:
        told = row["settings"]
        key = told["patients"], tuple(told["sequences"])
        recorded.setdefault(key, {})[told["seed"]] = row["result"]

    def dice(patients: int, region: str, *sequences: str) -> list[list[float]]:
        number = REGIONS.index(region)
        of = (recorded[patients, sequences or SEQUENCES][seed]["dice"] for seed in study.SEEDS)
        return [[row[case][number] for case in sorted(row)] for row in of]

    def less(ours: list, theirs: list) -> tuple[float, float, float]:
        found = bootstrap_difference(ours, theirs)
        return tuple(round(x, 2) for x in (found.mean, found.low, found.high))

    for region, least in (("TC", 0.10), ("WT", 0.11)):
        assert less(dice(16, region), dice(2, region)) == (0.18, least, 0.26)
        mean, low, high = less(dice(64, region), dice(16, region))
        assert mean == -0.02
        assert low < 0 < high
    low, high = less(dice(16, "ET"), dice(2, "ET"))[1:]
    assert low < 0 < high
    assert less(dice(64, "ET"), dice(16, "ET")) == (-0.06, -0.11, -0.01)
    assert less(dice(64, "WT", "T2"), dice(64, "WT", "FLAIR")) == (0.11, 0.06, 0.17)
    pair = dice(64, "WT", "T1ce", "T2"), dice(64, "WT")
    assert less(*pair) == (-0.05, -0.11, -0.0)
    assert round(bootstrap_difference(*pair).high, 3) == -0.004
    pairs = [key[1] for key in recorded if key[0] == 64 and len(key[1]) == 2]
    assert len(pairs) == 6
    best = max(pairs, key=lambda names: np.mean([dice(64, r, *names) for r in REGIONS]))
    assert best == ("T1ce", "T2")
    for region in ("ET", "TC"):
        _, low, high = less(dice(64, region, "T1ce", "T2"), dice(64, region))
        assert low < 0 < high
    few = [np.array(of) for of in dice(2, "ET")]
    ((seed, blind),) = [(n, of) for n, of in enumerate(few) if set(of) == {0.0, 1.0}]
    assert (blind == 1).sum() == 4
    drawn = np.random.default_rng((study.COHORT_SEED, seed)).permutation(2 * study.PATIENTS[-1])
    tumours = [make_anatomy(int(n), study.COHORT_SEED).labels for n in drawn[:2]]
    assert [bool((labels == ENHANCING).any()) for labels in tumours].count(False) == 1
    for patients in (4, 16, 64):
        assert all((np.array(of)[blind == 1] == 0).all() for of in dice(patients, "ET"))
    last = {16: 27, 64: 7}
    for patients, epochs in last.items():
        of = recorded[patients, SEQUENCES].values()
        assert {result["best_epoch"] for result in of} == {epochs}
