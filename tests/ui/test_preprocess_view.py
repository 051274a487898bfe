"""The preprocessing explorer against the patient's files, by nibabel, numpy and scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import Case, load_cohort
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.ui import PreprocessingExplorer
from tests.ui import oracles
from tests.ui.drive import drive


@pytest.fixture
def case(phantom_dir: Path) -> Case:
    cohort = load_cohort(phantom_dir)
    return cohort.load(cohort.cases[0].case_id)


def test_every_control_shows_the_numbers_of_its_settings(case: Case) -> None:
    explorer = PreprocessingExplorer(case)
    images = [oracles.read_ras(case.files.images[name]) for name in SEQUENCES]
    labels, mm = oracles.read_ras(case.files.label), oracles.voxel_mm(case.files.label)
    brain = oracles.brain_of(np.stack(images))
    box = oracles.box_of(brain | (labels > 0))
    axial = int((labels > 0).sum(axis=(0, 1)).argmax())

    def check() -> None:
        shown = explorer.shown
        volume = images[SEQUENCES.index(shown["sequence"])]
        before = volume[brain].astype(float)
        assert shown["mean_before"] == pytest.approx(before.mean(), rel=1e-5)
        assert shown["sd_before"] == pytest.approx(before.std(), rel=1e-5)
        assert shown["megabytes_before"] == pytest.approx(16e-6 * volume.size)
        np.testing.assert_array_equal(shown["before"], volume[..., axial])
        if shown["n4"]:  # compared with SimpleITK in tests/browser
            return
        scores = oracles.zscores(volume, brain, shown["clip"])[box]
        after, inside = oracles.regrid_inside(scores, brain[box], mm, shown["spacing"])
        assert shown["grid_after"] == after.shape
        assert shown["megabytes_after"] == pytest.approx(16e-6 * after.size)
        assert shown["mean_after"] == pytest.approx(after[inside].mean(), abs=1e-4)
        assert shown["sd_after"] == pytest.approx(after[inside].std(), abs=1e-4)
        clipped = 100 * (np.abs(after[inside]) >= shown["clip"] - 1e-6).mean()
        assert shown["clipped_percent"] == pytest.approx(clipped, abs=0.1)
        middle = (axial + 0.5 - box[2].start) * mm[2] / shown["spacing"] - 0.5
        nearest = {int(np.floor(middle + 0.499)), int(np.floor(middle + 0.501))}
        assert any(np.allclose(shown["after"], after[..., z], atol=1e-4) for z in nearest)

    check()
    assert drive(explorer, check) > 8


def test_only_n4_divides_by_a_field(case: Case) -> None:
    explorer = PreprocessingExplorer(case)
    assert explorer.shown["removed_percent"] == 0
    two = explorer.draw()
    explorer.n4.value = True
    three = explorer.draw()
    assert two.width < 0.7 * three.width, "a pane for N4, which is off"
    for picture, panes in ((two, 2), (three, 3)):
        for pane in np.array_split(np.asarray(picture.convert("L")), panes, axis=1):
            assert (pane[60:-60] > 20).mean() > 0.3, "a black pane"
    assert explorer.shown["removed_percent"] > 0
    assert "N4" in explorer.twin().alt


def test_n4_says_that_it_works_until_it_is_done_and_only_the_first_time(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = PreprocessingExplorer(case)
    seen = []

    def correct(image: np.ndarray, *_rest: object) -> np.ndarray:
        seen.append(explorer._text.value)
        return image

    monkeypatch.setattr("fedlab_utils.data.n4.correct_bias", correct)
    for ticked in (True, False, True):
        explorer.n4.value = ticked
        assert "working" not in explorer._text.value
    assert len(seen) == 1
    assert "N4 is working" in seen[0]


def test_n4_that_fails_says_why_and_leaves_the_picture_without_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer = PreprocessingExplorer(case)
    before = explorer._picture.value

    def fail(*_arguments: object) -> np.ndarray:
        raise RuntimeError("no voxel in <mask>")

    monkeypatch.setattr("fedlab_utils.data.n4.correct_bias", fail)
    explorer.n4.value = True
    assert "N4 failed" in explorer._text.value
    assert "no voxel in &lt;mask&gt;" in explorer._text.value
    assert "working" not in explorer._text.value
    assert "<table>" in explorer._text.value
    assert not explorer.n4.value
    assert explorer._picture.value == before
    explorer.clip.value = 2.0
    assert "failed" not in explorer._text.value
