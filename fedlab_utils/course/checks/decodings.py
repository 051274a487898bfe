"""Label maps from probabilities for lesson 03: the right one, and those of likely mistakes."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA, REGIONS

_NAMES = (ENHANCING, NECROSIS, OEDEMA)
_INWARD = (2, 1, 0)


def written(order: tuple[int, ...], yes: np.ndarray, names: tuple[int, ...] = _NAMES) -> np.ndarray:
    """Write the channels' labels over one another in this order; ``yes`` is ``(3, X, Y)``."""
    labels = np.zeros(yes.shape[1:], np.uint8)
    for channel in order:
        labels[yes[channel]] = names[channel]
    return labels


def wrong_labels(probability: np.ndarray) -> dict[str, np.ndarray]:
    """Diagnosis -> the label map that this mistake gives."""
    yes = probability >= 0.5
    return _wrong_order(yes) | _wrong_cut(probability) | _rivals(probability) | _wrong_numbers(yes)


def _wrong_order(yes: np.ndarray) -> dict[str, np.ndarray]:
    outer = "The outer region overwrites the inner one: write the largest first"
    conflict = written(_INWARD, yes)
    conflict[yes[2] & ~yes[1]] = OEDEMA
    return {
        outer: written((0, 1, 2), yes),
        f"{outer}; your TC overwrites ET": written((2, 0, 1), yes),
        f"{outer}; your WT overwrites TC": written((1, 2, 0), yes),
        "You demand that the outer regions say yes too. Where they disagree, the inner region "
        "wins here": written(_INWARD, np.cumprod(yes[::-1], axis=0)[::-1].astype(bool)),
        "Where ET says yes and TC says no, your WT overwrites ET; the inner region wins": conflict,
        "The order of the channels is ET, TC, WT; you read them the other way round": written(
            _INWARD, yes[::-1]
        ),
    }


def _wrong_cut(probability: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "A probability of exactly one half counts as yes: `>=`": written(
            _INWARD, probability > 0.5
        ),
        "Cut at one half, not at 0": written(_INWARD, probability > 0),
        "These are probabilities already; you apply the sigmoid again": written(
            _INWARD, probability >= 0
        ),
    }


def _rivals(probability: np.ndarray) -> dict[str, np.ndarray]:
    """Mistakes of ``argmax``."""
    yes, names, surest = probability >= 0.5, np.array(_NAMES), probability.argmax(0)
    largest = "You take the region with the largest probability"
    nested = "The three are nested, not rivals: WT is nearly always the surest"
    return {
        f"{largest}. {nested}": np.where(yes.any(0), names[surest], 0),
        f"{largest}, also where none reaches one half. {nested}": names[surest],
        f"{largest}, and return its place, not its label. {nested}": surest,
        "Where no region reaches one half, the label is 0": names[yes.argmax(0)],
    }


def _wrong_numbers(yes: np.ndarray) -> dict[str, np.ndarray]:
    due = "the labels are 3 where ET, else 1 where TC, else 2 where WT"
    one = "a pixel has one label, that of the innermost region"
    return {
        "You write 4 for enhancing tumour, as files of BraTS 2017 to 2021 do; inside the course it "
        "is 3": written(_INWARD, yes, (4, NECROSIS, OEDEMA)),
        f"You number the regions 1, 2, 3; {due}": written(_INWARD, yes, (1, 2, 3)),
        f"You number the regions 3, 2, 1; {due}": written(_INWARD, yes, (3, 2, 1)),
        f"You swap enhancing tumour and necrosis; {due}": written(_INWARD, yes, (1, 3, 2)),
        f"You add the regions up; {one}": yes.sum(0),
        f"You add the labels up where regions overlap; {one}": np.tensordot(_NAMES, yes, 1),
        f"Your WT is missing; {due}": written((1, 0), yes),
        f"Your TC is missing; {due}": written((2, 0), yes),
    }


def places_of(probability: np.ndarray) -> list[str]:
    """Words for each pixel's place, with what the network said there."""
    return [
        f"at {index}, where "
        + ", ".join(f"{r} is {p[index]:g}" for r, p in zip(REGIONS, probability, strict=True))
        + ","
        for index in np.ndindex(probability.shape[1:])
    ]
