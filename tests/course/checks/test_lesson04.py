"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import rankdata

from tests.course.checks.right import assert_accepted, message_to


def in_blocks(patient_of, count, rng):
    """Cut the shuffled patients into pieces instead of dealing them in turn."""
    patients = sorted(set(patient_of.values()))
    rng.shuffle(patients)
    parts = [set(part) for part in np.array_split(patients, count)]
    return tuple(tuple(c for c, p in patient_of.items() if p in part) for part in parts)


def by_random_numbers(patient_of, count, rng):
    patients = np.unique(list(patient_of.values()))
    order = patients[rng.random(len(patients)).argsort()]
    groups = [[] for _ in range(count)]
    for turn, patient in enumerate(order):
        groups[turn % count] += [case for case in patient_of if patient_of[case] == patient]
    return groups


def in_order_of_appearance(patient_of, count, rng):
    patients = list(dict.fromkeys(patient_of.values()))
    rng.shuffle(patients)
    home = {patient: turn % count for turn, patient in enumerate(patients)}
    return [[c for c, p in patient_of.items() if home[p] == h] for h in range(count)]


def by_array(patient_of, count, rng):
    """Numpy's own kinds of strings as keys."""
    cases, patients = np.array(list(patient_of)), np.array(list(patient_of.values()))
    parts = np.array_split(rng.permutation(np.unique(patients)), count)
    return [cases[np.isin(patients, part)] for part in parts]


def by_counter(patient_of, count, rng):
    visits = {}
    for case, patient in patient_of.items():
        visits.setdefault(patient, set()).add(case)
    order = rng.permutation(sorted(visits))
    return [sorted(set().union(*(visits[p] for p in order[h::count]))) for h in range(count)]


def by_ranks(values, place, skew):
    mixed = (1 - skew) * place + skew * (rankdata(values) - 1) / len(values)
    return sorted(range(len(values)), key=mixed.__getitem__)


def test_other_ways_to_be_right() -> None:
    assert_accepted("deal", in_blocks)
    assert_accepted("deal", by_random_numbers)
    assert_accepted("deal", in_order_of_appearance)
    assert_accepted("deal", by_array)
    assert_accepted("deal", by_counter)
    assert_accepted("skewed_order", by_ranks)
    assert_accepted("jensen_shannon_distance", lambda p, q: jensenshannon(p, q, base=2))


def test_slips_of_dealing_get_their_name() -> None:
    def patients_instead(patient_of, count, rng):
        return [
            list(p)
            for p in np.array_split(rng.permutation(sorted(set(patient_of.values()))), count)
        ]

    def first_visits(patient_of, count, rng):
        cases = list({p: c for c, p in reversed(patient_of.items())}.values())
        return [list(part) for part in np.array_split(rng.permutation(cases), count)]

    def first_patients(patient_of, count, rng):
        patients = rng.permutation(sorted(set(patient_of.values())))
        home = {p: turn % count for turn, p in enumerate(patients[:-1])}
        return [[c for c, p in patient_of.items() if home.get(p) == h] for h in range(count)]

    def as_the_set_has_it(patient_of, count, rng):
        patients = list(set(patient_of.values()))
        home = {p: turn % count for turn, p in enumerate(rng.permutation(patients))}
        return [[c for c, p in patient_of.items() if home[p] == h] for h in range(count)]

    def own_chance(patient_of, count, rng):  # noqa: ARG001
        return in_blocks(patient_of, count, np.random.default_rng())

    def blocks_of_the_sorted(patient_of, count, rng):
        patients = np.roll(sorted(set(patient_of.values())), rng.integers(len(patient_of)))
        parts = [set(part) for part in np.array_split(patients, count)]
        return [[c for c, p in patient_of.items() if p in part] for part in parts]

    def twice(patient_of, count, rng):
        groups = in_blocks(patient_of, count, rng)
        return [groups[0] + groups[0][:1], *groups[1:]]

    def one_more(patient_of, count, rng):
        return [*in_blocks(patient_of, count, rng), ()]

    def balanced_cases(patient_of, count, rng):
        groups = [[] for _ in range(count)]
        for patient in rng.permutation(sorted(set(patient_of.values()))):
            smallest = min(groups, key=len)
            smallest += [case for case in patient_of if patient_of[case] == patient]
        return groups

    assert "You return patients" in message_to("deal", patients_instead)
    assert "but not all their visits" in message_to("deal", first_visits)
    assert "something is left over" in message_to("deal", first_patients)
    assert "the order of a `set`" in message_to("deal", as_the_set_has_it)
    assert "take all chance from `rng`" in message_to("deal", own_chance).replace("Take", "take")
    assert "go together far more often" in message_to("deal", blocks_of_the_sorted)
    assert "is dealt 2 times" in message_to("deal", twice)
    assert "lists are due" in message_to("deal", one_more)
    assert "nor balance cases" in message_to("deal", balanced_cases)
    assert "list of lists" in message_to("deal", lambda *_: 3)


def test_slips_of_the_order_get_their_name() -> None:
    def rank(values):
        return values.argsort().argsort()

    def downwards(values, place, skew):
        return np.argsort((1 - skew) * place + skew * rank(-values) / len(values))

    def scaled(values, place, skew):
        return np.argsort((1 - skew) * place + skew * values / values.max())

    def places(values, place, skew):
        return (1 - skew) * place + skew * rank(values) / len(values)

    def their_ranks(values, place, skew):
        return rank(places(values, place, skew))

    def undivided(values, place, skew):
        return np.argsort((1 - skew) * place + skew * rank(values))

    def to_one(values, place, skew):
        return np.argsort((1 - skew) * place + skew * rank(values) / (len(values) - 1))

    def both_ranked(values, place, skew):
        return np.argsort((1 - skew) * rank(place) + skew * rank(values))

    for answer, words in (
        (to_one, "you divide by N - 1"),
        (both_ranked, "rank the random places too"),
        (downwards, "smallest is due"),
        (scaled, "one huge tumour"),
        (places, "argsort"),
        (their_ranks, "whose turn is first"),
        (undivided, "N - 1"),
    ):
        assert words in message_to("skewed_order", answer)


def test_slips_of_the_distance_get_their_name() -> None:
    def relative(p, q):
        there = p > 0
        return (p[there] * np.log2(p[there] / q[there])).sum()

    def shares(first, second):
        return first / first.sum(), second / second.sum()

    def summed(first, second):
        p, q = shares(first, second)
        return np.sqrt(relative(p, (p + q) / 2) + relative(q, (p + q) / 2))

    def one_side(first, second):
        p, q = shares(first, second)
        return np.sqrt(relative(p, (p + q) / 2))

    def pooled(first, second):
        p, q = shares(first, second)
        middle = (first + second) / (first + second).sum()
        return np.sqrt((relative(p, middle) + relative(q, middle)) / 2)

    def in_common(first, second):
        there = (first > 0) & (second > 0)
        p, q = (of[there] for of in shares(first, second))
        return np.sqrt((relative(p, (p + q) / 2) + relative(q, (p + q) / 2)) / 2)

    def leibler(first, second):
        with np.errstate(divide="ignore"):
            return relative(*shares(first, second))

    for answer, words in (
        (in_common, "empty at one hospital only"),
        (summed, "their mean is due"),
        (one_side, "Only one of the two"),
        (pooled, "both hospitals count alike"),
        (lambda p, q: np.abs(np.subtract(*shares(p, q))).sum() / 2, "total variation"),
    ):
        assert words in message_to("jensen_shannon_distance", answer)
    assert "due" in message_to("jensen_shannon_distance", leibler)
    for value in ("0.5", [0.5], np.array([0.5]), np.array(0.5 + 1j)):
        told = message_to("jensen_shannon_distance", lambda *_, value=value: value)
        assert "should return one number" in told


@pytest.mark.parametrize("added", [1, 0.5, 1e-2, 1e-6, 1e-9, 1e-12])
def test_a_number_added_against_empty_bins_is_told(added: float) -> None:
    def by(term):
        def distance(first, second):
            p, q = first / first.sum(), second / second.sum()
            middle = (p + q) / 2
            return np.sqrt((term(p, middle) + term(q, middle)).sum() / 2)

        return distance

    def left_out(p, m):
        there = p > 0
        return (p[there] * np.log2((p[there] + added) / m[there])).sum()

    for term in (lambda p, m: p * np.log2(p / m + added), left_out):
        told = message_to("jensen_shannon_distance", by(term))
        assert f"You add {added:g} in the logarithm" in told

    def of_shares(first, second):
        p, q = first / first.sum() + added, second / second.sum() + added
        return jensenshannon(p, q, base=2)

    on_both = by(lambda p, m: p * np.log2((p + added) / (m + added)))
    if added < 1e-8:
        assert_accepted("jensen_shannon_distance", on_both)  # it changes no digit that counts
        assert_accepted("jensen_shannon_distance", of_shares)
    else:
        assert "in the logarithm" in message_to("jensen_shannon_distance", on_both)
        assert "to every bin" in message_to("jensen_shannon_distance", of_shares)
