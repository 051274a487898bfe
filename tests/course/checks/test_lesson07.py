"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest

from tests.course.checks.right import assert_accepted, message_to


def minutes_by_numpy(sent, received, down, up, training):
    ways = 8 * np.array(sent) / np.array(down) + 8 * np.array(received) / np.array(up)
    return (ways + np.array(training)).max() / 60


def top_k_by_loop(change, memory, keep):
    wanted = [c + m for c, m in zip(change, memory, strict=True)]
    places = heapq.nlargest(keep, range(len(wanted)), key=lambda n: abs(wanted[n]))
    left = [0.0 if n in places else value for n, value in enumerate(wanted)]
    return sorted(places), [wanted[n] for n in sorted(places)], left


def top_k_by_partition(change, memory, keep):
    wanted = change + memory
    places = np.argpartition(np.abs(wanted), len(wanted) - keep)[len(wanted) - keep :]
    sent = np.zeros_like(wanted)
    sent[places] = wanted[places]
    return places, wanted[places], wanted - sent


def rounded_by_chance(values, levels, rng):
    """Up where a draw falls below what comes after the point."""
    scale = np.max(np.abs(values))
    if scale == 0:
        return np.zeros(len(values)), 0.0
    steps = values / scale * levels
    low = np.floor(steps)
    return low + (rng.random(len(values)) < steps - low), scale


def rounded_with_dither(values, levels, rng):
    """Noise as wide as a step, then the nearest level."""
    scale = float(np.abs(values).max())
    steps = levels * values / (scale or 1.0)
    noise = rng.uniform(-0.5, 0.5, steps.shape) * (steps != np.rint(steps))
    return np.rint(steps + noise).astype(int), scale


def rounded_by_sign(values, levels, rng):
    """Sizes rounded, signs put back; number by number."""
    scale = max(map(abs, values))
    sizes = [0.0 if scale == 0 else abs(v) / scale * levels for v in values]
    drawn = [math.floor(size + rng.random()) for size in sizes]
    return [-n if v < 0 else n for n, v in zip(drawn, values, strict=True)], scale


def test_other_ways_to_be_right() -> None:
    assert_accepted("minutes_per_round", minutes_by_numpy)
    assert_accepted("top_k", top_k_by_loop)
    assert_accepted("top_k", top_k_by_partition)
    assert_accepted("random_rounding", rounded_by_chance)
    assert_accepted("random_rounding", rounded_with_dither)
    assert_accepted("random_rounding", rounded_by_sign)


@pytest.mark.parametrize(
    ("made", "diagnosis"),
    [
        (lambda s, _: np.rint(s), "to the nearest"),
        (lambda s, _: np.floor(s), "always round down"),
        (lambda s, _: np.ceil(s), "always round up"),
        (lambda s, _: np.trunc(s), "towards 0"),
        (lambda s, rng: np.floor(s + rng.random()), "One random number"),
        (
            lambda s, rng: np.floor(s) + (rng.random(s.shape) < 0.5) * (s != np.floor(s)),
            "fair coin",
        ),
        (
            lambda s, rng: np.floor(s) + (rng.random(s.shape) > s % 1) * (s % 1 > 0),
            "chances are turned",
        ),
        (lambda s, rng: np.floor(s + rng.random(s.shape) ** 2), "biased"),
        (lambda s, rng: np.floor(s * 2 + rng.random(s.shape)), "steps of scale"),
        (lambda s, rng: np.floor(s / 2 + rng.random(s.shape)), "two neighbours"),
        (lambda s, _: s, "not whole"),
    ],
)
def test_biased_roundings_get_their_name(made, diagnosis: str) -> None:
    def rounded(values, levels, rng):
        scale = np.abs(values).max()
        return made(values / (scale or 1) * levels, rng), scale

    assert diagnosis in message_to("random_rounding", rounded)


def test_nothing_but_zeros_is_thought_of() -> None:
    def rounded(values, levels, rng):
        scale = np.abs(values).max()
        with np.errstate(invalid="ignore"):
            return np.floor(values / scale * levels + rng.random(len(values))), scale

    assert "divide by a scale of 0" in message_to("random_rounding", rounded)


def test_slips_of_top_k_get_their_name() -> None:
    def forgetful(change, memory, keep):
        places, values, _ = top_k_by_partition(change, memory, keep)
        return places, values, np.zeros_like(change)

    def late(change, memory, keep):
        places = np.argsort(-np.abs(change))[:keep]
        wanted = change + memory
        left = wanted.copy()
        left[places] = 0
        return places, wanted[places], left

    assert "all of it is lost" in message_to("top_k", forgetful)
    assert "choose by the change alone" in message_to("top_k", late)
    signed = message_to("top_k", lambda c, m, k: (*top_k_by_partition(c, m, k)[:2], -c - m))
    assert "differ" in signed
    assert "three things" in message_to("top_k", lambda c, m, _: c + m)
    assert "places are due" in message_to("top_k", lambda _, m, k: ([0] * k, [0.0] * k, m))


def test_slips_of_minutes_get_their_name() -> None:
    def worst_of_parts(sent, received, down, up, training):
        there = max(8 * s / d for s, d in zip(sent, down, strict=True))
        back = max(8 * r / u for r, u in zip(received, up, strict=True))
        return (there + max(training) + back) / 60

    assert "slowest of each part" in message_to("minutes_per_round", worst_of_parts)
    seconds = message_to("minutes_per_round", lambda *told: 60 * minutes_by_numpy(*told))
    assert "minutes are due" in seconds
