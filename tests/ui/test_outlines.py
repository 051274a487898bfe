"""Outlines against scipy's erosion, and their dashes against a ruler."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedlab_utils.ui.colours import LABEL_STYLES
from fedlab_utils.ui.outlines import DRAWN, PATTERNS, WIDTHS, outline


@pytest.fixture
def masks() -> dict[str, np.ndarray]:
    y, x = np.mgrid[:200, :240]
    disc = np.hypot(y - 90, x - 110) < 70
    return {
        "disc": disc,
        "ring": disc & (np.hypot(y - 90, x - 110) > 40),
        "square": (abs(y - 100) < 60) & (abs(x - 120) < 80),
        "edge": (y < 80) & (x > 100),
    }


def _border(mask: np.ndarray, width: int = 2) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask, iterations=width)


def test_a_solid_outline_is_the_border_two_pixels_wide(masks: dict[str, np.ndarray]) -> None:
    for mask in masks.values():
        np.testing.assert_array_equal(outline(mask, "-"), _border(mask))


@pytest.mark.parametrize("line", ["--", ":", "-."])
def test_dashes_lie_on_the_border_and_leave_even_gaps(
    masks: dict[str, np.ndarray], line: str
) -> None:
    on, off = sum(PATTERNS[line][::2]), sum(PATTERNS[line][1::2])
    for name, mask in masks.items():
        border, drawn = _border(mask, WIDTHS[line]), outline(mask, line)
        assert not (drawn & ~border).any()
        assert drawn.sum() / border.sum() == pytest.approx(on / (on + off), abs=0.1), name
        to_the_next = ndimage.distance_transform_edt(~drawn)[border]
        assert to_the_next.max() <= max(PATTERNS[line][1::2]) / 2 + WIDTHS[line], name


def test_a_tiny_outline_is_drawn_whole_and_nothing_has_none() -> None:
    mask = np.zeros((9, 9), bool)
    for line in PATTERNS:
        assert not outline(mask, line).any()
    mask[3:6, 3:6] = True
    np.testing.assert_array_equal(outline(mask, "--"), mask)


def test_of_outlines_that_coincide_each_is_seen(masks: dict[str, np.ndarray]) -> None:
    assert set(DRAWN) == set(PATTERNS) == set(WIDTHS)
    for name, mask in masks.items():
        for upper in DRAWN[1:]:
            for lower in DRAWN[: DRAWN.index(upper)]:
                below, above = outline(mask, lower), outline(mask, upper)
                seen = (below & ~above).sum() / below.sum()
                assert 0.25 < seen < 0.95, (name, lower, upper)
        dashes, line, dots = (outline(mask, style) for style in ("--", "-", ":"))
        assert (dashes & ~line & ~dots).sum() > 0.3 * dashes.sum(), f"{name}: TC under ET and WT"


def test_every_label_has_a_line_that_can_be_drawn() -> None:
    lines = [style.line for style in LABEL_STYLES.values()]
    assert set(lines) == set(PATTERNS)
    assert len(set(lines)) == len(lines)
