from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fedlab_utils.data.case import load_case
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.errors import DataError, GeometryError, IntensityError
from tests.data import tiny


def grid_mm(affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """World coordinates of every voxel, (3, X, Y, Z)."""
    at = np.indices(shape).reshape(3, -1)
    return (affine[:3, :3] @ at + affine[:3, 3:]).reshape(3, *shape)


def test_at_its_own_spacing_a_case_is_cropped_only() -> None:
    case = tiny.case()
    result = preprocess(case, PreprocessSettings(spacing=4.0))
    at = np.argwhere(tiny.brain())
    low, high = at.min(0), at.max(0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    assert result.box == tuple((int(a), int(b)) for a, b in zip(low, high, strict=True))
    assert np.array_equal(result.labels, tiny.labels()[box])
    assert np.array_equal(result.brain, tiny.brain()[box])
    np.testing.assert_allclose(result.affine[:3, 3], case.affine[:3, 3] + 4 * low)
    assert result.spacing == case.spacing
    assert (result.case_id, result.patient_id) == (case.files.case_id, case.files.patient_id)


@pytest.mark.parametrize("spacing", [2.0, 3.0, 5.5, 8.0])
@pytest.mark.parametrize("native", [(4.0, 4.0, 4.0), (4.0, 3.0, 6.0)])
def test_affine_puts_every_voxel_where_it_belongs(
    spacing: float, native: tuple[float, float, float]
) -> None:
    """An image that is a linear function of place stays the same function of place."""
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1.0]])  # oblique
    affine = np.eye(4)
    affine[:3, :3] = turn * native
    affine[:3, 3] = (-90, -110, -70)
    mm = grid_mm(affine, tiny.SHAPE)
    ramp = np.where(tiny.brain(), 1000 + mm[0] + 2 * mm[1] - 0.5 * mm[2], 0)
    case = tiny.case(native, affine=affine, image=np.stack([ramp] * 4).astype(np.float32))
    result = preprocess(case, PreprocessSettings(spacing, percentiles=(0, 100)))
    values = ramp[tiny.brain()]
    expected = grid_mm(result.affine, result.brain.shape)
    expected = 1000 + expected[0] + 2 * expected[1] - 0.5 * expected[2]
    expected = (expected - values.mean()) / values.std()
    reach = int(np.ceil(2 * max(native) / spacing))
    inner = ndimage.binary_erosion(result.brain, iterations=reach)
    assert inner.sum() > 100
    # Where a new voxel ends inside an old one, its mean is off by an eighth of that one at most.
    steps = spacing / np.array(native)
    cut = (steps > 1) & (steps % 1 != 0)
    slope = np.abs(turn.T @ [1, 2, -0.5]) * native / values.std()
    error = np.abs(result.image[0][inner] - expected[inner])
    assert error.max() < 1e-3 + (slope * cut).sum() / 8
    assert (result.image[0][inner] - expected[inner]).mean() == pytest.approx(0, abs=2e-3)
    assert np.linalg.norm(result.affine[:3, :3], axis=0) == pytest.approx(result.spacing)


def test_outside_the_brain_is_zero_and_the_edge_has_no_dark_rim() -> None:
    flat = np.where(tiny.brain(), 500 + tiny.image(), 0)
    result = preprocess(tiny.case(image=flat.astype(np.float32)), PreprocessSettings(8.0))
    assert not result.image[:, ~result.brain].any()
    constant = np.where(tiny.brain(), 100.0, 0)
    constant[22, 26, 20] = 130.0
    case = tiny.case(image=np.stack([constant] * 4).astype(np.float32))
    values = preprocess(case, PreprocessSettings(8.0, percentiles=(0, 100))).image[0]
    edge = values[values != 0]
    assert np.median(edge) == pytest.approx(edge.min(), abs=1e-5)


def test_statistics_in_the_brain() -> None:
    result = preprocess(tiny.case(), PreprocessSettings(4.0))
    for volume in result.image:
        values = np.clip(volume[result.brain], *np.percentile(volume[result.brain], (1, 99)))
        assert values.mean() == pytest.approx(0, abs=1e-3)
        assert values.std() == pytest.approx(1, abs=1e-3)


def test_tumour_outside_the_brain_is_not_cropped_away() -> None:
    labels = tiny.labels()
    labels[0, 0, 0] = 2
    result = preprocess(tiny.case(labels=labels), PreprocessSettings(4.0))
    assert [low for low, _ in result.box] == [0, 0, 0]
    assert result.labels[0, 0, 0] == 2


def test_a_case_without_segmentation() -> None:
    assert preprocess(tiny.case(labels=None)).labels is None


def test_warnings_of_case_and_brain_are_handed_on() -> None:
    image = tiny.image()
    image[3, :, :, :14] = 0
    warnings = preprocess(tiny.case(image=image, warnings=("odd",))).warnings
    assert warnings[0] == "odd"
    assert "FLAIR misses" in warnings[1]


def test_no_brain_is_a_typed_error() -> None:
    with pytest.raises(IntensityError, match="Brats18_Tiny_1_1"):
        preprocess(tiny.case(image=np.zeros((4, *tiny.SHAPE), np.float32)))


@pytest.mark.parametrize("spacing", [0.0, -1.0, 100.0, float("nan")])
def test_spacing_must_make_sense(spacing: float) -> None:
    with pytest.raises(DataError, match="spacing"):
        PreprocessSettings(spacing=spacing)


@pytest.mark.parametrize(
    "percentiles", [(99, 1), (5, 5), (-1, 99), (1, 101), (float("nan"), 99), (1, 50, 99)]
)
def test_percentiles_must_make_sense(percentiles: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"percentiles are .*between 0 and 100"):
        PreprocessSettings(percentiles=percentiles)


@pytest.mark.parametrize("clip", [0.0, -5.0, float("nan"), float("inf")])
def test_clip_must_make_sense(clip: float) -> None:
    with pytest.raises(DataError, match=r"clip is .*positive"):
        PreprocessSettings(clip=clip)


def test_more_voxels_than_can_be_held_are_refused_before_they_are_made() -> None:
    """At 0.2 mm a head is 17 GB, which a model's file may ask for."""
    case = tiny.case(spacing=(20.0, 20.0, 20.0))
    with pytest.raises(GeometryError, match=r"Brats18_Tiny_1_1: at 0\.2 mm it would have \d+x"):
        preprocess(case, PreprocessSettings(spacing=0.2))


def test_the_limits_themselves_are_allowed() -> None:
    PreprocessSettings(spacing=0.2, percentiles=(0, 100), clip=0.1)


def _looks_preprocessed(result: Preprocessed) -> None:
    assert result.spacing == (4.0, 4.0, 4.0)
    litres = result.brain.sum() * 0.064 / 1000
    assert 0.8 < litres < 2.2
    assert not result.image[:, ~result.brain].any()
    for volume in result.image:
        values = volume[result.brain]
        assert abs(np.median(values)) < 0.6
        assert 0.6 < values.std() < 1.4
        assert np.abs(values).max() <= 5
    assert result.brain[result.labels > 0].mean() > 0.95
    assert result.warnings == ()


def test_phantoms(phantom_dir: Path) -> None:
    for files in find_cases(phantom_dir).cases:
        _looks_preprocessed(preprocess(load_case(files), PreprocessSettings(4.0)))


def test_real_cases(real_dir: Path) -> None:
    for files in find_cases(real_dir).cases[:2]:
        _looks_preprocessed(preprocess(load_case(files), PreprocessSettings(4.0)))
