"""What robust rules cost a server, beside Flower's own strategies on the same answers, in turns."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedlab_utils.federated.rule_race import RuleRace

MEGABYTE = 1e6

FASTER, SECONDS = 3.0, 1.0
"""How many times faster than Flower's a rule ought to be; and how long it may take at most."""

SHAPES = ((40, 36, 3, 3), (40,)) * 31
"""Of the arrays that a hospital sends: as many as the U-Net has, with 403,000 numbers."""

TIMED = ("median", "multi-krum")
"""Rules whose seconds have a goal."""


def run(
    hospitals: int = 50,
    hostile: int = 12,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
    rounds: int = 5,
) -> dict[str, dict[str, object]]:
    """Measure how long a server takes from the answers' bytes to a new model.

    Both sides unpack the same bytes. Ours also screens every answer, which Flower's strategies do
    not.

    Parameters
    ----------
    hospitals, hostile
        How many answer, and how many of these may be hostile.
    shapes
        Of the arrays that each sends.
    rounds
        In which both take turns, after one to warm up; the median counts.

    Returns
    -------
    dict
        Rule -> ``seconds``, ``flower_seconds`` and their ``ratio``; ``peak_mb`` and
        ``flower_peak_mb``, the most memory that Python and numpy took beside the answers;
        ``goals`` with rule, bound and whether it is ``met``.
    """
    from fedlab_utils.federated.rule_race import RuleRace

    race = RuleRace(hospitals, hostile, shapes)
    result: dict[str, dict[str, object]] = {}
    for rule in ("median", "krum", "multi-krum"):
        row = _compared(race, race.server(rule), race.flowers(rule), rounds)
        row["goals"] = {"ratio": _goal("at least", FASTER, row["ratio"] >= FASTER)}
        if rule in TIMED:
            row["goals"]["seconds"] = _goal("at most", SECONDS, row["seconds"] <= SECONDS)
        result[rule] = row
    return result


def _compared(race: RuleRace, ours: Callable, flowers: Callable, rounds: int) -> dict[str, object]:
    peaks = [_peak(work, race.answers()) for work in (ours, flowers)]
    pairs = [[_seconds(work, race.answers()) for work in (ours, flowers)] for _ in range(rounds)]
    return {
        "seconds": median(mine for mine, _ in pairs),
        "flower_seconds": median(theirs for _, theirs in pairs),
        "ratio": median(theirs / mine for mine, theirs in pairs),
        "peak_mb": peaks[0],
        "flower_peak_mb": peaks[1],
    }


def _goal(rule: str, bound: float, met: bool) -> dict[str, object]:
    return {"rule": rule, "bound": bound, "met": bool(met)}


def _seconds(work: Callable, answers: list) -> float:
    start = time.perf_counter()
    work(answers)
    return time.perf_counter() - start


def _peak(work: Callable, answers: list) -> float:
    """Return megabytes; numpy tells Python's tracer of its arrays. This also warms up."""
    tracemalloc.start()
    try:
        work(answers)
        return tracemalloc.get_traced_memory()[1] / MEGABYTE
    finally:
        tracemalloc.stop()
