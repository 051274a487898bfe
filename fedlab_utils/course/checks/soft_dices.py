"""Soft Dice for lesson 03: the right one, and what likely mistakes give."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong

_EVERY = (0, 2, 3)


def right_dice(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Soft Dice per region of one patient's slices ``(S, 3, X, Y)``."""
    return _ratio((p * t).sum(_EVERY), (p + t).sum(_EVERY))


def _ratio(shared: np.ndarray, total: np.ndarray) -> np.ndarray:
    return (2 * shared + 1) / (total + 1)


def refuse_shape(found: tuple[int, ...], given: tuple[int, ...]) -> None:
    """Tell which axes were summed over, where one number per region is due."""
    if found == (3,):
        return
    due = "Sum over slices and pixels, the axes 0, 2 and 3; the regions, axis 1, stay apart"
    if found == ():
        raise Wrong(f"You return one number; three numbers are due, one for each region. {due}.")
    if sorted(found) == [1, 1, 1, 3]:
        raise Wrong(f"You return shape {found}; shape (3,) is due: leave `keepdim` out.")
    for axis, what in ((0, "slice"), (2, "row"), (3, "column")):
        if found == (given[axis],):
            raise Wrong(f"You return one number for each {what}, not for each region. {due}.")
    raise Wrong(f"You return shape {found}, but three numbers are due, one for each region. {due}.")


def wrong_dices(p: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
    """Diagnosis -> the three numbers that this mistake gives."""
    shared, total = (p * t).sum(_EVERY), (p + t).sum(_EVERY)
    return _wrong_ones(shared, total) | _wrong_sums(p, t) | _wrong_values(p, t)


def _wrong_ones(shared: np.ndarray, total: np.ndarray) -> dict[str, np.ndarray]:
    """Slips of the 1, the 2, the brackets and the sign."""
    bracket = "Brackets are missing: divide all of `2 * shared + 1` by all of `total + 1`"
    return {
        "The 1 is missing below the fraction line": (2 * shared + 1) / total,
        "The 1 is missing above the fraction line": 2 * shared / (total + 1),
        "The 1 is missing above and below: a region that is empty in both would give 0 / 0": (
            2 * shared / total
        ),
        "Below the fraction line the 1 is added once, not to each of the two sums": (
            (2 * shared + 1) / (total + 2)
        ),
        bracket: 2 * shared + 1 / total + 1,
        "Brackets are missing below: divide by all of `total + 1`": (2 * shared + 1) / total + 1,
        "Brackets are missing above: divide all of `2 * shared + 1`": 2 * shared + 1 / (total + 1),
        "The 2 before the shared sum is missing": _ratio(shared / 2, total),
        "The 1 belongs outside the bracket: twice the shared sum, then plus 1": (2 * (shared + 1))
        / (total + 1),
        "You divide by the union; Dice divides by the sum of both": (shared + 1)
        / (total - shared + 1),
        "You take the shared part off below; Dice divides by the sum of both": _ratio(
            shared, total - shared
        ),
        "That is the loss, 1 - Dice; the Dice itself is due": 1 - _ratio(shared, total),
        "That is the negative of the Dice; the Dice itself is due": -_ratio(shared, total),
    }


def _wrong_sums(p: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
    """Slips of what is summed, and when."""
    flat, count = (2, 3), p[:, 0].size
    shared, total = (p * t).sum(_EVERY), (p + t).sum(_EVERY)
    product = p.sum(_EVERY) * t.sum(_EVERY)
    pixels = (2 * p * t + 1) / (p + t + 1)
    pixelwise = "You divide for each pixel; sum above and below first, then divide once"
    below = "Below the fraction line stands the sum of both"
    return {
        "You take a Dice of each slice and average. A patient's slices belong together: sum over "
        "slices too": _ratio((p * t).sum(flat), (p + t).sum(flat)).mean(0),
        "You take means, or add the 1 for each pixel; with one 1 above and below only sums are "
        "right": _ratio(shared / count, total / count),
        "Multiply pixel by pixel and sum then; you multiply the sums": _ratio(product, total),
        f"{below}; you multiply them": _ratio(shared, product),
        f"{below}; yours lacks the target's": _ratio(shared, p.sum(_EVERY)),
        f"{below}; yours lacks the probabilities'": _ratio(shared, t.sum(_EVERY)),
        pixelwise: pixels.mean(_EVERY),
        f"{pixelwise} for all pixels": pixels.sum(_EVERY),
    }


def _wrong_values(p: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
    """Slips of what stands in the place of the probabilities."""
    shared, total = (p * t).sum(_EVERY), (p + t).sum(_EVERY)
    hard, again = (p >= 0.5).astype(float), 1 / (1 + np.exp(-p))
    cut = "You cut the probabilities at one half. A step has no slope: use them as they are"
    return {
        cut: _ratio((hard * t).sum(_EVERY), (hard + t).sum(_EVERY)),
        f"{cut}, above the fraction line too": _ratio((hard * t).sum(_EVERY), total),
        f"{cut}, below the fraction line too": _ratio(shared, (hard + t).sum(_EVERY)),
        "A logical and knows only yes and no; multiply, so that a probability counts as what it "
        "is": _ratio(((p > 0) & (t > 0)).sum(_EVERY), total),
        "The input is a probability already; you apply the sigmoid again": _ratio(
            (again * t).sum(_EVERY), (again + t).sum(_EVERY)
        ),
        "You square the probabilities below, as Milletari's paper does; here they are summed as "
        "they are": _ratio(shared, (p**2 + t**2).sum(_EVERY)),
    }
