from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.case import load_case, to_file_grid
from fedlab_utils.data.preprocessing import PreprocessSettings, preprocess
from fedlab_utils.data.restore import restore_labels, restore_probabilities
from fedlab_utils.errors import GeometryError
from tests.data import tiny


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def test_exact_at_the_files_own_spacing(tmp_path: Path) -> None:
    """The files' axes are left-posterior-superior: flips and crop are undone too."""
    case = load_case(tiny.write(tmp_path))
    there = preprocess(case, PreprocessSettings(4.0))
    back = restore_labels(there.labels, there, case)
    stored = tiny.labels()[::-1, ::-1]
    assert np.array_equal(back, stored)
    assert back.dtype == np.uint8


@pytest.mark.parametrize(("spacing", "least"), [(2.0, 0.97), (3.0, 0.90), (6.0, 0.85)])
def test_close_at_other_spacings(spacing: float, least: float) -> None:
    case = tiny.case()
    there = preprocess(case, PreprocessSettings(spacing))
    back = restore_labels(there.labels, there, case)
    for members in ((1, 2, 3), (1, 3)):
        assert dice(np.isin(back, members), np.isin(case.labels, members)) > least


def test_probabilities_keep_more_than_labels() -> None:
    case = tiny.case()
    there = preprocess(case, PreprocessSettings(8.0))
    truth = case.labels > 0
    share = preprocess(case, PreprocessSettings(4.0)).labels > 0
    shape = there.brain.shape
    padded = np.pad(share, [(0, 2 * n - m) for n, m in zip(shape, share.shape, strict=True)])
    blocks = padded.reshape(shape[0], 2, shape[1], 2, shape[2], 2).mean(axis=(1, 3, 5))
    back = restore_probabilities(blocks[None], there, case)
    assert back.shape == (1, *tiny.SHAPE)
    assert back.dtype == np.float32
    from_labels = restore_labels(there.labels, there, case) > 0
    assert dice(back[0] >= 0.5, truth) > dice(from_labels, truth)


def test_probabilities_land_where_labels_do(tmp_path: Path) -> None:
    case = load_case(tiny.write(tmp_path))
    there = preprocess(case, PreprocessSettings(4.0))
    back = restore_probabilities((there.labels > 0)[None].astype(np.float32), there, case)
    assert np.array_equal(back[0], to_file_grid(case.labels, case) > 0)


def test_a_foreign_grid_is_refused() -> None:
    case = tiny.case()
    there = preprocess(case, PreprocessSettings(4.0))
    with pytest.raises(GeometryError, match="preprocessed grid"):
        restore_labels(there.labels[1:], there, case)
    other = replace(case, image=case.image[:, 1:])
    with pytest.raises(GeometryError, match="this very case"):
        restore_labels(there.labels, there, other)
