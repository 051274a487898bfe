"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import math

import numpy as np

from tests.course.checks.right import assert_accepted, message_to


def sample_one_by_one(patient_of, rate, uniform):
    taking_part = []
    for patient in sorted(set(patient_of)):
        if uniform(1)[0] < rate:
            taking_part += [n for n, p in enumerate(patient_of) if p == patient]
    return np.array(sorted(taking_part), dtype=int)


def mean_by_loop(gradients, bound, noise, expected, normal):
    total = np.zeros(gradients.shape[1])
    for row in gradients:
        length = math.sqrt((row**2).sum())
        total += row if length <= bound else row * bound / length
    return total / expected + normal((gradients.shape[1],)) * noise * bound / expected


def delta_by_erf(epsilon, noise):
    def phi(x):
        return math.erfc(-x / math.sqrt(2)) / 2

    half = 0.5 / noise
    return phi(half - epsilon * noise) - math.e**epsilon * phi(-half - epsilon * noise)


def test_other_ways_to_be_right() -> None:
    assert_accepted("patient_sample", sample_one_by_one)
    assert_accepted("private_mean", mean_by_loop)
    assert_accepted("gaussian_delta", delta_by_erf)


def test_slips_of_the_sample_get_their_name() -> None:
    def turned(patient_of, rate, uniform):
        ids = sorted(set(patient_of))
        coins = dict(zip(ids, uniform(len(ids)), strict=True))
        return [n for n, p in enumerate(patient_of) if coins[p] > rate]

    def in_place(patient_of, rate, uniform):
        ids = list(dict.fromkeys(patient_of))
        coins = dict(zip(ids, uniform(len(ids)), strict=True))
        return [n for n, p in enumerate(patient_of) if coins[p] < rate]

    def at_most(patient_of, rate, uniform):
        ids = sorted(set(patient_of))
        coins = dict(zip(ids, uniform(len(ids)), strict=True))
        return [n for n, p in enumerate(patient_of) if coins[p] <= rate]

    assert "coin is turned" in message_to("patient_sample", turned)
    assert "just the rate" in message_to("patient_sample", at_most)
    assert "alphabetical" in message_to("patient_sample", in_place)
    assert "rising order" in message_to(
        "patient_sample", lambda *a: list(sample_one_by_one(*a))[::-1]
    )
    assert "return patients" in message_to(
        "patient_sample", lambda of, *a: sorted({of[n] for n in sample_one_by_one(of, *a)})
    )


def test_slips_of_the_mean_get_their_name() -> None:
    def says(change) -> str:
        return message_to("private_mean", lambda *a: change(*a))

    assert "There is no noise" in says(lambda g, b, n, e, _: mean_by_loop(g, b, n, e, np.zeros))
    assert "no clipping" in says(lambda g, b, n, e, f: (g.sum(0) + n * b * f(g.shape[1:])) / e)
    assert "added once" in says(lambda g, b, n, e, f: (g + n * b * f(g.shape)).sum(0) / e)
    assert "sum comes back" in says(lambda g, b, n, e, f: mean_by_loop(g, b, n, e, f) * e)
    assert "that would tell" in says(
        lambda g, b, n, e, f: mean_by_loop(g, b, n, e, f) if len(g) else np.zeros(g.shape[1])
    )


def test_slips_of_delta_get_their_name() -> None:
    assert "not epsilon" in message_to(
        "gaussian_delta",
        lambda e, s: (
            delta_by_erf(0, s)
            if not e
            else (
                math.erfc(-(0.5 / s - e * s) / math.sqrt(2))
                - e * math.erfc((0.5 / s + e * s) / math.sqrt(2))
            )
            / 2
        ),
    )
