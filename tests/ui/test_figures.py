"""The static figures: their words against numbers taken from the data."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from fedlab_utils.data import load_cohort, preprocess
from fedlab_utils.ui import figures, intensity_histograms
from fedlab_utils.ui.twin import Picture

NOTEBOOK_PIXELS = 900
"""Width at which a notebook's page shows a picture that is wider."""


def test_histograms_name_the_range_of_the_patients_medians(phantom_dir: Path) -> None:
    cohort = load_cohort(phantom_dir)
    cases = [cohort.load(files.case_id) for files in cohort.cases[:3]]
    picture = intensity_histograms(cases, [preprocess(case) for case in cases])
    medians = [float(np.median(case.image[2][case.image[2] != 0])) for case in cases]
    assert f"T2 {min(medians):.4g} to {max(medians):.4g}" in picture.alt
    assert "3 patients" in picture.alt


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The last figure: its size in the page, in CSS points per point, and its parts."""
    last, real = SimpleNamespace(), figures.figure

    def spy(fig: object, alt: str) -> Picture:
        fig.canvas.draw()
        last.texts = [t for t in fig.findobj(Text) if t.get_text().strip() and t.get_visible()]
        last.picture = real(fig, alt)
        width = Image.open(io.BytesIO(last.picture.png)).width
        last.scale = 100 / 96 * min(1, NOTEBOOK_PIXELS / width)
        return last.picture

    monkeypatch.setattr(figures, "figure", spy)
    return last


def test_six_histograms_are_readable_in_a_notebook(
    phantom_dir: Path, drawn: SimpleNamespace
) -> None:
    cohort = load_cohort(phantom_dir)
    case = cohort.load(cohort.cases[0].case_id)
    intensity_histograms([case] * 6, [preprocess(case)] * 6)
    assert sum(case.files.case_id in text.get_text() for text in drawn.texts) == 6
    assert min(text.get_size() for text in drawn.texts) * drawn.scale >= 9
