"""The augmentation explorer against the augmentations written out in numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import DataError
from fedlab_utils.ui import AugmentationExplorer
from tests.ui import oracles
from tests.ui.drive import drive
from tests.ui.scans import small_scan


def test_every_control_shows_what_the_augmentation_does() -> None:
    scan = small_scan()
    scan.image = scan.image / 100
    explorer = AugmentationExplorer(scan, index=5)
    target = oracles.regions(scan.labels[..., 5])

    def check() -> None:
        shown = explorer.shown
        channel = SEQUENCES.index(shown["sequence"])
        image, moved = oracles.augmented(
            shown["name"], scan.image[..., 5], target, shown["strength"], shown["seed"]
        )
        before, after = scan.image[channel, ..., 5], image[channel]
        np.testing.assert_array_equal(shown["before"], before)
        np.testing.assert_allclose(shown["after"], after, atol=1e-4)
        np.testing.assert_array_equal(shown["target_after"], moved)
        brain = (scan.image[..., 5] != 0).any(axis=0) | (image != 0).any(axis=0)
        assert shown["change"] == pytest.approx(np.abs(after - before)[brain].mean(), abs=1e-4)
        for region, a, b in zip(REGIONS, target, moved, strict=True):
            assert shown["dice"][region] == pytest.approx(oracles.dice(a, b))

    check()
    assert drive(explorer, check) > 15


def test_every_transform_is_tried_at_several_strengths_and_seeds() -> None:
    scan = small_scan()
    scan.image = scan.image / 100
    explorer = AugmentationExplorer(scan, index=5)
    target = oracles.regions(scan.labels[..., 5])
    assert len(explorer.name.options) == 8
    for name in explorer.name.options:
        for strength, seed in ((0.25, 1), (1.0, 4)):
            explorer.name.value, explorer.strength.value = name, strength
            explorer.seed.value = seed
            image, moved = oracles.augmented(name, scan.image[..., 5], target, strength, seed)
            np.testing.assert_allclose(explorer.shown["after"], image[3], atol=1e-4)
            np.testing.assert_array_equal(explorer.shown["target_after"], moved)


def test_strength_zero_changes_nothing() -> None:
    explorer = AugmentationExplorer(small_scan(), index=5)
    for name in explorer.name.options:
        explorer.name.value, explorer.strength.value = name, 0
        assert explorer.shown["change"] == 0
        assert set(explorer.shown["dice"].values()) == {1.0}


def test_a_patient_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="no segmentation"):
        AugmentationExplorer(small_scan(labelled=False))
