"""The panel of four sequences."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fedlab_utils.ui.panel import sequence_panel


@pytest.fixture
def scan() -> SimpleNamespace:
    image = np.zeros((4, 20, 24, 12), np.float32)
    image[:, 2:18, 2:22, 1:11] = 100.0
    for channel, level in enumerate((100, 200, 300, 400)):
        image[channel, 4:10, 4:20, 2:10] = level
    labels = np.zeros(image.shape[1:], np.uint8)
    labels[12:15, 12:18, 5] = 2
    labels[12:15, 12:15, 6] = 2
    return SimpleNamespace(image=image, labels=labels, affine=np.eye(4), spacing=(2.0, 2.0, 3.0))


def test_it_shows_the_slice_with_most_tumour_and_says_how_much(scan: SimpleNamespace) -> None:
    panel = sequence_panel(scan, "case-1")
    # 3 x 6 voxels of 2 mm x 2 mm = 72 mm2 = 0.7 cm2, in slice 5.
    assert "case-1" in panel.alt
    assert "slice 5" in panel.alt
    assert "0.7 square centimetres" in panel.alt


def test_the_patients_right_is_on_the_left_of_each_pane(scan: SimpleNamespace) -> None:
    scan.image[0, 14:18, 2:22, 1:11] = 400.0  # bright on the patient's right (high x)
    picture = np.asarray(
        Image.open(io.BytesIO(sequence_panel(scan, outline=False).png)).convert("L")
    )
    t1 = picture[60:-60, :300].astype(float)
    assert t1[:, 20:100].mean() > 1.5 * t1[:, 200:280].mean()


def test_no_labels_no_outline(scan: SimpleNamespace) -> None:
    scan.labels = None
    assert "outlined" not in sequence_panel(scan).alt
