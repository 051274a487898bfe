"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import trim_mean

from tests.course.checks.right import assert_accepted, message_to


def krum_by_loops(rows, hostile):
    scores = []
    for number, row in enumerate(rows):
        apart = sorted(
            sum((a - b) ** 2 for a, b in zip(row, other, strict=True))
            for place, other in enumerate(rows)
            if place != number
        )
        scores.append(sum(apart[: len(rows) - hostile - 2]))
    return scores.index(min(scores))


def krum_by_scipy(rows, hostile):
    ordered = np.sort(cdist(rows, rows, "sqeuclidean"), axis=1)
    return ordered[:, 1 : len(rows) - hostile - 1].sum(1).argmin()


def krum_by_products(rows, hostile):
    products = rows @ rows.T
    squares = np.diag(products)[:, None] + np.diag(products) - 2 * products
    return int(np.sort(squares, axis=1)[:, : len(rows) - hostile - 1].sum(1).argmin())


def trimmed_by_partition(rows, hostile):
    if hostile == 0:
        return list(rows.mean(0))
    return np.partition(rows, (hostile, len(rows) - hostile - 1), axis=0)[hostile:-hostile].mean(0)


def lie_from_above(benign, copies, zs, krum):
    for z in sorted(zs, reverse=True):
        lie = np.mean(benign, 0) - z * np.std(benign, 0)
        if krum(np.array([*benign, *[lie] * copies]), copies) >= len(benign):
            return lie.tolist()
    return None


def lie_above(benign, copies, zs, krum):
    """The copies stand above the honest rows."""
    found = None
    for z in zs:
        lie = benign.mean(0) - z * benign.std(0)
        if krum(np.vstack([[lie] * copies, benign]), copies) < copies:
            found = lie
    return found


def test_other_ways_to_be_right() -> None:
    for answer in (krum_by_loops, krum_by_scipy, krum_by_products):
        assert_accepted("krum", answer)
    assert_accepted("trimmed_mean", trimmed_by_partition)
    assert_accepted("trimmed_mean", lambda rows, f: trim_mean(rows, f / len(rows) + 1e-9, axis=0))
    assert_accepted("largest_lie", lie_from_above)
    assert_accepted("largest_lie", lie_above)


def _krum_of(neighbours):
    def answer(rows, hostile):
        ordered = np.sort(cdist(rows, rows, "sqeuclidean"), axis=1)[:, 1:]
        return int(ordered[:, : neighbours(len(rows), hostile)].sum(1).argmin())

    return answer


def test_every_wrong_number_of_neighbours_gets_its_name() -> None:
    for more, told in ((0, "over n - f neighbours"), (1, "n - f - 1"), (3, "n - f - 3")):
        assert told in message_to("krum", _krum_of(lambda n, f, more=more: n - f - more))
    assert "all others" in message_to("krum", _krum_of(lambda n, _: n - 1))


def test_other_slips_of_krum_get_their_name() -> None:
    def farthest(rows, hostile):
        ordered = np.sort(cdist(rows, rows, "sqeuclidean"), axis=1)
        return int(ordered[:, 1 : len(rows) - hostile - 1].sum(1).argmax())

    assert "smallest is due" in message_to("krum", farthest)
    nearest = message_to(
        "krum", lambda rows, _: np.linalg.norm(rows - rows.mean(0), axis=1).argmin()
    )
    assert "chooses the update nearest to the mean" in nearest
    assert "one number" in message_to("krum", lambda rows, f: rows[krum_by_loops(rows, f)])


def test_slips_of_the_trimmed_mean_get_their_name() -> None:
    def far(rows, hostile, times):
        order = np.linalg.norm(rows - rows.mean(0), axis=1).argsort()
        return rows[order[: len(rows) - times * hostile]].mean(0)

    for times, told in ((1, "the f farthest"), (2, "the 2f farthest")):
        assert told in message_to("trimmed_mean", lambda r, f, times=times: far(r, f, times))
    assert "smallest values only" in message_to(
        "trimmed_mean", lambda r, f: np.sort(r, axis=0)[f:].mean(0)
    )
    assert "divided by n" in message_to(
        "trimmed_mean", lambda r, f: np.sort(r, axis=0)[f : len(r) - f].sum(0) / len(r)
    )
    assert "median" in message_to("trimmed_mean", lambda r, _: np.median(r, axis=0))
    assert "Nothing is trimmed" in message_to("trimmed_mean", lambda r, _: r.mean(0))


def test_slips_of_the_largest_lie_get_their_name() -> None:
    def last(benign, _copies, zs, _krum):
        return benign.mean(0) - zs[-1] * benign.std(0)

    def first_refused(benign, copies, zs, krum):
        for z in zs:
            lie = benign.mean(0) - z * benign.std(0)
            if krum(np.array([*benign, *[lie] * copies]), copies) < len(benign):
                return lie
        return None

    assert "largest z of all" in message_to("largest_lie", last)
    assert "the last it does is due" in message_to("largest_lie", first_refused)
