from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.case import load_case
from fedlab_utils.data.case_warnings import case_warnings
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.layouts import find_cases
from tests.data.published import SHAPE, brain, scan, segmentation, write_case


def image(**changed: np.ndarray) -> np.ndarray:
    """The published patient's four sequences, some of them changed."""
    return np.stack([changed.get(name, scan(name)) for name in SEQUENCES]).astype(np.float32)


def with_tumour_in_a_corner() -> np.ndarray:
    labels = segmentation()
    labels[0, 0, :3] = 2
    return labels


def test_nothing_is_odd_about_the_published_patient():
    assert case_warnings(image(), segmentation()) == ()
    assert case_warnings(image(), None) == ()


@pytest.mark.parametrize("background", [0, -1000, 40])
def test_tumour_outside_the_brain(background):
    assert case_warnings(image() + background, with_tumour_in_a_corner()) == (
        "3 tumour voxels lie outside the brain, where every scan is background",
    )


def test_a_tumour_is_inside_where_one_scan_shows_signal():
    flair = scan("FLAIR")
    flair[0, 0, :2] = 400
    [warning] = case_warnings(image(FLAIR=flair), with_tumour_in_a_corner())
    assert warning.startswith("1 tumour voxels lie outside")


def test_memory_order_does_not_matter():
    labels = with_tumour_in_a_corner()
    due = case_warnings(image(), labels)
    columns = np.asfortranarray(image().transpose(3, 2, 1, 0)).transpose(3, 2, 1, 0)
    assert case_warnings(columns, np.asfortranarray(labels)) == due != ()


def test_noise_in_one_background_does_not_count_as_brain():
    noise = np.random.default_rng(0).integers(1, 9, SHAPE)
    noisy = np.where(brain(), scan("T2"), noise)
    assert case_warnings(image(T2=noisy), segmentation()) == ()


def test_a_sequence_that_misses_a_third_of_the_brain():
    volume = scan("FLAIR")
    volume[:, :, 6:] = 0
    [warning] = case_warnings(image(FLAIR=volume), segmentation())
    assert warning == "FLAIR covers only 62% of the brain that other sequences show"


def test_a_loaded_case_carries_them(tmp_path):
    write_case(tmp_path / "Brats18_2013_2_1", "Brats18_2013_2_1", labels=np.zeros(SHAPE, np.uint8))
    [files] = find_cases(tmp_path).cases
    case = load_case(files)
    assert not case.labels.any()
    assert case.warnings == ("the segmentation marks no tumour",)


@pytest.mark.parametrize("speck", [False, True])
def test_a_mask_in_place_of_a_scan(speck):
    mask = brain() * 100
    mask[5, 6, 5] += speck  # a single voxel tells that it is none
    for background in (0, 40):
        warnings = case_warnings(image(T2=mask) + background, segmentation())
        said = ("T2 has one value in all of the brain: a mask in place of a scan?",)
        assert warnings == (() if speck else said)
