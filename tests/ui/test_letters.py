"""The letters of orientation: beside every pane, never on tissue, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fedlab_utils.data import load_cohort
from fedlab_utils.data.phantom.tissue import NAMES
from fedlab_utils.ui import (
    AugmentationExplorer,
    ContrastExplorer,
    LinkedViewer,
    PredictionViewer,
    PreprocessingExplorer,
    TriPlanar,
    sequence_panel,
    slices,
)
from tests.ui.scans import small_scan
from tests.ui.test_predictions import patient

Box = tuple[int, int, int, int]


class Spy:
    """Remembers every pane's box and the pixels that its letters changed."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.inks: list[np.ndarray] = []
        self._write = slices.edge_letters

    def __call__(self, draw: ImageDraw.ImageDraw, box: Box, *rest: object) -> None:
        before = np.asarray(draw._image).copy()
        self._write(draw, box, *rest)
        self.inks.append((np.asarray(draw._image) != before).any(axis=-1))
        self.boxes.append(box)
        width, height = box[2] - box[0] + 1, box[3] - box[1] + 1
        free = Image.new("RGB", (width + 100, height + 100))
        self._write(ImageDraw.Draw(free), (50, 50, 49 + width, 49 + height), *rest)
        assert self.inks[-1].sum() == np.asarray(free).any(axis=-1).sum(), "cut off or covered"


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    spy = Spy()
    monkeypatch.setattr(slices, "edge_letters", spy)
    yield spy
    assert spy.boxes
    for left, top, right, bottom in spy.boxes:
        for ink in spy.inks:
            assert not ink[top : bottom + 1, left : right + 1].any(), "a letter on a pane"


@pytest.mark.parametrize(
    ("draw", "panes"),
    [
        (lambda scan: TriPlanar(scan).draw(), 6),  # drawn once when made
        (lambda scan: TriPlanar(scan, radiological=False).draw(), 6),
        (sequence_panel, 4),
        (LinkedViewer, 4),
        (lambda scan: AugmentationExplorer(scan, index=5), 3),
        (lambda _: PredictionViewer([patient("toy")]), 3),
    ],
    ids=["triplanar", "neurological", "panel", "linked", "augmentation", "prediction"],
)
def test_letters_lie_beside_the_panes(spy: Spy, draw: Callable, panes: int) -> None:
    draw(small_scan())
    assert len(spy.boxes) == panes


def test_letters_lie_beside_the_pane_of_the_contrast_explorer(spy: Spy) -> None:
    fractions = np.zeros((len(NAMES), 30, 36))
    fractions[NAMES.index("white"), :15] = 1  # the patient's left half
    fractions[NAMES.index("csf"), 15:] = 1
    picture = np.asarray(ContrastExplorer(fractions).draw().convert("L"))
    assert len(spy.boxes) == 2  # drawn once when made
    left, top, right, bottom = spy.boxes[-1]
    pane, middle = picture[top : bottom + 1], (left + right) // 2
    assert pane[:, left : middle - 9].mean() < pane[:, middle + 9 : right].mean() - 50, (
        "water is darker in T1, and lies on the patient's right, the picture's left"
    )


def test_letters_lie_beside_the_panes_of_preprocessing(spy: Spy, phantom_dir: Path) -> None:
    cohort = load_cohort(phantom_dir)
    explorer = PreprocessingExplorer(cohort.load(cohort.cases[0].case_id))
    assert len(spy.boxes) == 2
    explorer.n4.value = True
    assert len(spy.boxes) == 5
