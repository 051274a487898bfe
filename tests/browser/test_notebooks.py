"""Every notebook in JupyterLab in a real browser: run, move every widget, compare what is shown."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from fedlab_utils.data import Case, open_cohort, to_regions
from tests.browser.conftest import FLAGS
from tests.browser.lab import REPOSITORY, Lab
from tests.browser.notebook import OpenNotebook

pytestmark = pytest.mark.browser

NUMBERS = sorted(path.name[:2] for path in (REPOSITORY / "notebooks").glob("[0-9][0-9]_*.ipynb"))
Opener = Callable[..., OpenNotebook]


@pytest.fixture(scope="module")
def case() -> Case:
    """The patient that the lessons look at, read in the test's own process."""
    cohort = open_cohort().labelled()
    return cohort.load(cohort.cases[0].case_id)


@pytest.mark.parametrize("number", NUMBERS)
def test_it_runs_and_every_widget_moves_without_an_error(
    number: str, page_of: Callable[[str], OpenNotebook]
) -> None:
    notebook = page_of(number)
    with notebook.controls_kept():
        moved = notebook.move_everything()
        notebook.screenshot(f"lesson_{number}_moved")
    assert notebook.error_outputs() == []
    assert notebook.errors == []
    assert sum(moved.values()) > 0, "a lesson has at least a quiz"


def _numbers(text: str, before: str) -> list[float]:
    """The number that follows each occurrence of ``before`` in ``text``."""
    return [float(n) for n in re.findall(re.escape(before) + r"\s+(-?[\d.]+)", text)]


def test_the_three_planes_show_the_patient_that_is_on_disk(
    lesson_01: OpenNotebook, case: Case
) -> None:
    notebook = lesson_01
    viewer = notebook.widget("Sequence", "Axial")
    before = notebook.picture(viewer)
    notebook.choose(viewer, "Sequence", "T1ce")
    axial = int(notebook.slide(viewer, "Axial", "ArrowRight", times=3))
    words = notebook.status(viewer)

    start = [int(case.labels.astype(bool).sum(axis=a).argmax()) for a in ((1, 2), (0, 2), (0, 1))]
    assert axial == start[2] + 3
    voxel = (start[0], start[1], axial)
    assert f"voxel ({voxel[0]}, {voxel[1]}, {voxel[2]})" in words
    assert _numbers(words, "T1ce")[0] == pytest.approx(case.image[(1, *voxel)], rel=1e-3)
    voxel_ml = np.prod(case.spacing) / 1000
    for region, mask in zip(("ET", "TC", "WT"), to_regions(case.labels), strict=True):
        volume = mask[:, :, axial].sum() * voxel_ml
        assert _numbers(words, region)[-1] == pytest.approx(volume, abs=0.006)

    notebook.screenshot("triplanar", viewer)
    after = notebook.picture(viewer)
    assert after.size == before.size
    assert np.asarray(after).astype(int).std() > 20
    assert np.abs(np.asarray(after).astype(int) - np.asarray(before)).mean() > 1
    assert notebook.errors == []


def test_the_picture_in_the_page_is_the_one_that_the_package_draws(
    lesson_01: OpenNotebook, case: Case
) -> None:
    from fedlab_utils.ui import TriPlanar

    notebook = lesson_01
    viewer = notebook.widget("Sequence", "Axial")
    notebook.choose(viewer, "Sequence", "T2")
    notebook.choose(viewer, "Overlay", "none")
    axial = int(notebook.slide(viewer, "Axial", "ArrowLeft"))
    mine = TriPlanar(case)
    mine.sequence.value, mine.overlay.value, mine.sliders["axial"].value = "T2", "none", axial
    drawn = mine.draw()
    np.testing.assert_array_equal(np.asarray(notebook.picture(viewer)), np.asarray(drawn))


def test_contrast_follows_the_sliders(lesson_01: OpenNotebook) -> None:
    notebook = lesson_01
    widget = notebook.widget("TR (ms)", "TE (ms)")
    notebook.slide(widget, "TR (ms)", "End")
    notebook.slide(widget, "TE (ms)", "End")
    words = notebook.status(widget)
    assert "TR 10000 ms, TE 200 ms" in words
    # Spin echo of CSF (T1 4200 ms, T2 1800 ms, proton density 1) at 1.5 T, written out.
    csf = (1 - 2 * np.exp(-9900 / 4200) + np.exp(-10000 / 4200)) * np.exp(-200 / 1800)
    assert _numbers(words, "water (CSF)")[0] == pytest.approx(csf, abs=0.006)
    notebook.screenshot("contrast", widget)


def test_a_wrong_and_a_right_answer_are_judged(lesson_01: OpenNotebook) -> None:
    notebook = lesson_01
    wrong = "my_regions = lambda l: np.stack([l == ENHANCING, l == NECROSIS, l == OEDEMA])"
    assert "one label each" in notebook.run_code(wrong + "\ncheck.regions(my_regions)")
    assert "TypeError" in notebook.run_code("check.regions(lambda l: l + None)")
    right = "from fedlab_utils.data import to_regions\ncheck.regions(to_regions)"
    assert "passed" in notebook.run_code(right).lower()
    notebook.screenshot("judged")


ACTIVE_CELL = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"


@pytest.mark.parametrize("place", ["handle", "track"])
def test_arrow_keys_move_a_clicked_slider_and_not_the_notebook(
    lesson_01: OpenNotebook, place: str
) -> None:
    notebook = lesson_01
    viewer = notebook.widget("Sequence", "Axial")
    slider = viewer.locator(".widget-inline-hbox").filter(has_text="Axial")
    part = slider.locator(".noUi-handle" if place == "handle" else ".noUi-base")
    box = part.bounding_box()
    part.click(position={"x": box["width"] * (0.5 if place == "handle" else 0.3), "y": 2})
    notebook.settle()
    cell = notebook.page.evaluate(ACTIVE_CELL)
    value = int(slider.locator(".widget-readout").inner_text())
    for key, step in (("ArrowRight", 1), ("ArrowUp", 1), ("ArrowLeft", -1), ("ArrowDown", -1)):
        notebook.page.keyboard.press(key)
        notebook.settle()
        value += step
        assert int(slider.locator(".widget-readout").inner_text()) == value
        assert f", {value})" in notebook.status(viewer)
        assert notebook.page.evaluate(ACTIVE_CELL) == cell


def test_arrow_keys_choose_in_a_list_and_shift_enter_still_runs_the_cell(
    lesson_01: OpenNotebook,
) -> None:
    notebook = lesson_01
    viewer = notebook.widget("Sequence", "Axial")
    notebook.choose(viewer, "Sequence", "T1")
    viewer.locator("select").first.click()
    notebook.page.keyboard.press("Escape")
    cell = notebook.page.evaluate(ACTIVE_CELL)
    notebook.page.keyboard.press("ArrowDown")
    notebook.settle()
    assert "T1ce in three planes" in notebook.status(viewer)
    assert notebook.page.evaluate(ACTIVE_CELL) == cell
    notebook.page.keyboard.press("Shift+Enter")
    notebook.settle()
    assert notebook.page.evaluate(ACTIVE_CELL) == cell + 1


def test_without_webgl_the_linked_viewer_stays_a_picture(
    lab: Lab, chromium: Callable, open_notebook: Opener
) -> None:
    lab.copy("01_brats_data.ipynb", "without_webgl.ipynb")
    notebook = open_notebook("without_webgl.ipynb", chromium((*FLAGS, "--disable-3d-apis")))
    notebook.run_all()
    viewer = notebook.widget("View", "Overlay")
    assert "no WebGL 2" in notebook.status(viewer)
    assert viewer.locator("canvas").count() == 0
    assert np.asarray(notebook.picture(viewer)).std() > 20
    notebook.screenshot("niivue_without_webgl", viewer)
    assert notebook.errors == []
