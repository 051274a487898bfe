"""Each robust rule against brute force, and what may not change when updates are moved about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, MetricRecord, RecordDict
from flwr.serverapp.strategy.multikrum import compute_distances, select_multikrum
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from scipy.stats import trim_mean

from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated.robust_rules import (
    Combined,
    clip_norms,
    coordinate_median,
    fltrust,
    krum,
    multi_krum,
    trimmed_mean,
)

RULES: dict[str, Callable[[np.ndarray, int], Combined]] = {
    "median": coordinate_median,
    "trimmed-mean": trimmed_mean,
    "krum": krum,
    "multi-krum": multi_krum,
    "clip": clip_norms,
}


def drawn(seed: int, count: int, size: int = 7, kind: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, size)).astype(kind)


def slow_krum(rows: np.ndarray, hostile: int) -> np.ndarray:
    """Scores by the paper's words: the n - f - 2 nearest others of each, one pair at a time."""
    rows = [[float(value) for value in row] for row in rows]
    scores = []
    for i, one in enumerate(rows):
        others = [row for j, row in enumerate(rows) if j != i]
        far = sorted(sum((a - b) ** 2 for a, b in zip(one, o, strict=True)) for o in others)
        scores.append(sum(far[: len(rows) - hostile - 2]))
    return np.array(scores)


sizes = st.tuples(st.integers(0, 3), st.integers(0, 6)).map(lambda t: (t[0], 2 * t[0] + 3 + t[1]))
"""Hostile hospitals and all of them, as Krum needs them."""


@trying(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 2**32), st.sampled_from([np.float32, np.float64]))
def test_rules_are_what_brute_force_finds(numbers, seed: int, kind: type) -> None:
    hostile, count = numbers
    rows = drawn(seed, count, kind=kind)
    exact = rows.astype(np.float64)
    found = coordinate_median(rows, hostile)
    np.testing.assert_allclose(found.update, np.median(exact, axis=0), rtol=1e-12)
    found = trimmed_mean(rows, hostile)
    due = [np.mean(sorted(column)[hostile : count - hostile]) for column in exact.T.tolist()]
    np.testing.assert_allclose(found.update, due, rtol=1e-9, atol=1e-12)
    scores = slow_krum(rows, hostile)
    found = krum(rows, hostile)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.update, exact[np.argmin(scores)], rtol=1e-12)
    best = np.argsort(scores, kind="stable")[: count - hostile - 2]
    found = multi_krum(rows, hostile)
    assert set(np.flatnonzero(found.weights)) == set(best)
    np.testing.assert_allclose(found.update, exact[best].mean(0), rtol=1e-9, atol=1e-12)
    lengths = [np.linalg.norm(row) for row in exact]
    due = [row * min(1, np.median(lengths) / n) for row, n in zip(exact, lengths, strict=True)]
    found = clip_norms(rows, hostile)
    np.testing.assert_allclose(found.update, np.mean(due, axis=0), rtol=1e-9, atol=1e-12)


def test_the_trimmed_mean_is_scipys() -> None:
    rows = drawn(3, 10, 500, np.float64)
    np.testing.assert_allclose(trimmed_mean(rows, 3).update, trim_mean(rows, 0.3), rtol=1e-12)


@trying(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_fltrust_is_what_its_paper_says(seed: int) -> None:
    rows, root = drawn(seed, 6), drawn(seed + 1, 1)[0]
    trust = [
        max(0.0, float(row @ root) / float(np.linalg.norm(row) * np.linalg.norm(root)))
        for row in rows.astype(np.float64)
    ]
    total = sum(
        t * row * np.linalg.norm(root.astype(np.float64)) / np.linalg.norm(row)
        for t, row in zip(trust, rows.astype(np.float64), strict=True)
    )
    found = fltrust(rows, root)
    due = total / sum(trust) if sum(trust) else np.zeros(7)
    np.testing.assert_allclose(found.update, due, rtol=1e-5, atol=1e-7)


def test_fltrust_stands_still_where_nobody_is_trusted_and_refuses_no_root() -> None:
    root = np.array([1.0, 0.0])
    found = fltrust(np.array([[-1.0, 0.5], [0.0, 0.0], [-3.0, 0.0]]), root)
    assert (found.update == 0).all()
    assert (found.weights == 0).all()
    for wrong in (np.zeros(2), np.ones(3)):
        with pytest.raises(RobustnessError, match="root update"):
            fltrust(np.ones((3, 2)), wrong)


@pytest.mark.parametrize("name", RULES)
@trying(max_examples=30, deadline=None)
@given(sizes, st.integers(0, 2**32))
def test_the_order_of_hospitals_does_not_matter(name: str, numbers, seed: int) -> None:
    hostile, count = numbers
    rows, order = drawn(seed, count), np.random.default_rng(seed).permutation(count)
    one, other = RULES[name](rows, hostile), RULES[name](rows[order], hostile)
    np.testing.assert_allclose(other.scores, one.scores[order], rtol=1e-9)
    if "krum" in name and np.diff(np.sort(one.scores)).min() <= 1e-9 * one.scores.max():
        return  # with one neighbour each, two that are each other's tie, and the first is taken
    np.testing.assert_allclose(other.update, one.update, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(other.weights, one.weights[order], rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in RULES if name != "clip"])
@trying(max_examples=30, deadline=None)
@given(sizes, st.integers(0, 2**32), st.floats(-50, 50))
def test_rules_move_with_their_updates(name: str, numbers, seed: int, by: float) -> None:
    """Clipping does not: lengths are measured from the model that was sent."""
    hostile, count = numbers
    rows, shift = drawn(seed, count, kind=np.float64), by * drawn(seed + 1, 1, kind=np.float64)
    one, other = RULES[name](rows, hostile), RULES[name](rows + shift, hostile)
    np.testing.assert_allclose(other.update, one.update + shift[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.weights, one.weights, rtol=1e-9)


@pytest.mark.parametrize("name", RULES)
@trying(max_examples=30, deadline=None)
@given(sizes, st.integers(0, 2**32), st.floats(1e-3, 1e3), st.sampled_from([-1, 1]))
def test_rules_grow_with_their_updates(name: str, numbers, seed, by: float, sign: int) -> None:
    hostile, count = numbers
    rows = drawn(seed, count, kind=np.float64)
    one, other = RULES[name](rows, hostile), RULES[name](sign * by * rows, hostile)
    np.testing.assert_allclose(other.update, sign * by * one.update, rtol=1e-9, atol=1e-12)


@trying(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(1e-3, 1e3))
def test_how_long_an_update_is_means_nothing_to_fltrust(seed: int, by: float) -> None:
    rows, root = drawn(seed, 5, kind=np.float64), drawn(seed + 1, 1, kind=np.float64)[0]
    longer = rows * np.array([by, 1, 1, by, 1])[:, None]
    one, other = fltrust(rows, root), fltrust(longer, root)
    np.testing.assert_allclose(other.update, one.update, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["median", "trimmed-mean", "krum", "multi-krum"])
@trying(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1e3, -1e15]))
def test_a_minority_cannot_lead_the_result_away(name: str, seed: int, far: float) -> None:
    rows = drawn(seed, 9)
    honest, rows[:3] = rows[3:], far
    found = RULES[name](rows, 3)
    assert (found.update >= honest.min(0) - 1e-12).all()
    assert (found.update <= honest.max(0) + 1e-12).all()
    assert found.weights[:3].sum() < 0.35 if "me" in name else found.weights[:3].sum() == 0


@pytest.mark.parametrize("name", RULES)
def test_weights_are_what_updates_were_multiplied_by(name: str) -> None:
    """A direction in which one hospital alone moves comes out by its weight, or in its share."""
    rows = drawn(5, 9)
    found = RULES[name](rows, 2)
    if name in ("krum", "multi-krum", "clip"):
        np.testing.assert_allclose(found.weights @ rows.astype(np.float64), found.update)
    else:
        cut = 4 if name == "median" else 2
        ranks = rows.argsort(0).argsort(0)  # 0: the smallest of its coordinate
        kept = (ranks >= cut) & (ranks < 9 - cut)
        np.testing.assert_allclose(found.scores, kept.mean(1))
        np.testing.assert_allclose(found.weights, kept.mean(1) / (9 - 2 * cut))


def test_values_that_tie_share_the_weight() -> None:
    found = coordinate_median(np.array([[1.0], [1.0], [1.0], [5.0]]))
    np.testing.assert_allclose(found.weights, [1 / 3, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize(
    ("rule", "count", "hostile", "told"),
    [
        (krum, 8, 3, r"of 8 updates 3 may be hostile, and 2 f \+ 3 = 9 are needed. Assume 2"),
        (multi_krum, 6, 2, r"2 f \+ 3 = 7 are needed. Assume 1"),
        (trimmed_mean, 4, 2, r"2 f \+ 1 = 5 are needed. Assume 1"),
        (coordinate_median, 0, 0, r"of 0 updates 0 may be .* Ask more"),
        (clip_norms, 2, 1, r"2 f \+ 1 = 3"),
    ],
)
def test_too_few_updates_are_refused_with_the_numbers(rule, count, hostile, told: str) -> None:
    with pytest.raises(RobustnessError, match=told):
        rule(np.ones((count, 2)), hostile)


def test_as_many_updates_as_are_needed_are_enough() -> None:
    for rule, least in ((krum, 9), (multi_krum, 9), (trimmed_mean, 7), (coordinate_median, 7)):
        assert np.isfinite(rule(drawn(1, least), 3).update).all()


def test_more_updates_than_multi_krum_may_choose_are_refused() -> None:
    assert np.count_nonzero(multi_krum(drawn(1, 9), 2, 5).weights) == 5
    with pytest.raises(RobustnessError, match="n - f - 2 = 5 may be"):
        multi_krum(drawn(1, 9), 2, 6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", RULES)
def test_numbers_that_are_not_finite_are_refused_by_row(name: str, bad: float) -> None:
    rows = drawn(1, 9, 10_000)
    rows[4, 9_000] = bad
    with pytest.raises(RobustnessError, match=r"rows \[4\] of 9"):
        RULES[name](rows, 2)


def test_clipping_to_a_bound_leaves_what_is_shorter() -> None:
    found = clip_norms(np.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]]), bound=1.0)
    np.testing.assert_allclose(found.update, [0.3, 0.4])
    np.testing.assert_allclose(found.scores, [5.0, 0.5, 0.0])


# Where Flower's own strategies are right, ours agree; where they are not, the test says in what.


def as_flowers(rows: np.ndarray, **buffers: np.ndarray) -> list[RecordDict]:
    """Replies as Flower's strategies take them; ``buffers``: a row per hospital."""
    found = []
    for number, row in enumerate(rows):
        arrays = {"w": Array(row)} | {k: Array(v[number]) for k, v in buffers.items()}
        metrics = MetricRecord({"num-examples": 1})
        found.append(RecordDict({"arrays": ArrayRecord(arrays), "metrics": metrics}))
    return found


def flowers_choice(contents: list[RecordDict], hostile: int, chosen: int = 1) -> set[int]:
    picked = select_multikrum(contents, hostile, chosen)
    return {n for n, content in enumerate(contents) if any(content is p for p in picked)}


def test_flowers_krum_chooses_as_ours_where_nothing_is_in_its_way() -> None:
    for seed in range(20):
        rows = drawn(seed, 9, 50)
        assert flowers_choice(as_flowers(rows), 2) == set(krum(rows, 2).weights.nonzero()[0])
        ours = set(multi_krum(rows, 2).weights.nonzero()[0])
        assert flowers_choice(as_flowers(rows), 2, 5) == ours


def test_flowers_krum_measures_buffers() -> None:
    """A count of batches decides whom it takes; a hospital that lies about it is never chosen."""
    rows = drawn(0, 7, 20)
    best = int(krum(rows, 2).weights.argmax())
    counts = np.zeros((7, 1), np.float32)
    counts[best] = 100.0
    assert flowers_choice(as_flowers(rows), 2) == {best}
    assert flowers_choice(as_flowers(rows, batches=counts), 2) != {best}


def test_flowers_krum_does_not_ask_for_as_many_answers_as_it_needs() -> None:
    """Two that agree among five are their own nearest neighbours: n - f - 2 = 1 is enough."""
    rows = drawn(0, 5, 20)
    rows[3:] = 100.0
    assert flowers_choice(as_flowers(rows), 2) <= {3, 4}
    with pytest.raises(RobustnessError, match=r"2 f \+ 3 = 7"):
        krum(rows, 2)


def test_flowers_krum_loses_small_updates_in_large_weights() -> None:
    """It is sent models: from weights of 30, updates of 1e-4 vanish in float32."""
    moved = drawn(0, 9, 2000, np.float64) * 1e-4
    models = (30 + moved).astype(np.float32)
    rows = models - np.float32(30)
    sent = rows.astype(np.float64)
    exact = np.array([[np.sum((a - b) ** 2) for b in sent] for a in sent])
    theirs = compute_distances([content["arrays"] for content in as_flowers(models)])
    upper = np.triu_indices(9, 1)
    assert (np.abs(theirs - exact)[upper] > 0.99 * exact[upper]).all()
    assert (theirs[upper] <= 0).any()
    for given_ in (rows, models):  # ours, of updates and even of models
        np.testing.assert_allclose(krum(given_, 2).scores, slow_krum(rows, 2), rtol=1e-6)


def test_flowers_multi_krum_weighs_by_what_hospitals_say_of_their_size() -> None:
    from flwr.serverapp.strategy.strategy_utils import aggregate_arrayrecords

    rows = drawn(0, 9, 20)
    contents = as_flowers(rows)
    picked = select_multikrum(contents, 2, 5)
    picked[0]["metrics"]["num-examples"] = 10**6
    theirs = aggregate_arrayrecords(picked, "num-examples")["w"].numpy()
    np.testing.assert_allclose(theirs, picked[0]["arrays"]["w"].numpy(), atol=1e-4)
    assert not np.allclose(multi_krum(rows, 2).update, theirs, atol=1e-2)


def test_flowers_median_is_ours() -> None:
    from flwr.serverapp.strategy.fedtrimmedavg import trim_mean as flowers_trimmed

    rows = drawn(2, 8, 100)
    np.testing.assert_allclose(np.median(rows, axis=0), coordinate_median(rows).update, rtol=1e-6)
    np.testing.assert_allclose(flowers_trimmed(rows, 0.25), trimmed_mean(rows, 2).update, rtol=1e-4)


def test_distances_are_exact_for_all_pairs_beside_a_giant() -> None:
    rows = drawn(0, 8, 300)
    rows[0] = 1e15
    rows[3::2] = rows[1] + np.float32(1e-5) * rows[3::2]
    np.testing.assert_allclose(krum(rows, 2).scores, slow_krum(rows, 2), rtol=1e-9)
