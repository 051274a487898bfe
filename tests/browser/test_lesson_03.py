"""Lesson 03 in a browser: the live curve against the training's own rows, viewers against files."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.browser.lab import REPOSITORY
from tests.browser.notebook import OpenNotebook
from tests.ui import oracles

pytestmark = pytest.mark.browser

GALLERY = REPOSITORY / "data" / "gallery"
BRATS_2018 = {"ET": (4,), "TC": (1, 4), "WT": (1, 2, 4)}


def test_the_curve_in_the_page_holds_the_training_s_own_rows(lesson_03: OpenNotebook) -> None:
    rows = json.loads(lesson_03.run_code("import json\nprint(json.dumps(fit.curve))"))
    read = """epochs => {
        const found = Array.from(document.querySelectorAll('.js-plotly-plot'))
            .map(plot => plot.data.map(t => [t.name, Array.from(t.x ?? []), Array.from(t.y ?? [])]))
            .find(lines => lines.some(line => line[0] === 'training loss'));
        return found && found[0][1].length === epochs ? found : null; }"""
    # The page may still be drawing what the kernel has long said.
    lines = lesson_03.page.wait_for_function(read, arg=len(rows), timeout=120_000).json_value()
    shown = {name: (x, y) for name, x, y in lines}
    for name, key in (
        ("training loss", "loss"),
        *((f"Dice {region}", f"dice_{region.lower()}") for region in BRATS_2018),
    ):
        x, y = shown[name]
        due = [(row["epoch"], row[key]) for row in rows if key in row]
        assert len(due) >= 2
        np.testing.assert_allclose(np.transpose(due), [x, y], rtol=1e-6)
    curve = lesson_03.page.locator(".js-plotly-plot").filter(has_text="training loss").first
    lesson_03.screenshot("lesson_03_curve", curve)


def _files(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and prediction of a gallery patient, read by nibabel, in RAS."""
    case, model = name.replace("\xa0", " ").split(", ")  # ipywidgets keeps spaces from breaking
    (truth,) = GALLERY.glob(f"patients/**/{case}_seg.nii.gz")
    prediction = GALLERY / "predictions" / model / f"{case}.nii.gz"
    return tuple(np.rint(oracles.read_ras(path)) for path in (truth, prediction))


def test_the_gallery_s_numbers_are_those_of_its_files(lesson_03: OpenNotebook) -> None:
    viewer = lesson_03.widget("Patient", "Slice")
    options = viewer.locator(".widget-dropdown select").first.locator("option").all_inner_texts()
    assert len(options) >= 3
    for option in options:
        lesson_03.choose(viewer, "Patient", option)
        index = int(lesson_03.slide(viewer, "Slice", "ArrowRight", times=2))
        words = lesson_03.status(viewer)
        truth, mine = _files(option)
        for region, values in BRATS_2018.items():
            a, b = np.isin(truth, values), np.isin(mine, values)
            dice = 2 * (a & b).sum() / (a.sum() + b.sum()) if (a | b).any() else 1.0
            assert float(re.search(rf"{region} (\d\.\d\d)[,.]", words)[1]) == pytest.approx(
                dice, abs=0.0051
            )
            areas = re.search(rf"{region} (\d+\.\d) \(reference (\d+\.\d)\)", words)
            for said, mask in zip(areas.groups(), (b, a), strict=True):
                assert float(said) == pytest.approx(mask[..., index].sum() * 0.04, abs=0.051)


ROOM = """list => {
    const pen = document.createElement('canvas').getContext('2d');
    pen.font = getComputedStyle(list).font;
    const texts = [...list.options].map(option => pen.measureText(option.text).width);
    return list.clientWidth - Math.max(...texts); }"""


def test_the_longest_name_of_a_patient_is_read_to_its_end(lesson_03: OpenNotebook) -> None:
    viewers = lesson_03.page.locator(".jp-OutputArea-output .widget-dropdown").filter(
        has=lesson_03.page.locator(".widget-label:text-is('Patient')")
    )
    rooms = [viewer.locator("select").evaluate(ROOM) for viewer in viewers.all()]
    assert len(rooms) == 3
    assert min(rooms) > 16, "beside the text there is the arrow"


def test_the_coloured_surfaces_are_as_large_as_the_masks(lesson_03: OpenNotebook) -> None:
    """Reference and network each in their own pane, the scan without any colour."""
    viewer = lesson_03.widget("Patient", "Slice")
    option = viewer.locator(".widget-dropdown select").first.locator("option").first.inner_text()
    lesson_03.choose(viewer, "Patient", option)
    lesson_03.choose(viewer, "Show", "WT")
    index = int(lesson_03.slide(viewer, "Slice", "ArrowLeft"))
    truth, mine = (np.isin(labels, BRATS_2018["WT"])[..., index] for labels in _files(option))
    picture = np.asarray(lesson_03.picture(viewer).convert("RGB")).astype(int)[60:-60]
    lesson_03.screenshot("lesson_03_gallery", viewer)
    # Panes differ in their place, not in size; the first has no overlay.
    width = picture.shape[1] / 3
    panes = [picture[:, round(n * width) : round((n + 1) * width)] for n in range(3)]
    coloured = [int((np.ptp(pane, axis=2) > 25).sum()) for pane in panes]
    assert coloured[0] == 0
    assert coloured[1] / coloured[2] == pytest.approx(truth.sum() / mine.sum(), rel=0.06)


def test_answers_are_judged(lesson_03: OpenNotebook) -> None:
    wrong = "my_soft_dice = lambda p, t: 2 * (p * t).sum((0, 2, 3)) / (p + t).sum((0, 2, 3))"
    assert "0 / 0" in lesson_03.run_code(wrong + "\ncheck.soft_dice(my_soft_dice)")
    right = "my_soft_dice = lambda p, t: (2 * (p * t).sum((0, 2, 3)) + 1)"
    right += " / ((p + t).sum((0, 2, 3)) + 1)"
    passed = lesson_03.run_code(right + "\ncheck.soft_dice(my_soft_dice)")
    assert "passed" in passed.lower()


def test_nothing_went_wrong_on_the_way(lesson_03: OpenNotebook) -> None:
    assert lesson_03.error_outputs() == []
    assert lesson_03.errors == []
