"""What robust rules need: so many updates for so many hostile ones, and finite numbers."""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated.update_geometry import parts

LEAST = {"krum": (2, 3), "multi-krum": (2, 3), "fltrust": (0, 1)}
"""Rule -> (a, b): of ``f`` hostile hospitals' answers it needs ``a f + b``; others ``2 f + 1``."""


def needed(rule: str, hostile: int) -> int:
    """Return how many updates a rule needs to withstand so many hostile ones."""
    times, more = LEAST.get(rule, (2, 1))
    return times * hostile + more


def check_rows(rows: np.ndarray, rule: str, hostile: int) -> None:
    """Refuse what a rule cannot withstand.

    Raises
    ------
    RobustnessError
        If there are too few updates, or a number is not finite.
    """
    check_enough(rule, len(rows), hostile)
    if bad := [number for number, fine in enumerate(_finite(rows)) if not fine]:
        raise RobustnessError(
            rule, f"rows {bad} of {len(rows)} updates are not finite", "Leave them out first"
        )


def check_enough(rule: str, count: int, hostile: int) -> None:
    """Refuse too few updates.

    Raises
    ------
    RobustnessError
        If there are fewer than the rule needs.
    """
    least = needed(rule, hostile)
    if count < least:
        times, more = LEAST.get(rule, (2, 1))
        most = (count - more) // times if times else 0
        raise RobustnessError(
            rule,
            f"of {count} updates {hostile} may be hostile, and {times} f + {more} = {least} are "
            "needed",
            f"Assume {most} hostile ones at most" if most >= 0 else "Ask more hospitals",
        )


def _finite(rows: np.ndarray) -> np.ndarray:
    fine = np.ones(len(rows), bool)
    for part in parts(rows):
        fine &= np.isfinite(rows[:, part]).all(1)
    return fine
