"""Checks of lesson 11: Krum's choice, the trimmed mean, and the largest lie that Krum believes."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import judge, judge_together
from fedlab_utils.course.guard import Answer

_SIZES = ((7, 2, 4), (9, 1, 3), (8, 2, 6), (11, 3, 2), (6, 1, 5), (5, 1, 3))
"""Hospitals, hostile ones, weights."""


def _scattered(rng: np.random.Generator, count: int, hostile: int, width: int) -> np.ndarray:
    """Return updates of honest hospitals around a point, and hostile ones close together."""
    rows = rng.normal(size=(count, width)) * rng.uniform(0.5, 2, (count, 1)) + 1
    rows[:hostile] = rng.normal(size=width) * 1.5 + 0.3 * rng.normal(size=(hostile, width))
    return rng.permutation(rows)


def _nearest(distances: np.ndarray, neighbours: int) -> int:
    """Return who is nearest to so many others; itself is not among them."""
    others = np.sort(distances + np.diag(np.full(len(distances), np.inf)), axis=1)
    return int(others[:, : max(1, min(neighbours, len(others) - 1))].sum(1).argmin())


def krum(answer: Answer) -> str:
    """Thirty draws: no slip chooses right in all of them."""
    rng = np.random.default_rng(111)
    got, due, cases, slips = [], [], [], {}
    for count, hostile, width in _SIZES * 5:
        rows = _scattered(rng, count, hostile, width)
        apart = np.linalg.norm(rows[:, None] - rows, axis=2)
        most = count - hostile
        got.append(answer(rows, hostile))
        due.append(float(_nearest(apart**2, most - 2)))
        cases.append(f"{count} hospitals, f = {hostile}")
        mistakes = {
            "You sum over n - f neighbours; n - f - 2 are due, so that f + 1 others are left out, "
            "of whom at least one is honest": _nearest(apart**2, most),
            "You sum over n - f - 1 neighbours, one too many: n - f - 2 are due, so that f + 1 "
            "others are left out, of whom at least one is honest": _nearest(apart**2, most - 1),
            "You sum over n - f - 3 neighbours: the distance 0 to yourself is counted as one; put "
            "the diagonal out of the way": _nearest(apart**2, most - 3),
            "You sum over all others, which chooses the update nearest to the mean: hostile ones "
            "far away decide": _nearest(apart**2, count - 1),
            "Distances are not squared": _nearest(apart, most - 2),
            "You choose the update with the largest sum; the smallest is due": int(
                np.sort(apart**2, axis=1)[:, 1 : most - 1].sum(1).argmax()
            ),
            "You choose the shortest update; distances between updates decide": int(
                np.linalg.norm(rows, axis=1).argmin()
            ),
        }
        for told, slip in mistakes.items():
            slips.setdefault(told, []).append(float(slip))
    judge_together(got, due, slips, cases=cases)
    return (
        "Whoever is chosen has n - f - 2 others close by, of which n - 2f - 2 at least are honest."
    )


def trimmed_mean(answer: Answer) -> str:
    """Rows whose order differs from coordinate to coordinate, with none and some to trim."""
    rng = np.random.default_rng(112)
    for count, hostile, width in ((7, 2, 5), (5, 1, 4), (9, 3, 6), (6, 0, 3)):
        rows = _scattered(rng, count, hostile, width) * rng.uniform(0.5, 3, width)
        ordered = np.sort(rows, axis=0)
        by_length = rows[np.linalg.norm(rows, axis=1).argsort()]
        by_sum = rows[rows.sum(1).argsort()]
        by_distance = rows[np.linalg.norm(rows - rows.mean(0), axis=1).argsort()]
        kept = slice(hostile, count - hostile)
        mistakes = {} if hostile == 0 else _trimmed_otherwise(ordered, hostile)
        if hostile:
            whole = "Whole hospitals are trimmed, {}; trim each coordinate by itself"
            mistakes |= {
                whole.format("the longest and the shortest"): by_length[kept].mean(0),
                whole.format("those of largest and smallest sum"): by_sum[kept].mean(0),
                whole.format("the 2f farthest from the mean"): by_distance[
                    : count - 2 * hostile
                ].mean(0),
                whole.format("the f farthest from the mean"): by_distance[: count - hostile].mean(
                    0
                ),
                "You trim without sorting: the first and last hospitals go": rows[kept].mean(0),
            }
        mistakes["Of f = 0 nothing is left: `[f:-f]` is empty then; end at `len(rows) - f`"] = (
            np.full(width, np.nan)
        )
        got = answer(rows, hostile)
        judge(got, ordered[kept].mean(0), mistakes, case=f"{count} hospitals, f = {hostile}")
    return "Another hospital may be trimmed in each coordinate, and few are trimmed in all."


def _trimmed_otherwise(ordered: np.ndarray, hostile: int) -> dict[str, np.ndarray]:
    count = len(ordered)
    kept = ordered[hostile : count - hostile]
    return {
        "You trim the largest values only; hostile ones may be small": ordered[
            : count - hostile
        ].mean(0),
        "You trim the smallest values only; hostile ones may be large": ordered[hostile:].mean(0),
        "The sum is divided by n; n - 2f values are left": kept.sum(0) / count,
        "The sum is not divided; n - 2f values are left": kept.sum(0),
        "You take the median, which trims all but the middle": np.median(ordered, axis=0),
        "Nothing is trimmed: this is the mean": ordered.mean(0),
        "You trim the f largest and smallest together, f values in all, and 2f are due": ordered[
            hostile // 2 : count - (hostile - hostile // 2)
        ].mean(0),
    }


def _chosen(rows: np.ndarray, hostile: int) -> int:
    """Return Krum's choice, as the exercise is told to expect it."""
    from fedlab_utils.federated.robust_rules import krum as rule

    return int(rule(rows, hostile).weights.argmax())


def largest_lie(answer: Answer) -> str:
    """Honest updates in many coordinates; the largest z that passes is neither first nor last."""
    rng = np.random.default_rng(113)
    zs = [0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 2.0, 3.0, 5.0]
    for honest, copies, width in ((6, 2, 40), (8, 2, 60), (9, 3, 30), (4, 1, 50)):
        benign = rng.normal(size=(honest, width)) * rng.uniform(0.2, 2, width)
        benign += 0.4 * rng.normal(size=width)
        middle, spread = benign.mean(0), benign.std(0)

        def passes(z: float, sent: int, lie_of=lambda z, m=middle, s=spread: m - z * s) -> bool:
            rows = np.vstack([benign, np.tile(lie_of(z), (sent, 1))])  # noqa: B023
            return _chosen(rows, copies) >= honest  # noqa: B023

        fine = [z for z in zs if passes(z, copies)]
        alone = [z for z in zs if passes(z, 1)] if copies > 1 else fine
        one = float(benign.std())
        of_one = [z for z in zs if passes(z, copies, lambda z, m=middle, o=one: m - z * o)]
        beyond = [z for z in zs if passes(z, copies, lambda z, m=middle, s=spread: m + z * s)]
        mistakes = {
            "The lie lies on the other side: the mean *less* z deviations": middle
            + max(beyond, default=0.0) * spread,
            "You take one deviation of all numbers; each coordinate has its own": middle
            - max(of_one, default=0.0) * one,
            "One copy of the lie is among the rows; all hostile hospitals send it": middle
            - max(alone, default=0.0) * spread,
            "That is the smallest z; look for the largest that still passes": middle
            - fine[0] * spread,
            "That is the largest z of all, which Krum does not choose": middle - zs[-1] * spread,
            "That z is the first that Krum does not choose; the last it does is due": middle
            - zs[zs.index(max(fine)) + 1] * spread,
            "The deviation is that of `np.std` as it is, which divides by m, not by m - 1": middle
            - max(fine) * benign.std(0, ddof=1),
        }
        got = answer(benign, copies, zs, _chosen)
        case = f"{honest} honest and {copies} hostile hospitals"
        judge(got, middle - max(fine) * spread, mistakes, case=case)
    return "A copy at distance 0 makes up for neighbours that are farther than honest ones are."
