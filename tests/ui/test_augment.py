"""The augmentation explorer against the augmentation itself."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data import to_regions
from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import DataError
from fedlab_utils.segmentation.augmentation import augment
from fedlab_utils.ui import AugmentationExplorer
from tests.ui.drive import drive
from tests.ui.scans import small_scan


def _dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * np.logical_and(a, b).sum() / (a.sum() + b.sum())


def test_every_control_shows_what_the_augmentation_does() -> None:
    scan = small_scan()
    scan.image = scan.image / 100
    explorer = AugmentationExplorer(scan, index=5)
    target = to_regions(scan.labels[..., 5])

    def check() -> None:
        shown = explorer.shown
        channel = SEQUENCES.index(shown["sequence"])
        image, moved = augment(
            shown["name"],
            scan.image[..., 5],
            target,
            strength=shown["strength"],
            seed=shown["seed"],
        )
        np.testing.assert_allclose(shown["after"], np.asarray(image)[channel], atol=1e-5)
        np.testing.assert_array_equal(shown["before"], scan.image[channel, ..., 5])
        np.testing.assert_array_equal(shown["target_after"], np.asarray(moved) > 0)
        for region, before, after in zip(REGIONS, target, np.asarray(moved) > 0, strict=True):
            assert shown["dice"][region] == pytest.approx(_dice(before, after))

    check()
    assert drive(explorer, check) > 15


def test_strength_zero_changes_nothing() -> None:
    explorer = AugmentationExplorer(small_scan(), index=5)
    for name in explorer.name.options:
        explorer.name.value, explorer.strength.value = name, 0
        assert explorer.shown["change"] == 0
        assert set(explorer.shown["dice"].values()) == {1.0}


def test_a_patient_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="no segmentation"):
        AugmentationExplorer(small_scan(labelled=False))
