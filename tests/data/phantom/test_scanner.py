"""Contrasts against what radiologists see."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.data.phantom.scanner import (
    SCANNERS,
    Sequence,
    sequence_signal,
    tissue_signals,
    with_gadolinium,
)
from fedlab_utils.data.phantom.signals import (
    inversion_recovery,
    spin_echo,
    spoiled_gradient_echo,
)
from fedlab_utils.data.phantom.tissue import NAMES


def test_gadolinium_adds_rates() -> None:
    t1, t2 = with_gadolinium(np.array([1000.0]), np.array([100.0]), np.array([0.5]), 1.5)
    assert t1[0] == pytest.approx(1000 / (1 + 4.78 * 0.5))  # 1/s: 1 + r1 c
    assert t2[0] < 100
    same = with_gadolinium(np.array([1000.0]), np.array([100.0]), np.array([0.0]), 3.0)
    assert [float(x[0]) for x in same] == pytest.approx([1000, 100])


def test_a_sequence_knows_its_equation() -> None:
    tissue = (np.array([900.0]), np.array([80.0]), np.array([0.8]))
    for sequence, expected in (
        (Sequence("spin echo", 500, 10), spin_echo(*tissue, 500, 10)),
        (
            Sequence("gradient echo", 9, 3, flip_deg=20),
            spoiled_gradient_echo(*tissue, 9, 3, 20),
        ),
        (
            Sequence("inversion recovery", 9000, 120, ti_ms=2400),
            inversion_recovery(*tissue, 9000, 120, 2400),
        ),
    ):
        np.testing.assert_array_equal(sequence_signal(sequence, *tissue), expected)


@pytest.mark.parametrize("name", SCANNERS)
def test_every_scanner_shows_tissues_as_they_look(name: str) -> None:
    t1, t1ce, t2, flair = (
        dict(zip(NAMES, row, strict=True)) for row in tissue_signals(SCANNERS[name])
    )
    assert t1["white"] > t1["grey"] > t1["csf"]
    assert t2["csf"] > t2["grey"] > t2["white"]
    assert t2["csf"] > t2["oedema"] > 1.3 * t2["grey"]
    assert flair["csf"] < 0.8 * flair["white"]  # suppressed, on the old scanner not fully
    assert flair["oedema"] > 1.3 * flair["grey"] > flair["white"]
    assert t1["strong_rim"] < t1["white"]  # the rim is bright after contrast only
    assert t1ce["strong_rim"] > 1.3 * t1ce["white"]
    assert t1ce["vessel"] > 1.3 * t1ce["white"]
    assert t1ce["necrosis"] < t1ce["white"]
    assert t1["blood"] > t1["white"]
    assert t2["vessel"] < t2["white"]  # flow void


def test_scanners_are_at_least_five_and_differ() -> None:
    assert len(SCANNERS) >= 5
    assert {scanner.field_strength_t for scanner in SCANNERS.values()} == {1.5, 3.0}
    thickness = [scanner.flair.thickness_mm for scanner in SCANNERS.values()]
    assert min(thickness) < 2 < 5 < max(thickness)
    assert all(SCANNERS[name].name == name for name in SCANNERS)
    assert all(len(scanner.sequences) == 4 for scanner in SCANNERS.values())


def test_the_scale_is_white_matter() -> None:
    scanner = SCANNERS["3T clinical"]
    np.testing.assert_allclose(tissue_signals(scanner)[:, 0], 1)
    wetter = tissue_signals(scanner, 1.1)
    assert wetter[0, 0] < 1 < wetter[2, 0]
    assert (
        tissue_signals(scanner, uptake=2)[1, NAMES.index("strong_rim")]
        > 1.3 * (tissue_signals(scanner)[1, NAMES.index("weak_rim")])
    )
