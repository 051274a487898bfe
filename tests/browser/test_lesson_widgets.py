"""What the lessons' explorers show in a browser, against the patient's files on disk."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage

from fedlab_utils.data import CaseFiles, open_cohort
from tests.browser.notebook import OpenNotebook
from tests.ui import oracles

pytestmark = pytest.mark.browser

SEQUENCES = ("T1", "T1ce", "T2", "FLAIR")
PANE, GAP, EDGE, HEAD, FOOT = 280, 41, 18, 46, 48  # of the two explorers' pictures, in pixels


@pytest.fixture(scope="module")
def files() -> list[CaseFiles]:
    """Where the files of the lessons' patients lie."""
    return open_cohort().labelled().cases


@pytest.fixture(scope="module")
def patient(files: list[CaseFiles]) -> SimpleNamespace:
    """The first of them, read by nibabel; normalised as the lessons do at laptop tier."""
    image = np.stack([oracles.read_ras(files[0].images[s]) for s in SEQUENCES])
    labels = np.rint(oracles.read_ras(files[0].label))
    brain, mm = oracles.brain_of(image), oracles.voxel_mm(files[0].label)
    box = oracles.box_of(brain | (labels > 0))
    axial = int((labels > 0).sum(axis=(0, 1)).argmax())
    return SimpleNamespace(image=image, labels=labels, brain=brain, mm=mm, box=box, axial=axial)


def _as_picture(section: np.ndarray) -> np.ndarray:
    """An axial or coronal slice seen by a radiologist: right on the left, top at the top."""
    return section[::-1, ::-1].T


def _grey(values: np.ndarray, low: float, high: float) -> np.ndarray:
    grey = np.clip((values - low) / (high - low), 0, 1) * 255
    return np.where(values == 0, 0, grey + 0.5).astype(np.uint8)


def _pane(picture: Image.Image, number: int) -> np.ndarray:
    left = EDGE + number * (PANE + GAP)
    return np.asarray(picture.crop((left, HEAD, left + PANE, picture.height - FOOT))).astype(int)


def _share_alike(pane: np.ndarray, grey: np.ndarray, method: Image.Resampling) -> float:
    """Share of a pane's uncoloured pixels that are the grey expected there."""
    size = (pane.shape[1], pane.shape[0])
    expected = np.asarray(Image.fromarray(_as_picture(grey)).resize(size, method)).astype(int)
    uncoloured = np.ptp(pane, axis=2) == 0
    return float((np.abs(pane[..., 0] - expected) <= 3)[uncoloured].mean())


def _number(text: str) -> float:
    return float(re.search(r"-?\d+(\.\d+)?", text)[0])


# --- Lesson 02: preprocessing ----------------------------------------------------------------


def _check_preprocessing(
    notebook: OpenNotebook, p: SimpleNamespace, sequence: str, spacing: float, clip: float
) -> None:
    widget = notebook.widget("Voxel edge", "Clip at (z)")
    volume = p.image[SEQUENCES.index(sequence)]
    scores = oracles.zscores(volume, p.brain, clip)[p.box]
    after, inside = oracles.regrid_inside(scores, p.brain[p.box], p.mm, spacing)
    rows = [row.locator("th, td").all_inner_texts() for row in widget.locator("tr").all()]
    shown = {name: (before, then) for name, before, then in rows[1:]}
    raw, values = volume[p.brain].astype(float), after[inside]
    assert shown["grid (voxels)"] == tuple(
        " x ".join(str(n) for n in grid) for grid in (volume.shape, after.shape)
    )
    for name, expected, tolerance in (
        ("four sequences (MB)", (16e-6 * volume.size, 16e-6 * after.size), 0.051),
        ("mean in the brain", (raw.mean(), values.mean()), 0.0011),
        ("standard deviation", (raw.std(), values.std()), 0.0011),
    ):
        got = tuple(_number(text) for text in shown[name])
        assert got == pytest.approx(expected, rel=1e-3, abs=tolerance), name
    clipped = 100 * (np.abs(values) >= clip - 1e-6).mean()
    assert _number(shown["clipped brain voxels"][1]) == pytest.approx(clipped, abs=0.011)

    picture = notebook.picture(widget)
    cut = p.box[:2]
    low, high = np.percentile(volume[volume != 0], (1, 99.5))
    middle = (p.axial + 0.5 - p.box[2].start) * p.mm[2] / spacing - 0.5
    limit = min(clip, 2.5)
    nearest = Image.Resampling.NEAREST
    before_grey = _grey(volume[..., p.axial][cut], low, high)
    after_grey = _grey(after[..., round(middle)], -limit, limit)
    assert _share_alike(_pane(picture, 0), before_grey, nearest) > 0.98
    assert _share_alike(_pane(picture, 1), after_grey, nearest) > 0.98


def test_preprocessing_shows_what_the_files_give(
    lesson_02: OpenNotebook, patient: SimpleNamespace
) -> None:
    notebook = lesson_02
    widget = notebook.widget("Voxel edge", "Clip at (z)")
    _check_preprocessing(notebook, patient, "T1ce", 2.0, 5.0)
    notebook.choose(widget, "Sequence", "FLAIR")
    _check_preprocessing(notebook, patient, "FLAIR", 2.0, 5.0)
    assert notebook.slide(widget, "Voxel edge", "ArrowRight") == "3 mm"
    _check_preprocessing(notebook, patient, "FLAIR", 3.0, 5.0)
    assert _number(notebook.slide(widget, "Clip at (z)", "Home")) == 0.5
    _check_preprocessing(notebook, patient, "FLAIR", 3.0, 0.5)
    notebook.slide(widget, "Voxel edge", "Home")
    notebook.slide(widget, "Clip at (z)", "ArrowRight", times=3)
    _check_preprocessing(notebook, patient, "FLAIR", 1.0, 2.0)


def test_n4_shows_the_field_that_simpleitk_finds(
    lesson_02: OpenNotebook, patient: SimpleNamespace
) -> None:
    import SimpleITK as sitk  # noqa: N813

    notebook = lesson_02
    widget = notebook.widget("Voxel edge", "Clip at (z)")
    notebook.choose(widget, "Sequence", "T2")
    assert "N4" not in notebook.status(widget)
    assert notebook.picture(widget).width == 2 * (PANE + GAP) - 5, "a pane for N4, which is off"
    words = widget.get_by_role("status")
    words.evaluate(
        """node => { const box = node.parentNode; window.n4Said = [];
        new MutationObserver(() => window.n4Said.push(box.textContent))
            .observe(box, {childList: true, subtree: true, characterData: true}); }"""
    )
    notebook.tick(widget, "N4")
    assert any("N4 is working" in said for said in notebook.page.evaluate("window.n4Said"))
    assert "working" not in notebook.status(widget)
    notebook.screenshot("preprocessing_n4", widget)
    row = widget.locator("tr").filter(has_text="removed by N4").inner_text()

    brain = patient.brain[patient.box]
    full = sitk.GetImageFromArray(np.where(brain, patient.image[2][patient.box], 0))
    mask = sitk.GetImageFromArray((brain & (sitk.GetArrayFromImage(full) > 0)).astype(np.uint8))
    for image in (full, mask):
        image.SetSpacing([float(step) for step in patient.mm][::-1])
    factors = [max(1, round(6 / step)) for step in patient.mm][::-1]
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([50, 50, 30])
    n4.Execute(sitk.Shrink(full, factors), sitk.Shrink(mask, factors))
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)))
    field /= np.median(field[brain])
    low, high = np.percentile(field[brain], (1, 99))
    assert _number(row.split("±")[1]) == pytest.approx(50 * (high - low), abs=1.01)
    pane = _pane(notebook.picture(widget), 2)
    grey = np.where(brain, _grey(field, 0.7, 1.3), _grey(1.0, 0.7, 1.3))
    section = grey[..., patient.axial - patient.box[2].start]
    assert _share_alike(pane, section, Image.Resampling.NEAREST) > 0.95
    notebook.tick(widget, "N4")
    assert "N4" not in notebook.status(widget)


# --- Lesson 02: augmentation -----------------------------------------------------------------


def _check_augmentation(
    notebook: OpenNotebook, p: SimpleNamespace, name: str, strength: float, seed: int, at: int
) -> None:
    widget = notebook.widget("Transform", "Strength")
    index = p.axial - p.box[2].start
    volumes = np.stack([oracles.zscores(v, p.brain)[p.box] for v in p.image])
    image, target = volumes[..., index], oracles.regions(p.labels[p.box])[..., index]
    after, moved = oracles.augmented(name, image, target, strength, seed)
    words = notebook.status(widget)
    assert f"'{name}' with strength {strength:.2f} and seed {seed}," in words
    brain = (image != 0).any(axis=0) | (after != 0).any(axis=0)
    change = np.abs(after[at] - image[at])[brain].mean()
    assert _number(words.split("in the brain: ")[1]) == pytest.approx(change, abs=2e-3)
    for region, a, b in zip(("ET", "TC", "WT"), target, moved, strict=True):
        shown = words.split("after: ")[1].split(f"{region} ")[1]
        assert _number(shown) == pytest.approx(oracles.dice(a, b), abs=0.011), region

    picture = notebook.picture(widget)
    low, high = np.percentile(volumes[at][volumes[at] != 0], (1, 99.5))
    difference = np.clip((after[at] - image[at]) / 4 + 0.5, 0, 1) * 255
    greys = [_grey(image[at], low, high), _grey(after[at], low, high)]
    for number, grey in enumerate([*greys, (difference + 0.5).astype(np.uint8)]):
        alike = _share_alike(_pane(picture, number), grey, Image.Resampling.BILINEAR)
        assert alike > 0.97, (name, number)
    for number, masks in enumerate((target, moved)):
        coloured = np.ptp(_pane(picture, number), axis=2) > 0
        whole = Image.fromarray(_as_picture(masks[2]).astype(np.uint8))
        whole = np.asarray(whole.resize(coloured.shape[::-1], Image.Resampling.NEAREST)) > 0
        assert not (coloured & ~whole).any(), "an outline outside of the tumour"
        for axis in (1, 0):
            there, lit = (np.flatnonzero(mask.any(axis=axis)) for mask in (whole, coloured))
            gaps = abs(there[:, None] - lit).min(axis=1)
            assert gaps.max() <= 4, "a piece is missing"  # the dots of WT are 4 pixels apart


def test_augmentations_show_what_numpy_computes(
    lesson_02: OpenNotebook, patient: SimpleNamespace
) -> None:
    notebook = lesson_02
    widget = notebook.widget("Transform", "Strength")
    names = widget.locator("select").first.locator("option").all_text_contents()
    assert len(names) == 8
    for name in (text.replace("\xa0", " ") for text in names):
        notebook.choose(widget, "Transform", name)
        _check_augmentation(notebook, patient, name, 0.6, 0, 3)
        if name == "affine":
            notebook.screenshot("augmentation", widget)
    notebook.choose(widget, "Transform", "elastic")
    assert notebook.slide(widget, "Seed", "ArrowRight", times=3) == "3"
    _check_augmentation(notebook, patient, "elastic", 0.6, 3, 3)
    notebook.slide(widget, "Strength", "End")
    _check_augmentation(notebook, patient, "elastic", 1.0, 3, 3)
    notebook.choose(widget, "Sequence", "T1ce")
    _check_augmentation(notebook, patient, "elastic", 1.0, 3, 1)
    notebook.slide(widget, "Strength", "Home")
    _check_augmentation(notebook, patient, "elastic", 0.0, 3, 1)
    assert notebook.errors == []


# --- Lesson 01: the cohort -------------------------------------------------------------------

MEASURES = {
    "age (years)": "age",
    "survival (days)": "survival_days",
    "enhancing tumour volume (ml)": "ET",
    "tumour core volume (ml)": "TC",
    "whole tumour volume (ml)": "WT",
}

PLOTTED = """plot => ({
    axes: [plot._fullLayout.xaxis.title.text, plot._fullLayout.yaxis.title.text],
    traces: plot._fullData.map((trace, i) => ({
        name: trace.name, type: trace.type, ids: [...(trace.text || [])], x: [...trace.x],
        y: [...(trace.y || [])], bars: plot.calcdata[i].map(bar => bar.s),
    }))})"""


@pytest.fixture(scope="module")
def table(files: list[CaseFiles]) -> Iterator[pd.DataFrame]:
    """The phantom's table as pandas reads it, with volumes counted in the files."""
    if os.environ.get("FEDLAB_DATA"):
        pytest.skip("the columns of the phantom's table")
    root = files[0].label.parents[2]
    table = pd.read_csv(root / "clinical.csv", dtype={"institution": str}, index_col="case_id")
    for case in files:
        masks = oracles.regions(np.rint(oracles.read_ras(case.label)))
        ml = masks.sum(axis=(1, 2, 3)) * np.prod(oracles.voxel_mm(case.label)) / 1000
        table.loc[case.case_id, ["ET", "TC", "WT"]] = ml
    return table


def _check_plot(notebook: OpenNotebook, table: pd.DataFrame, x: str, y: str, group: str) -> None:
    widget = notebook.widget("Along x", "Along y")
    plot = widget.locator(".js-plotly-plot").evaluate(PLOTTED)
    assert plot["axes"] == [x, y]
    wanted = table.dropna(subset=[MEASURES[a] for a in (x, y) if a in MEASURES])
    names = wanted[group].fillna("not recorded") if group != "none" else "all cases"
    wanted = wanted.assign(name=names)
    assert {t["name"] for t in plot["traces"]} == set(wanted["name"])
    edges = np.linspace(wanted[MEASURES[x]].min(), wanted[MEASURES[x]].max(), 13)
    for trace in plot["traces"]:
        mine = wanted[wanted["name"] == trace["name"]]
        if y in MEASURES:
            points = dict(zip(trace["ids"], zip(trace["x"], trace["y"], strict=True), strict=True))
            assert set(points) == set(mine.index)
            for case, row in mine.iterrows():
                due = (row[MEASURES[x]], row[MEASURES[y]])
                assert points[case] == pytest.approx(due, rel=1e-4), case
        else:
            np.testing.assert_allclose(np.sort(trace["x"]), np.sort(mine[MEASURES[x]]), rtol=1e-4)
            assert trace["type"] == "histogram"
            counts = np.histogram(mine[MEASURES[x]], edges)[0]
            assert [n for n in trace["bars"] if n] == [n for n in counts if n]


def test_the_plot_holds_the_rows_of_the_table(lesson_01: OpenNotebook, table: pd.DataFrame) -> None:
    notebook = lesson_01
    widget = notebook.widget("Along x", "Along y")
    widget.scroll_into_view_if_needed()
    _check_plot(notebook, table, "age (years)", "whole tumour volume (ml)", "grade")
    for x in MEASURES:
        notebook.choose(widget, "Along x", x)
        _check_plot(notebook, table, x, "whole tumour volume (ml)", "grade")
    for y in MEASURES:
        notebook.choose(widget, "Along y", y)
        _check_plot(notebook, table, "whole tumour volume (ml)", y, "grade")
    for group in ("institution", "resection", "sex", "none"):
        notebook.choose(widget, "Colour by", group)
        _check_plot(notebook, table, "whole tumour volume (ml)", y, group)
        assert "whole tumour volume (ml)" in notebook.status(widget)
    notebook.choose(widget, "Colour by", "institution")
    notebook.choose(widget, "Along y", "number of cases")
    _check_plot(notebook, table, "whole tumour volume (ml)", "number of cases", "institution")
    notebook.screenshot("cohort", widget)
    assert notebook.errors == []


# --- Lesson 01: NiiVue -----------------------------------------------------------------------

COLOURS = {1: (240, 228, 66), 2: (86, 180, 233), 4: (213, 94, 0)}
"""Colour of each label of the file: Okabe and Ito's yellow, sky blue and vermilion."""

CROSS = (120, 255, 130)


class Windows:
    """The four windows, and where in them a voxel of the patient lies."""

    def __init__(self, notebook: OpenNotebook, p: SimpleNamespace) -> None:
        self.notebook, self.p = notebook, p
        self.widget = notebook.widget("View", "Overlay")
        self.widget.scroll_into_view_if_needed()
        self.canvases = self.widget.locator("canvas")
        filled = (p.image != 0).any(axis=0)
        pads = [int(np.ceil(6 / step)) for step in p.mm]  # 6 mm are left around the head
        self.field = [
            (max(s.start - pad, 0), min(s.stop + pad, n))
            for s, pad, n in zip(oracles.box_of(filled), pads, filled.shape, strict=True)
        ]

    @property
    def wide_mm(self) -> float:
        """Width of the axial view."""
        return (self.field[0][1] - self.field[0][0]) * self.p.mm[0]

    def pictures(self) -> list[np.ndarray]:
        """What the four windows show, once two looks show the same."""
        before = None
        for _ in range(20):
            now = [
                np.asarray(Image.open(io.BytesIO(c.screenshot())).convert("RGB")).astype(int)
                for c in self.canvases.all()
            ]
            if before and all(np.array_equal(a, b) for a, b in zip(now, before, strict=True)):
                return now
            before = now
            self.notebook.page.wait_for_timeout(400)
        raise AssertionError("the windows never come to rest")

    def rectangle(self, picture: np.ndarray, down: int) -> tuple[float, float, float, float]:
        """Left, top, width and height of a slice whose height is axis ``down``."""
        mm = [(self.field[a][1] - self.field[a][0]) * self.p.mm[a] for a in (0, down)]
        height, width = picture.shape[:2]
        scale = min(width / mm[0], height / mm[1])
        wide, high = mm[0] * scale, mm[1] * scale
        return (width - wide) / 2, (height - high) / 2, wide, high

    def pixel(self, picture: np.ndarray, voxel: tuple[int, int, int]) -> tuple[float, float]:
        """Column and row of a voxel's middle in the axial view."""
        left, top, wide, high = self.rectangle(picture, 1)
        across, down = (
            1 - (voxel[a] + 0.5 - self.field[a][0]) / (self.field[a][1] - self.field[a][0])
            for a in (0, 1)
        )
        return left + across * wide, top + down * high

    def slice(self, volume: np.ndarray, picture: np.ndarray, down: int, at: int) -> np.ndarray:
        """Axial (down 1) or coronal (down 2) slice as it should lie in a window, by nearest."""
        part = volume[tuple(slice(*edges) for edges in self.field)]
        section = part[:, :, at - self.field[2][0]] if down == 1 else part[:, at - self.field[1][0]]
        turned = _as_picture(section)
        left, top, wide, high = self.rectangle(picture, down)
        rows = np.floor((np.arange(picture.shape[0]) + 0.5 - top) / high * turned.shape[0])
        columns = np.floor((np.arange(picture.shape[1]) + 0.5 - left) / wide * turned.shape[1])
        result = np.zeros(picture.shape[:2])
        inside = np.ix_(
            (rows >= 0) & (rows < turned.shape[0]), (columns >= 0) & (columns < turned.shape[1])
        )
        result[inside] = turned[
            np.ix_(rows[inside[0][:, 0]].astype(int), columns[inside[1][0]].astype(int))
        ]
        return result


def _coloured(picture: np.ndarray) -> np.ndarray:
    """The label, or -1 for the cross-hair, whose colour each pixel is nearest to; grey is 0."""
    names = [*COLOURS, -1]
    distance = [np.abs(picture - rgb).sum(axis=2) for rgb in (*COLOURS.values(), CROSS)]
    return np.where(np.ptp(picture, axis=2) > 40, np.array(names)[np.argmin(distance, axis=0)], 0)


def _check_overlay(windows: Windows, down: int, at: int) -> None:
    for picture in windows.pictures():
        labels, there = windows.slice(windows.p.labels, picture, down, at), _coloured(picture)
        assert oracles.dice(there > 0, labels > 0) > 0.92, down  # one voxel aside gives less
        for value in COLOURS:
            # Away from the borders, where NiiVue mixes colours.
            middle = ndimage.binary_erosion(labels == value, iterations=3) & (there != -1)
            if middle.sum() > 20:
                assert (there[middle] == value).mean() > 0.95, (down, value)


def test_niivue_shows_the_patient_where_the_files_say(
    lesson_01: OpenNotebook, patient: SimpleNamespace
) -> None:
    notebook, p = lesson_01, patient
    windows = Windows(notebook, p)
    notebook.slide(windows.widget, "Overlay", "End")
    _check_overlay(windows, 1, p.axial)
    notebook.screenshot("niivue_overlay", windows.widget)
    assert "letters in a window's corner" in notebook.status(windows.widget)
    notebook.slide(windows.widget, "Overlay", "Home")
    for volume, picture in zip(p.image, windows.pictures(), strict=True):
        assert not (_coloured(picture) > 0).any()
        left, top, wide, _ = (round(v) for v in windows.rectangle(picture, 1))
        corner = picture[top : top + 30, left : left + 40]
        assert (corner.min(axis=2) > 60).sum() > 20, "no letters in the corner"
        middle = picture[top : top + round(6 * wide / windows.wide_mm), left + 40 :]
        assert (middle[_coloured(middle) == 0] < 60).all(), "a letter above the head"
        due = windows.slice(volume, picture, 1, p.axial)
        low, high = np.percentile(volume[volume != 0], (1, 99.5))
        there = (due != 0) & (np.ptp(picture, axis=2) < 4)
        correlation = np.corrcoef(_grey(due, low, high)[there], picture[there][:, 0])[0, 1]
        assert correlation > 0.95
    assert _number(notebook.slide(windows.widget, "Overlay", "End")) == 1

    enhancing = np.argwhere(p.labels[..., p.axial] == p.labels.max())
    voxel = (*(int(v) for v in enhancing[len(enhancing) // 4]), p.axial)
    x, y = windows.pixel(windows.pictures()[0], voxel)
    windows.canvases.nth(2).click(position={"x": x, "y": y})
    notebook.settle()
    words = notebook.status(windows.widget)
    assert f"voxel {voxel}" in words
    assert "label enhancing tumour" in words
    for name, value in zip(SEQUENCES, p.image[(slice(None), *voxel)], strict=True):
        assert _number(words.split(f"{name} ")[1]) == pytest.approx(value, rel=1e-3)
    for picture in windows.pictures():
        cross = _coloured(picture) == -1
        assert abs(np.argmax(cross.sum(axis=0)) + 0.5 - x) <= 2
        assert abs(np.argmax(cross.sum(axis=1)) + 0.5 - y) <= 2

    notebook.choose(windows.widget, "View", "coronal")
    _check_overlay(windows, 2, voxel[1])
    notebook.screenshot("niivue_coronal", windows.widget)
    notebook.choose(windows.widget, "View", "axial")
    assert notebook.errors == []
