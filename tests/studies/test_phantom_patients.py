"""Phantom patients made in memory are those that files would give."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fedlab_utils.data import PreprocessSettings, load_case, load_cohort, preprocess
from fedlab_utils.data.phantom import write_cohort
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
    np.testing.assert_array_equal(first.labels, second.labels)
    assert np.abs(first.image.astype(float) - second.image).mean() > 0.1


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    phantom_patients(tmp_path, range(2), 1, seed=4, spacing=8.0, workers=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    done: list[tuple[int, int]] = []
    phantom_patients(
        tmp_path, range(3), 1, seed=4, spacing=8.0, workers=1, progress=lambda *n: done.append(n)
    )
    assert done == [(1, 1)]
    assert before.items() <= {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npy")}.items()
