"""Checks of lesson 10: numbers as whole numbers, pairwise masks, and what a dropout leaves over."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array
from fedlab_utils.course.guard import Answer


def _judge(got: object, want: np.ndarray, mistakes: Mapping[str, object], case: str) -> None:
    """Compare to the bit: of numbers modulo 2**64, nearly right is wrong."""
    array = as_array(got, want.shape)
    if array.dtype != np.uint64:
        raise Wrong(
            f"Return an array of type uint64; yours is of type {array.dtype}. (float64 holds 53 "
            "bits and rounds the rest away; int64 has the same bits: `view(np.uint64)`.)"
        )
    if np.array_equal(array, want):
        return
    for diagnosis, slip in mistakes.items():
        if np.array_equal(array, np.asarray(slip, np.uint64)):
            raise Wrong(f"{diagnosis} (for {case}).")
    first = tuple(int(n) for n in np.argwhere(array != want)[0])
    place = first if len(first) > 1 else first[0]
    raise Wrong(
        f"For {case} {(array != want).sum()} of {want.size} numbers differ; at {place} yours is "
        f"{array[first]}, and {want[first]} is due."
    )


def to_whole_numbers(answer: Answer) -> str:
    """Values of both signs, ends of the range, and halves of the last bit apart from any tie."""
    rng = np.random.default_rng(101)
    for bits, shape in ((16, (5,)), (40, (3, 4)), (1, (7,))):
        values = rng.uniform(-(2.0**20), 2.0**20, shape)
        values.flat[:2] = -1.0, 0.0
        due = np.array([round(float(v) * 2**bits) % 2**64 for v in values.flat], np.uint64)
        cut = np.array([int(float(v) * 2**bits) % 2**64 for v in values.flat], np.uint64)
        floor = np.array([int(np.floor(v * 2.0**bits)) % 2**64 for v in values.flat], np.uint64)
        sizes = np.array([round(abs(float(v)) * 2**bits) for v in values.flat], np.uint64)
        plain = np.array([round(float(v) * 2 * bits) % 2**64 for v in values.flat], np.uint64)
        whole = np.array([round(float(v)) % 2**64 for v in values.flat], np.uint64)
        in_floats = [int(round(float(v) * 2**bits) % 2.0**64) % 2**64 for v in values.flat]
        zero = np.where(values.ravel() < 0, np.uint64(0), due)
        mistakes = {
            "What comes after the point is cut off, not rounded: `astype` does that; use `np.rint` "
            "first": cut,
            "You round down (`floor`); round to the nearest": floor,
            "Negative numbers lose their sign; they count backwards from 2**64": sizes,
            "You count modulo 2**64 in floating point, whose 53 bits round the last digits away: "
            "make `np.int64` of them first": np.array(in_floats, np.uint64),
            "Negative numbers become 0; they count backwards from 2**64": zero,
            "The factor is two to the power `fraction_bits`: `2.0**fraction_bits`": plain,
            "The bits after the point are missing: multiply by `2.0**fraction_bits` first": whole,
        }
        _judge(
            answer(values, bits),
            due.reshape(shape),
            {told: slip.reshape(shape) for told, slip in mistakes.items()},
            f"{bits} bits after the point",
        )
    return "Sums of these wrap around and stay exact, whatever their order."


def _rows(rng: np.random.Generator, count: int, size: int = 5) -> np.ndarray:
    return rng.integers(0, 2**64, (count, size), np.uint64)


def pairwise_masks(answer: Answer) -> str:
    """A hospital in the middle, with neighbours on both sides."""
    rng = np.random.default_rng(102)
    numbers, others = _rows(rng, 1)[0], (6, 0, 5, 2)
    streams = dict(zip(others, _rows(rng, 4), strict=True))
    for own in (3, 4):
        lower = sum(s for other, s in streams.items() if other < own)
        upper = sum(s for other, s in streams.items() if other > own)
        exclusive = numbers
        for row in streams.values():
            exclusive = exclusive ^ row
        _judge(
            answer(numbers, own, streams),
            numbers + upper - lower,
            {
                "Every row is always added; then nothing cancels. Of each pair one adds and the "
                "other takes away": numbers + upper + lower,
                "Every row is always taken away; then nothing cancels": numbers - upper - lower,
                "The signs are turned: of each pair the smaller number adds": numbers
                + lower
                - upper,
                "You combine by exclusive or, which hides as well, but its sum is not the sum of "
                "the numbers: add modulo 2**64": exclusive,
                "The masks alone come back; they are added to the numbers": upper - lower,
                "The numbers come back as they were": numbers,
            },
            f"hospital {own} among 0, 2, 5 and 6",
        )
    return "Added over all hospitals, each row comes once with a plus and once with a minus."


def sum_of_those_left(answer: Answer) -> str:
    """Two of five are gone, one below and one above some of those who are left."""
    rng = np.random.default_rng(103)
    for gone in ((2,), (1, 3)):
        left = [n for n in range(5) if n not in gone]
        numbers = dict(zip(left, _rows(rng, len(left)), strict=True))
        own = dict(zip(left, _rows(rng, len(left)), strict=True))
        pairs = [(one, two) for one in left for two in gone]
        rows = dict(zip(pairs, _rows(rng, len(pairs)), strict=True))
        among = {(a, b): _rows(rng, 1)[0] for a in left for b in left if a < b}
        masked = {
            n: numbers[n]
            + own[n]
            + sum(row if n < two else -row for (one, two), row in rows.items() if one == n)
            + sum(row if n == a else -row for (a, b), row in among.items() if n in (a, b))
            for n in left
        }
        due, selves = sum(numbers.values()), sum(own.values())
        open_rows = sum(row if one < two else -row for (one, two), row in rows.items())
        _judge(
            answer(masked, own, rows),
            due,
            {
                "The self masks are still in the sum: take them off": due + selves,
                "The rows shared with those who are gone are still in the sum": due + open_rows,
                "Self masks and leftover rows are still in the sum": due + selves + open_rows,
                "The signs of the rows are turned: who has the smaller number of a pair has added "
                "it, so take it off": due + open_rows + open_rows,
                "The rows are always taken off; where the one that is left has the larger number, "
                "it took the row away, so add it": due + open_rows - sum(rows.values()),
                "The rows are always added; where the one that is left has the smaller number, it "
                "has added the row, so take it off": due + open_rows + sum(rows.values()),
            },
            f"hospitals {', '.join(map(str, gone))} gone of five",
        )
    return "Rows between two hospitals that are both left had cancelled before you looked."
