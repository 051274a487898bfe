"""The one palette of the course, safe for colour-blind readers, with a second sign beside colour.

The eight colours are those of Okabe and Ito, made known by Wong, "Points of view: Color
blindness", Nature Methods 8:441 (2011), https://doi.org/10.1038/nmeth.1618. A region, a label, a
sequence and a hospital keep their colour in every figure of the course; since colour must never be
the only carrier, each also has a marker and a dash pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fedlab_utils.data.conventions import CAVITY, ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.naming import natural_key

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"

_ON_PAPER = {YELLOW: "#C8B900"}


@dataclass(frozen=True)
class Style:
    """How one thing is drawn wherever it appears.

    Parameters
    ----------
    colour
        ``#RRGGBB``.
    marker
        Matplotlib marker.
    line
        Matplotlib line style.
    symbol
        Plotly marker symbol, the same shape as `marker`.
    dash
        Plotly dash, the same pattern as `line`.
    hatch
        Matplotlib hatch of a filled area.
    pattern
        Plotly pattern of a filled area, the same as `hatch`.
    """

    colour: str
    marker: str
    line: str
    symbol: str
    dash: str
    hatch: str
    pattern: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour as three integers from 0 to 255."""
        return tuple(int(self.colour[i : i + 2], 16) for i in (1, 3, 5))

    @property
    def on_paper(self) -> str:
        """The colour of lines and marks on white: a darker one for yellow, which is too light."""
        return _ON_PAPER.get(self.colour, self.colour)


_MARKERS = (
    ("o", "circle"),
    ("s", "square"),
    ("^", "triangle-up"),
    ("D", "diamond"),
    ("v", "triangle-down"),
    ("P", "cross"),
    ("X", "x"),
    ("*", "star"),
    ("<", "triangle-left"),
)
_LINES = (("-", "solid"), ("--", "dash"), ("-.", "dashdot"), (":", "dot"))
_HATCHES = (
    ("", ""),
    ("//", "/"),
    ("\\\\", "\\"),
    ("xx", "x"),
    ("..", "."),
    ("--", "-"),
    ("||", "|"),
)


def _style(colour: str, marker: int, line: int) -> Style:
    """Style of a colour with the n-th marker (and area pattern) and the n-th line."""
    (mark, symbol), (drawn, dash) = _MARKERS[marker % len(_MARKERS)], _LINES[line % len(_LINES)]
    return Style(colour, mark, drawn, symbol, dash, *_HATCHES[marker % len(_HATCHES)])


REGION_STYLES = {
    "ET": _style(VERMILLION, 2, 0),
    "TC": _style(YELLOW, 1, 1),
    "WT": _style(SKY, 0, 3),
}
"""Region name -> style. Of all triples in the palette these three lie farthest apart, for the three
kinds of colour blindness too; they differ in hue and in lightness, and stand out from every
grey."""

LABEL_STYLES = {
    NECROSIS: REGION_STYLES["TC"],
    OEDEMA: REGION_STYLES["WT"],
    ENHANCING: REGION_STYLES["ET"],
    CAVITY: _style(PURPLE, 3, 2),
}
"""Canonical label -> style: that of the region which the label adds to the next smaller one.
So an area has one colour, shown as a label or as what is seen of a region."""

SEQUENCE_STYLES = {
    "T1": _style(BLACK, 0, 0),
    "T1ce": _style(ORANGE, 1, 1),
    "T2": _style(GREEN, 2, 2),
    "FLAIR": _style(PURPLE, 3, 3),
}
"""MRI sequence -> style."""

METHOD_STYLES = {
    "pooled": _style(BLACK, 5, 3),
    "local": _style(YELLOW, 8, 3),
    "fedavg": _style(BLUE, 0, 0),
    "fedavg_sgd": _style(BLUE, 4, 3),
    "fedprox": _style(ORANGE, 1, 1),
    "scaffold": _style(VERMILLION, 2, 2),
    "fedbn": _style(GREEN, 3, 3),
    "tuned": _style(SKY, 4, 1),
    "fedadam": _style(PURPLE, 6, 2),
    "fedavgm": _style(SKY, 7, 0),
}
"""Way of training over hospitals -> style; ``"tuned"`` is FedAvg with fine-tuning at home."""

METHOD_NAMES = {
    "pooled": "pooled",
    "local": "each alone",
    "fedavg": "FedAvg",
    "fedavg_sgd": "FedAvg, plain SGD",
    "fedprox": "FedProx",
    "scaffold": "SCAFFOLD",
    "fedbn": "FedBN",
    "tuned": "FedAvg, tuned at home",
    "fedadam": "FedAdam",
    "fedavgm": "FedAvgM",
}
"""What people call it."""

_HOSPITAL_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY, BLACK, YELLOW)
"""The regions' colours come late: pictures show regions and hospitals together, and four hospitals,
as most lessons have, share no colour with a region."""


def hospital_styles(names: Iterable[str]) -> dict[str, Style]:
    """Give each hospital or institution its style.

    A name that ends in a number keeps the style of that number (``Phantom03`` and ``hospital 3``
    look alike everywhere), so a figure of some hospitals agrees with a figure of all. Other names
    are numbered in alphabetical order behind the numbered ones. Colours repeat after 8, markers
    after 9, so that 72 hospitals still differ in one or the other.

    Parameters
    ----------
    names
        Names of all hospitals of the cohort, in any order, repeats allowed.

    Returns
    -------
    dict
        Name -> :class:`Style`, in natural order of the names.
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    plain = []
    for name in sorted(set(names), key=natural_key):
        match = re.search(r"(\d+)\D*$", name)
        number = int(match.group(1)) - 1 if match else -1
        if number < 0 or number in taken:
            plain.append(name)
        else:
            numbers[name] = number
            taken.add(number)
    for name in plain:
        numbers[name] = max(taken, default=-1) + 1
        taken.add(numbers[name])
    return {
        name: _style(_HOSPITAL_COLOURS[n % len(_HOSPITAL_COLOURS)], n, n // 2)
        for name, n in sorted(numbers.items(), key=lambda item: natural_key(item[0]))
    }
