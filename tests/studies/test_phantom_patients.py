"""Phantom patients made in memory are those that files would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import PreprocessSettings, load_case, load_cohort, preprocess
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.data.preprocessing import Preprocessed
from fedlab_utils.studies import phantom_patients as module
from fedlab_utils.studies.phantom_patients import phantom_patients


def test_equal_what_the_files_give(tmp_path: Path) -> None:
    folder = write_cohort(tmp_path / "files", cases=2, seed=4, spacing=4.0, workers=1)
    made = phantom_patients(tmp_path / "arrays", range(2), 0, seed=4, spacing=4.0, workers=1)
    by_volume = {int((p.labels > 0).sum()): p for p in made}
    for files in load_cohort(folder):
        read = preprocess(load_case(files), PreprocessSettings(spacing=4.0))
        mine = by_volume[int((read.labels > 0).sum())]
        np.testing.assert_array_equal(mine.labels, read.labels)
        np.testing.assert_allclose(mine.image, read.image, atol=4e-3)


def test_draws_share_anatomy_and_differ_in_contrast(tmp_path: Path) -> None:
    first, second, other = phantom_patients(tmp_path, range(1), 3, seed=4, spacing=4.0, workers=1)
    assert first.patient_id == second.patient_id == other.patient_id
    # Remains of skull stripping widen the box of one draw more than that of another.
    labels, contrasts = zip(*map(_around_tumour, (first, second)), strict=True)
    np.testing.assert_array_equal(*labels)
    assert np.abs(contrasts[0] - contrasts[1]).mean() > 0.1


def _around_tumour(patient: Preprocessed) -> tuple[np.ndarray, np.ndarray]:
    """Labels and image of the smallest box around the tumour."""
    at = np.argwhere(patient.labels > 0)
    box = tuple(slice(low, high + 1) for low, high in zip(at.min(0), at.max(0), strict=True))
    return np.asarray(patient.labels[box]), np.asarray(patient.image[:, *box], float)


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    phantom_patients(tmp_path, range(2), 1, seed=4, spacing=8.0, workers=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    done: list[tuple[int, int]] = []
    phantom_patients(
        tmp_path, range(3), 1, seed=4, spacing=8.0, workers=1, progress=lambda *n: done.append(n)
    )
    assert done == [(1, 1)]
    assert before.items() <= {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")}.items()


def test_other_seeds_spacings_and_recipes_are_other_patients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(seed: int, spacing: float) -> tuple:
        [patient] = phantom_patients(tmp_path, range(1), 1, seed, spacing, workers=1)
        return patient.image.shape, patient.image.tobytes()

    seen = {make(1, 8.0), make(2, 8.0), make(1, 6.0)}
    assert len(seen) == 3
    assert make(1, 8.0) in seen
    monkeypatch.setattr(module, "_recipe", lambda: "another")
    phantom_patients(tmp_path, range(1), 1, 1, 8.0, workers=1)
    assert len(list(tmp_path.iterdir())) == 4
