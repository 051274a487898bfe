"""Four ways to protect a run: their cells, and a training and an attack of each on few."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fedlab_utils.privacy import noise_for
from fedlab_utils.privacy.shared_update import SharedUpdate, defended
from fedlab_utils.studies import fine_tuning_hospitals as hospitals
from fedlab_utils.studies import private_fine_tuning as budgets
from fedlab_utils.studies import protections as study
from fedlab_utils.studies.protections import PROTECTIONS, STUDY
from fedlab_utils.studies.runner import Workplace, read_rows
from tests.studies.few_hospitals import few_and_coarse


def test_every_protection_has_every_seed_and_every_budget() -> None:
    counted = Counter((c["measured"], c["protection"], c["epsilon"]) for c in STUDY.cells)
    assert set(counted.values()) == {5}
    for protection in PROTECTIONS:
        epsilons = {key[2] for key in counted if key[:2] == ("training", protection)}
        assert epsilons == (set(budgets.EPSILONS) if "dp" in protection else {0})
        assert len([key for key in counted if key[:2] == ("attack", protection)]) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients are made once."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture
def few(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workplace]:
    """Three hospitals with few and coarse patients, three steps, settings that were chosen."""
    few_and_coarse(monkeypatch, count=3)
    monkeypatch.setattr(budgets, "STEPS", 3)
    monkeypatch.setattr(budgets, "PLAIN", (2, 1))
    monkeypatch.setattr(budgets, "setting_of", lambda *_: {"learning_rate": 0.01})
    monkeypatch.setattr(study, "ITERATIONS", 2)
    hospitals.open_hospitals.cache_clear()
    yield Workplace(folder, say=lambda _: None)
    hospitals.open_hospitals.cache_clear()


def _cell(measured: str, protection: str, epsilon: int) -> dict:
    return {"measured": measured, "protection": protection, "epsilon": epsilon, "seed": 3}


def test_masks_change_bytes_and_nothing_else(few: Workplace) -> None:
    found = {
        name: STUDY.measure(_cell("training", name, 8 * ("dp" in name)), few)
        for name in PROTECTIONS
    }
    json.dumps(found, allow_nan=False)
    for open_, masked in (("plain", "masks"), ("dp", "dp and masks")):
        a, b = found[open_], found[masked]
        for name in a["scores"]:
            np.testing.assert_allclose(a["scores"][name], b["scores"][name], atol=2e-3)
        assert b["received"] > 1.9 * a["received"]  # sums of fixed point take more bits
        assert a["spent"] == b["spent"]
    assert found["plain"]["spent"] == 0 < found["dp"]["spent"] <= 8
    assert 0 <= found["plain"]["advantage"] <= 1


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_an_attack_is_told_beside_the_best_guess(few: Workplace, protection: str) -> None:
    found = STUDY.measure(_cell("attack", protection, 16 * ("dp" in protection)), few)
    json.dumps(found, allow_nan=False)
    assert set(found) == {"psnr", "ssim", "guess", "counts"}
    assert [len(numbers) for numbers in found.values()] == [3] * 4  # a patient of each hospital
    assert found["counts"] == [False] * 3  # after two iterations


def test_alone_and_in_a_sum_the_same_guesses_must_be_beaten(few: Workplace) -> None:
    alone, masked = (STUDY.measure(_cell("attack", p, 0), few) for p in ("plain", "masks"))
    assert alone["guess"] == masked["guess"]
    assert len(set(alone["guess"])) == 3


def test_the_noise_of_an_attack_is_that_of_the_budget() -> None:
    draw = torch.Generator().manual_seed(0)
    parts = (torch.randn(300, 400, generator=draw), torch.randn(500, generator=draw))
    one = SharedUpdate(parts, ((0,),), 0.1)
    mean = SharedUpdate(tuple(part / 3 for part in parts), ((0,),), 0.1)
    sent = defended(mean, noise=study._noise(one, mean, 8, 5), seed=1)
    noise = torch.cat([(a - b).flatten() for a, b in zip(sent.parts, mean.parts, strict=True)])
    length = torch.cat([part.flatten() for part in parts]).norm()
    due = noise_for(8, 1e-5, budgets.PATIENT_RATE, budgets.STEPS) * length / 5**0.5
    assert float(noise.std() / due) == pytest.approx(1, abs=0.01)


def test_what_is_recorded_belongs_to_the_study() -> None:
    results = Path(study.__file__).parents[2] / "data/results"
    for row in read_rows("protections", results):
        assert row["settings"] in STUDY.cells
        assert row["provenance"]["commit"]


def test_what_lesson_09_says_is_recorded() -> None:
    rows = read_rows("protections", Path(study.__file__).parents[2] / "data/results")
    assert len(rows) == len(STUDY.cells)
    of: dict[tuple, list[dict]] = {}
    for row in rows:
        told = row["settings"]
        of.setdefault((told["measured"], told["protection"], told["epsilon"]), []).append(
            row["result"]
        )

    def mean(measured: str, protection: str, epsilon: int, name: str) -> float:
        return float(np.mean([r[name] for r in of[measured, protection, epsilon]]))

    def dice(*key: object) -> float:
        return float(np.mean([budgets.mean_of(r["scores"]) for r in of["training", *key]]))

    assert dice("plain", 0) == pytest.approx(dice("masks", 0), abs=2e-3)
    private = [dice("dp", e) for e in sorted(budgets.EPSILONS)]
    assert private == sorted(private)
    assert private[-1] < dice("plain", 0)
    traffic = [
        sum(mean("training", p, 0, way) for way in ("sent", "received")) for p in ("plain", "masks")
    ]
    assert traffic[1] / traffic[0] == pytest.approx(1.5, abs=0.05)
    leads = [mean("training", p, e, "advantage") for m, p, e in of if m == "training"]
    assert 0.055 < min(leads) < max(leads) < 0.075
    attacks = {p: [r["counts"] for r in of[m, p, e]] for m, p, e in of if m == "attack"}
    counts = {p: int(np.sum(found)) for p, found in attacks.items()}
    assert counts == {"plain": 17, "dp": 0, "masks": 4, "dp and masks": 0}
    assert {np.size(found) for found in attacks.values()} == {25}


def test_chance_alone_leads_as_lesson_09_says() -> None:
    from fedlab_utils.privacy.membership import advantage

    rng = np.random.default_rng(0)
    leads = [advantage(rng.normal(size=500), rng.normal(size=200))[0] for _ in range(2000)]
    assert np.mean(leads) == pytest.approx(0.05, abs=0.005)
    assert np.quantile(leads, 0.95) == pytest.approx(0.10, abs=0.01)
