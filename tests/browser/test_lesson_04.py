"""Lesson 04 in a browser: the explorer of hospitals against the patients' files and scipy."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator
from scipy.spatial.distance import jensenshannon

from fedlab_utils.data.cohort import open_phantom
from fedlab_utils.ui.hospital_words import IN_A_SENTENCE, NAMES
from tests.browser.notebook import OpenNotebook
from tests.ui import oracles

pytestmark = pytest.mark.browser

REGIONS, SEQUENCES = ("ET", "TC", "WT"), ("T1", "T1ce", "T2", "FLAIR")
SIDE, FRAME, HEAD, WIDE, ROW = 150, 5, 24, 168, 6  # of the samples' picture, in pixels
PLOT = """() => Array.from(document.querySelectorAll('.js-plotly-plot'))
    .map(plot => plot.data.map(t => [t.name, Array.from(t.x ?? []), Array.from(t.y ?? []),
                                     t.type === 'bar' ? t.marker.color : null]))
    .find(lines => lines.some(line => line[0] === 'to train on'))"""


@pytest.fixture(scope="module")
def volumes() -> dict[str, np.ndarray]:
    """Region -> ml of each phantom, sorted; counted in the label files."""
    found = {region: [] for region in REGIONS}
    for files in open_phantom().labelled().cases:
        labels = np.rint(oracles.read_ras(files.label))
        ml = np.prod(oracles.voxel_mm(files.label)) / 1000
        for region, mask in zip(REGIONS, oracles.regions(labels), strict=True):
            found[region].append(ml * mask.sum())
    return {region: np.sort(values) for region, values in found.items()}


@pytest.fixture
def explorer(lesson_04: OpenNotebook) -> Locator:
    widget = lesson_04.widget("Dealt", "Skew", "Hospitals", "Seed", "Sequence")
    widget.scroll_into_view_if_needed()
    return widget


def shown(lesson: OpenNotebook, widget: Locator) -> SimpleNamespace:
    """What the plot, the table and the status line say now."""
    traces = lesson.page.evaluate(PLOT)
    parts = np.array([y for name, _, y, _ in traces if name.startswith("to ")])
    count = parts.shape[1]
    dots = {}
    for number, region in enumerate(REGIONS):
        [(x, y)] = [(np.array(x), np.array(y)) for name, x, y, _ in traces if name == region]
        home = np.rint(x - 0.25 * (number - 1)).astype(int)
        dots[region] = [y[home == hospital] for hospital in range(count)]
    rows = [row.locator("td").all_inner_texts() for row in widget.locator("tbody tr").all()]
    return SimpleNamespace(
        parts=parts,
        dots=dots,
        rows=rows,
        colours=traces[0][3],
        told=lesson.status(widget),
        picture=lesson.picture(widget),
    )


def pane(picture: Image.Image, number: int) -> np.ndarray:
    left, top = (number % ROW) * WIDE + 4 + FRAME, (number // ROW) * (SIDE + 34) + HEAD + FRAME
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE))).astype(int)


def histograms(groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Counts in eight bins of as many values each, per hospital and of all."""
    edges = np.unique(np.quantile(np.concatenate(groups), np.arange(1, 8) / 8))
    own = [np.bincount(np.digitize(g, edges, right=True), minlength=len(edges) + 1) for g in groups]
    return np.array(own), np.sum(own, axis=0)


def by_chance(groups: list[np.ndarray]) -> np.ndarray:
    """The distance that hospitals of these sizes stay below in 19 of 20 random deals."""
    rng, pooled = np.random.default_rng(1), np.concatenate(groups)
    cuts, found = np.cumsum([len(g) for g in groups])[:-1], []
    for _ in range(300):
        own, whole = histograms(np.split(rng.permutation(pooled), cuts))
        found.append([jensenshannon(counts, whole, base=2) for counts in own])
    return np.quantile(found, 0.95, axis=0)


def check_figures(now: SimpleNamespace, volumes: dict[str, np.ndarray]) -> None:
    """Nobody lost, and bars, dots, table and words agree with each other and with the files."""
    sizes = now.parts.sum(axis=0)
    assert sizes.sum() == len(volumes["WT"])
    for place, region in enumerate(REGIONS, start=1):
        groups = now.dots[region]
        assert [len(g) for g in groups] == sizes.tolist()
        np.testing.assert_allclose(np.sort(np.concatenate(groups)), volumes[region], atol=1e-3)
        own, whole = histograms(groups)
        due = [jensenshannon(counts, whole, base=2) for counts in own]
        table = np.array([re.findall(r"\d\.\d\d", row[place]) for row in now.rows], float)
        np.testing.assert_allclose(table[:, 0], due, atol=0.0051)
        np.testing.assert_allclose(table[:, 1], by_chance(groups), atol=0.1)
    assert [int(row[0]) for row in now.rows] == sizes.tolist()
    imbalance = float(re.search(r"imbalance (\d\.\d\d)", now.told)[1])
    assert imbalance == pytest.approx(sizes.std() / sizes.mean(), abs=0.0051)
    medians = [np.median(group) for group in now.dots["WT"]]
    low, high = re.search(r"medians (\d+) to (\d+) ml", now.told).groups()
    assert (int(low), int(high)) == pytest.approx((min(medians), max(medians)), abs=0.51)


def check_frames(now: SimpleNamespace) -> None:
    """Each slice is framed in the colour of its hospital's bar."""
    for number, colour in enumerate(now.colours):
        at = ((number % ROW) * WIDE + 5, (number // ROW) * (SIDE + 34) + HEAD + 40)
        assert "#{:02x}{:02x}{:02x}".format(*now.picture.getpixel(at)) == colour.lower()


def test_the_skew_leads_from_chance_to_sorted(
    lesson_04: OpenNotebook, explorer: Locator, volumes: dict
) -> None:
    lesson_04.choose(explorer, "Dealt", "by tumour volume")
    distances = []
    for key, times in (("Home", 1), ("ArrowRight", 10), ("End", 1)):
        lesson_04.slide(explorer, "Skew", key, times=times)
        now = shown(lesson_04, explorer)
        check_figures(now, volumes)
        check_frames(now)
        distances.append(np.mean([float(row[3].split()[0]) for row in now.rows]))
    assert distances == sorted(distances)
    assert distances[-1] > distances[0] + 0.2
    groups = now.dots["WT"]
    assert all(a.max() <= b.min() for a, b in pairwise(groups))
    lesson_04.screenshot("lesson_04_hospitals", explorer)


def test_the_number_of_hospitals_and_the_seed(
    lesson_04: OpenNotebook, explorer: Locator, volumes: dict
) -> None:
    lesson_04.choose(explorer, "Dealt", "at random, equal sizes")
    for key in ("Home", "End"):
        count = int(lesson_04.slide(explorer, "Hospitals", key))
        before = shown(lesson_04, explorer)
        assert before.parts.shape[1] == count == len(before.rows)
        assert np.ptp(before.parts.sum(axis=0)) <= 1
        check_figures(before, volumes)
        check_frames(before)
        lesson_04.slide(explorer, "Seed", "ArrowRight")
        after = shown(lesson_04, explorer)
        check_figures(after, volumes)
        assert any(
            list(a) != list(b) for a, b in zip(before.dots["WT"], after.dots["WT"], strict=True)
        )
    assert count > ROW


def test_every_way_to_deal_keeps_every_patient(
    lesson_04: OpenNotebook, explorer: Locator, volumes: dict
) -> None:
    options = explorer.locator("select").first.locator("option").all_inner_texts()
    assert len(options) == 11
    for option in (text.replace("\xa0", " ") for text in options):
        lesson_04.choose(explorer, "Dealt", option)
        now = shown(lesson_04, explorer)
        [kind] = (kind for kind, name in NAMES.items() if name == option)
        assert IN_A_SENTENCE.get(kind, option) in now.told
        check_figures(now, volumes)
        check_frames(now)


def test_scanners_make_one_patient_look_different(
    lesson_04: OpenNotebook, explorer: Locator
) -> None:
    lesson_04.choose(explorer, "Dealt", "each its own scanner")
    gaps = []
    for key in ("Home", "End"):
        lesson_04.slide(explorer, "Skew", key)
        now = shown(lesson_04, explorer)
        first = pane(now.picture, 0)
        gaps.append([np.abs(pane(now.picture, n) - first).mean() for n in (1, 2, 3)])
        assert len(now.rows[0]) == 6, "look of scans and the scanner's name"
    assert max(gaps[0]) == 0
    assert min(gaps[1]) > 1
    lesson_04.screenshot("lesson_04_scanners", explorer)


def test_a_sequence_that_was_not_taken_is_not_shown(
    lesson_04: OpenNotebook, explorer: Locator
) -> None:
    lesson_04.choose(explorer, "Dealt", "some lack a sequence")
    lesson_04.slide(explorer, "Skew", "End")
    lacking = dict(re.findall(r"(H\d) (T1ce|T1|T2|FLAIR)", shown(lesson_04, explorer).told))
    assert lacking
    for sequence in SEQUENCES:
        lesson_04.choose(explorer, "Sequence", sequence)
        picture = shown(lesson_04, explorer).picture
        for number in range(4):
            dark = (pane(picture, number).sum(axis=-1) == 0).mean() > 0.9
            assert dark == (lacking.get(f"H{number + 1}") == sequence)


def test_a_sample_is_the_patients_slice(lesson_04: OpenNotebook, explorer: Locator) -> None:
    lesson_04.choose(explorer, "Dealt", "by tumour volume")
    case_id = lesson_04.run_code("print(explorer.samples['H4'].case_id)").strip()
    files = open_phantom().files(case_id)
    image = np.stack([oracles.read_ras(files.images[s]) for s in SEQUENCES])
    labels = np.rint(oracles.read_ras(files.label))
    box = oracles.box_of(oracles.brain_of(image) | (labels > 0))
    at = int((labels > 0).sum(axis=(0, 1)).argmax())
    explorer.scroll_into_view_if_needed()
    for sequence in SEQUENCES:
        lesson_04.choose(explorer, "Sequence", sequence)
        drawn = pane(shown(lesson_04, explorer).picture, 3)
        grey = np.ptp(drawn, axis=-1) == 0
        alike = []
        for volume in image:
            cut = volume[..., at][box[:2]][::-1, ::-1].T.astype(np.float32)
            scale = SIDE / max(cut.shape)
            size = (round(cut.shape[1] * scale), round(cut.shape[0] * scale))
            whole = Image.new("F", (SIDE, SIDE))
            corner = ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2)
            whole.paste(Image.fromarray(cut).resize(size), corner)
            alike.append(np.corrcoef(np.asarray(whole)[grey], drawn[..., 0][grey])[0, 1])
        assert SEQUENCES[int(np.argmax(alike))] == sequence
        assert max(alike) > 0.85


def test_answers_are_judged(lesson_04: OpenNotebook) -> None:
    right = (
        "def my_distance(first, second):\n"
        "    from scipy.spatial.distance import jensenshannon\n"
        "    return jensenshannon(first, second, base=2)\n"
    )
    call = "check.jensen_shannon_distance(my_distance)"
    wrong = right.replace(", base=2", "")
    assert "natural logarithm" in lesson_04.run_code(wrong + call)
    assert "passed" in lesson_04.run_code(right + call).lower()


def test_nothing_went_wrong_on_the_way(lesson_04: OpenNotebook) -> None:
    assert lesson_04.error_outputs() == []
    assert lesson_04.errors == []
