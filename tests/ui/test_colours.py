"""The palette under simulated colour blindness, by the matrices of Machado et al. 2009."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from fedlab_utils.data.conventions import LABEL_NAMES, REGIONS, SEQUENCES
from fedlab_utils.ui.colours import (
    LABEL_STYLES,
    REGION_STYLES,
    SEQUENCE_STYLES,
    Style,
    hospital_styles,
)

# Machado, Oliveira, Fernandes, IEEE TVCG 15:1291-1298 (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
CLEARLY_DIFFERENT, DIFFERENT = 18.0, 10.0
every_vision = pytest.mark.parametrize("vision", VISION)


def _seen(style: Style, vision: str) -> np.ndarray:
    """CIELAB colour that a person with this vision sees."""
    rgb = np.array(style.rgb) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(VISION[vision]) @ linear, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(back[None, None])[0, 0]


def _least_distance(styles: list[Style], vision: str) -> float:
    pairs = combinations(styles, 2)
    return min(float(deltaE_ciede2000(_seen(a, vision), _seen(b, vision))) for a, b in pairs)


@every_vision
def test_regions_are_far_apart(vision: str) -> None:
    assert _least_distance(list(REGION_STYLES.values()), vision) > CLEARLY_DIFFERENT


@every_vision
@pytest.mark.parametrize("styles", [LABEL_STYLES, SEQUENCE_STYLES], ids=["labels", "sequences"])
def test_labels_and_sequences_are_apart(styles: dict[object, Style], vision: str) -> None:
    assert _least_distance(list(styles.values()), vision) > DIFFERENT


@every_vision
def test_eight_hospitals_are_apart(vision: str) -> None:
    styles = hospital_styles(f"hospital {n}" for n in range(1, 9))
    assert _least_distance(list(styles.values()), vision) > DIFFERENT


@every_vision
def test_four_hospitals_have_no_colour_of_a_region(vision: str) -> None:
    """Frames in hospitals' colours stand around outlines in regions' colours."""
    hospitals = hospital_styles(f"hospital {n}" for n in range(1, 5)).values()
    for one, other in product(hospitals, REGION_STYLES.values()):
        assert _least_distance([one, other], vision) > DIFFERENT


@every_vision
def test_regions_differ_in_lightness_too(vision: str) -> None:
    lightness = sorted(_seen(style, vision)[0] for style in REGION_STYLES.values())
    assert np.diff(lightness).min() > (15 if vision == "normal" else 9)


def test_regions_differ_in_hue() -> None:
    seen = [_seen(style, "normal") for style in REGION_STYLES.values()]
    hues = [np.degrees(np.arctan2(b, a)) for _, a, b in seen]
    for one, other in combinations(hues, 2):
        assert abs((one - other + 180) % 360 - 180) > 40


@every_vision
def test_regions_stand_out_from_every_grey_of_a_scan(vision: str) -> None:
    greys = rgb2lab(np.repeat(np.linspace(0, 1, 256)[None, :, None], 3, axis=2))[0]
    for style in REGION_STYLES.values():
        distance = deltaE_ciede2000(greys, np.broadcast_to(_seen(style, vision), greys.shape))
        assert distance.min() > 15


@every_vision
def test_regions_can_be_read_on_white_paper(vision: str) -> None:
    printed = [replace(style, colour=style.on_paper) for style in REGION_STYLES.values()]
    assert all(35 < _seen(style, "normal")[0] < 75 for style in printed)
    assert _least_distance(printed, vision) > DIFFERENT


def test_outlines_are_solid_dashed_and_dotted() -> None:
    lines = [REGION_STYLES[region].line for region in REGIONS]
    assert lines == ["-", "--", ":"]
    assert LABEL_STYLES[4].line not in lines


def test_a_label_has_the_colour_of_the_region_that_it_adds() -> None:
    assert set(REGION_STYLES) == set(REGIONS)
    assert set(SEQUENCE_STYLES) == set(SEQUENCES)
    assert set(LABEL_STYLES) == set(LABEL_NAMES) - {0}
    assert LABEL_STYLES[3] == REGION_STYLES["ET"]
    assert LABEL_STYLES[1] == REGION_STYLES["TC"]
    assert LABEL_STYLES[2] == REGION_STYLES["WT"]


def test_colour_is_never_the_only_sign() -> None:
    for styles in (REGION_STYLES, SEQUENCE_STYLES):
        assert len({s.marker for s in styles.values()}) == len(styles)
        assert len({s.line for s in styles.values()}) == len(styles)


def test_seventy_two_hospitals_differ_in_colour_or_marker() -> None:
    styles = hospital_styles(f"site {n}" for n in range(1, 73))
    assert len({(s.colour, s.marker) for s in styles.values()}) == 72


def test_a_hospital_keeps_its_style_among_fewer() -> None:
    everyone = hospital_styles(f"Phantom{n:02d}" for n in range(1, 9))
    some = hospital_styles(["Phantom07", "Phantom02"])
    assert list(some) == ["Phantom02", "Phantom07"]
    assert all(some[name] == everyone[name] for name in some)


def test_names_with_the_same_number_or_none_still_differ() -> None:
    styles = hospital_styles(["CBICA01", "TCIA01", "2013", "Duke", "Mayo"])
    assert len({(s.colour, s.marker) for s in styles.values()}) == 5
