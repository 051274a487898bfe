"""Samples of hospitals: frames in their colours, the slice itself, and what is not taken."""

from __future__ import annotations

import numpy as np

from fedlab_utils.ui import hospital_styles
from fedlab_utils.ui.hospital_samples import Sample, sample_panel

SIDE, FRAME, PITCH, HEAD = 150, 5, 168, 24


def sample(size: tuple[int, int], lacking: bool = False) -> Sample:
    image = np.add.outer(np.arange(size[0]), np.arange(size[1])).astype(np.float32) + 1
    labels = np.zeros(size, np.uint8)
    labels[size[0] // 2 :, : size[1] // 3] = 2
    return Sample("c", None if lacking else image, labels)


def pane(panel: np.ndarray, number: int) -> np.ndarray:
    row, column = divmod(number, 6)
    top = row * (SIDE + 2 * FRAME + HEAD) + HEAD
    left = column * PITCH + 4
    return panel[top : top + SIDE + 2 * FRAME, left : left + SIDE + 2 * FRAME]


def test_each_hospital_has_a_frame_of_its_colour_and_its_slice_inside() -> None:
    names = [f"H{n}" for n in range(1, 9)]
    styles = hospital_styles(names)
    panel = np.asarray(sample_panel({name: sample((40, 50)) for name in names}, styles))
    for number, name in enumerate(names):
        own = pane(panel, number)
        for edge in (own[:FRAME], own[-FRAME:], own[:, :FRAME], own[:, -FRAME:]):
            assert (edge == styles[name].rgb).all()
        # RAS as a radiologist sees it: brightest front right is at the top left.
        inside = own[FRAME:-FRAME, FRAME:-FRAME].astype(int)
        grey = np.ptp(inside, axis=2) == 0
        top = inside[20:60, 20:60][grey[20:60, 20:60]].mean()
        bottom = inside[90:130, 90:130][grey[90:130, 90:130]].mean()
        assert top > bottom + 60


def test_a_black_frame_shows_on_the_black_ground() -> None:
    names = [f"H{n:02}" for n in range(1, 17)]
    styles = hospital_styles(names)
    assert [n for n in names if styles[n].rgb == (0, 0, 0)] == ["H07", "H15"]
    panel = np.asarray(sample_panel({name: sample((40, 50)) for name in names}, styles))
    for number in range(len(names)):
        row, column = divmod(number, 6)
        top, left = row * (SIDE + 2 * FRAME + HEAD) + HEAD - 1, column * PITCH + 3
        far = SIDE + 2 * FRAME + 1
        around = panel[top : top + far + 1, left : left + far + 1]
        for edge in (around[0], around[-1], around[:, 0], around[:, -1]):
            assert (edge == 255).all()


def test_the_region_is_outlined_where_it_lies() -> None:
    panel = np.asarray(sample_panel({"H1": sample((50, 50))}, hospital_styles(["H1"])))
    inside = pane(panel, 0)[FRAME:-FRAME, FRAME:-FRAME].astype(int)
    coloured = np.argwhere(np.ptp(inside, axis=2) > 25)
    (top, left), (bottom, right) = coloured.min(0), coloured.max(0)
    # Upper half of the first axis, lower third of the second: lower left of the picture.
    np.testing.assert_allclose([left, right], [0, 74], atol=2)
    np.testing.assert_allclose([top, bottom], [102, 149], atol=2)


def test_a_sequence_that_is_lacking_is_black_and_says_so() -> None:
    samples = {"H1": sample((30, 30)), "H2": sample((30, 30), lacking=True)}
    panel = np.asarray(sample_panel(samples, hospital_styles(samples)))
    there, lacking = (pane(panel, n)[FRAME:-FRAME, FRAME:-FRAME] for n in (0, 1))
    assert (there > 0).mean() > 0.9
    assert 0 < (lacking > 0).mean() < 0.05, "the words alone"
