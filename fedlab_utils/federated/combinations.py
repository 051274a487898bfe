"""Which methods go together: a table with the reason for each pair that does not.

Every method of a federation reads or changes the same messages. So some pairs cannot be: a mask
hides what a robust rule looks at, and what two hospitals chose apart cannot be added up blindly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from fedlab_utils.errors import CombinationError
from fedlab_utils.federated.methods import METHODS, RULES


@dataclass(frozen=True)
class Clash:
    """Two methods that do not go together.

    Attributes
    ----------
    one, other
        Names, of :data:`fedlab_utils.federated.methods.METHODS`.
    why
        What fails.
    remedy
        What to do instead.
    """

    one: str
    other: str
    why: str
    remedy: str


_SUM = {
    "median": "a median needs each hospital's numbers, and there is their sum alone",
    "trimmed-mean": "what is to be trimmed cannot be told in a sum",
    "krum": "distances between hospitals' updates cannot be told from their sum",
    "multi-krum": "distances between hospitals' updates cannot be told from their sum",
    "clip": "a server that clips needs the length of each hospital's update",
    "fltrust": "scores compare each hospital's update with the server's own",
    "bucketing": "means of a few hospitals are numbers that the one sum is to hide",
}

_HIDDEN = "Choose whom to distrust: the server, or hospitals"

_ONE_ROW = "Compress the downlink alone, or take no masks"

CLASHES: tuple[Clash, ...] = (
    *(Clash(how, rule, _SUM[rule], _HIDDEN) for how in ("masks", "encryption") for rule in RULES),
    *(
        Clash(
            how,
            "top-k",
            "each hospital chooses other coordinates, and hidden rows are added up as a whole: the "
            "indices would have to be open, and tell what changed most",
            _ONE_ROW,
        )
        for how in ("masks", "encryption")
    ),
    *(
        Clash(
            how,
            "quantisation",
            "each hospital's levels have scales of their own, so their sum means nothing; and a "
            "hidden number takes 8 bytes or more, however few it had before",
            _ONE_ROW,
        )
        for how in ("masks", "encryption")
    ),
    *(
        Clash(
            how,
            "partial layers",
            "the hidden row holds all layers whether it is their turn or not, and saves nothing",
            _ONE_ROW,
        )
        for how in ("masks", "encryption")
    ),
    Clash(
        "masks",
        "encryption",
        "each hides hospitals' numbers from the server, and one would hide them from the other",
        "Take one of both",
    ),
    *(
        Clash(
            "top-k",
            rule,
            "where few hospitals send a coordinate, most of the values are zero, and so is "
            f"their {rule}: the model stands still",
            "Take quantisation with it, or a rule on whole updates, such as multi-krum",
        )
        for rule in ("median", "trimmed-mean")
    ),
    *(
        Clash(
            "scaffold",
            rule,
            "the rule guards the models, and hospitals' control variates would be added up "
            "unguarded",
            "Take another strategy",
        )
        for rule in RULES
    ),
    Clash(
        "fltrust",
        "personal layers",
        "the server's own training would have the first round's layers where hospitals have theirs",
        'Take another rule, or personal=""',
    ),
    Clash(
        "fltrust",
        "partial layers",
        "each update is brought to the length of the server's, and holds some of its layers only",
        "Take top-k or quantisation, or another rule",
    ),
    *(
        Clash(
            "colluders",
            how,
            "colluders train in each other's place, and error memories are each hospital's own",
            "Take an attack by single hospitals, or no compression",
        )
        for how in ("top-k", "quantisation", "partial layers", "small downlink")
    ),
    Clash(
        "scaffold",
        "other optimiser",
        "SCAFFOLD's theory is of plain SGD: after another optimiser the way walked is no gradient",
        'Take optimiser="sgd" and momentum 0',
    ),
    Clash(
        "scaffold",
        "personal layers",
        "SCAFFOLD corrects all layers, and some are to stay at home",
        'Take another strategy, or personal=""',
    ),
    *(
        Clash(
            "hospital privacy",
            other,
            f"the run has {name} too, and what both promise together is not worked out here",
            "Take one of the two",
        )
        for other, name in (
            ("privacy", "patients' privacy"),
            ("masks", "masks"),
            ("encryption", "encryption"),
        )
    ),
    *(
        Clash(
            "hospital privacy",
            how,
            "noise is made for updates that arrive whole and at once, and error memories carry "
            "parts of them into later rounds",
            "Take one of the two",
        )
        for how in ("top-k", "quantisation", "partial layers", "small downlink")
    ),
    *(
        Clash(
            "hospital privacy",
            rule,
            "noise is made for a mean in which every hospital counts the same, and a rule chooses",
            "Take one of the two",
        )
        for rule in RULES
    ),
    Clash(
        "privacy",
        "gradient variates",
        "SCAFFOLD's option 1 takes one more gradient of patients, without noise",
        "Take option 2, which computes with what was private before",
    ),
    Clash(
        "privacy",
        "tuning",
        "steps at home would be without noise, and scores that the hospital sends would tell of "
        "them",
        "Pass tune_steps 0",
    ),
)
"""Every pair that is refused."""

CAVEATS: tuple[Clash, ...] = (
    *(
        Clash(
            "privacy",
            rule,
            "noise sets honest hospitals apart, and small attacks hide in their spread",
            "Look at how many honest hospitals the rule leaves out",
        )
        for rule in RULES
    ),
    *(
        Clash(
            "top-k",
            rule,
            "which coordinates were chosen decides much of the distance between two updates",
            "Keep more, or quantise instead",
        )
        for rule in ("krum", "multi-krum", "fltrust", "bucketing")
    ),
    Clash(
        "top-k",
        "privacy",
        "the noise is on all coordinates, so that the largest changes are often noise",
        "Keep more: what was private stays so, whatever is left out of it",
    ),
)
"""Pairs that go together, at a price that a reader should know."""


def clash_of(one: str, other: str) -> Clash | None:
    """Return why two methods do not go together, or None where they do.

    Raises
    ------
    KeyError
        If there is no method of such a name.
    """
    for name in (one, other):
        if name not in METHODS:
            raise KeyError(name)
    pair = {one, other}
    return next((clash for clash in CLASHES if {clash.one, clash.other} == pair), None)


def check_combination(names: Iterable[str]) -> None:
    """Refuse methods of which two do not go together.

    Raises
    ------
    CombinationError
        If there are two such; it names both, and why.
    """
    for one, other in combinations(sorted(set(names)), 2):
        if clash := clash_of(one, other):
            raise CombinationError(f"{clash.one} with {clash.other}", clash.why, clash.remedy)
