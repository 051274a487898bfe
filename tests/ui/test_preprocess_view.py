"""The preprocessing explorer against statistics taken by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import Case, load_cohort
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.ui import PreprocessingExplorer
from tests.ui.drive import drive


@pytest.fixture
def case(phantom_dir: Path) -> Case:
    cohort = load_cohort(phantom_dir)
    return cohort.load(cohort.cases[0].case_id)


def test_every_control_shows_the_numbers_of_its_settings(case: Case) -> None:
    explorer = PreprocessingExplorer(case)
    brain = (case.image != 0).any(axis=0)
    sides = np.array([np.ptp(axis) + 1 for axis in np.nonzero(brain)]) * case.spacing

    def check() -> None:
        shown = explorer.shown
        before = case.image[SEQUENCES.index(shown["sequence"])][brain]
        assert shown["mean_before"] == pytest.approx(before.mean(), rel=0.02)
        assert shown["sd_before"] == pytest.approx(before.std(), rel=0.05)
        assert abs(shown["mean_after"]) < 0.35
        assert 0.3 < shown["sd_after"] < 1.5
        assert np.abs(shown["after"]).max() <= shown["clip"] + 1e-5
        assert shown["megabytes_before"] == pytest.approx(case.image.size * 4 / 1e6)
        expected = sides / shown["spacing"]
        assert np.abs(np.array(shown["grid_after"]) - expected).max() <= 2

    check()
    assert drive(explorer, check) > 8


def test_only_n4_divides_by_a_field(case: Case) -> None:
    explorer = PreprocessingExplorer(case)
    assert explorer.shown["removed_percent"] == 0
    explorer.n4.value = True
    assert explorer.shown["removed_percent"] > 0
    assert "N4" in explorer.twin().alt
