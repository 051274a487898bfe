from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom import random_scanner, render_randomised
from fedlab_utils.data.phantom.scanner import tissue_signals
from fedlab_utils.data.phantom.tissue import NAMES


def test_draws_are_reproducible_and_differ(anatomies: list) -> None:
    anatomy = anatomies[0]
    before = anatomy.fractions.copy()
    first = render_randomised(anatomy, 0)
    np.testing.assert_array_equal(first, render_randomised(anatomy, 0))
    assert (first != render_randomised(anatomy, 1)).any()
    np.testing.assert_array_equal(anatomy.fractions, before)
    mask = anatomy.whole(anatomy.mask)
    assert first.shape == (4, 80, 80, 52)
    assert (first[:, mask] >= 1).all()
    assert np.isfinite(first).all()


def test_contrast_varies_far_more_than_between_scanners(anatomies: list) -> None:
    """Oedema against white matter on FLAIR, over draws: wide, but brighter in most."""
    anatomy = anatomies[1]
    labels = anatomy.whole(anatomy.labels)
    white = anatomy.whole(anatomy.fractions[NAMES.index("white")]) > 0.9
    ratios = []
    for draw in range(16):
        flair = render_randomised(anatomy, draw)[3]
        ratios.append(np.median(flair[labels == 2]) / np.median(flair[white]))
    assert np.std(ratios) > 0.12
    assert np.mean(np.array(ratios) > 1.05) > 0.75


def test_random_scanners_stay_scanners() -> None:
    for seed in range(60):
        scanner = random_scanner(np.random.default_rng(seed))
        assert 1.5 <= scanner.field_strength_t <= 3
        t1, _, t2, flair = (dict(zip(NAMES, row, strict=True)) for row in tissue_signals(scanner))
        assert t1["white"] > t1["csf"]
        assert t2["csf"] > t2["grey"] > t2["white"]
        assert flair["csf"] < flair["oedema"]


def test_tissues_fall_into_clusters(anatomies: list) -> None:
    """One tissue's brightness differs between places by more than noise and texture explain."""
    anatomy = anatomies[2]
    image = render_randomised(anatomy, 3)[2][anatomy.box]
    solid = anatomy.labels > 0
    assert image[solid].std() / image[solid].mean() > 0.05
