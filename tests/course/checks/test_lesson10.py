"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np

from tests.course.checks.right import assert_accepted, message_to


def whole_by_python(values, fraction_bits):
    found = [round(float(v) * 2**fraction_bits) % 2**64 for v in values.ravel()]
    return np.array(found, np.uint64).reshape(values.shape)


def masks_by_loop(numbers, own, streams):
    total = numbers.copy()
    for other in sorted(streams):
        if other < own:
            total -= streams[other]
        else:
            total += streams[other]
    return total


def sum_by_hospital(masked, self_masks, leftover):
    total = np.zeros_like(next(iter(masked.values())))
    for number, row in masked.items():
        mine = row - self_masks[number]
        for (left, gone), pair in leftover.items():
            if left == number:
                mine = mine + (pair if left > gone else -pair)
        total += mine
    return total


def test_other_ways_to_be_right() -> None:
    assert_accepted("to_whole_numbers", whole_by_python)
    assert_accepted(
        "to_whole_numbers", lambda v, f: np.rint(v * 2.0**f).astype(np.int64).astype(np.uint64)
    )
    assert_accepted("pairwise_masks", masks_by_loop)
    assert_accepted("sum_of_those_left", sum_by_hospital)


def test_slips_get_their_name() -> None:
    floor = message_to(
        "to_whole_numbers", lambda v, f: np.floor(v * 2.0**f).astype(np.int64).view(np.uint64)
    )
    assert "round down" in floor
    zero = message_to(
        "to_whole_numbers",
        lambda v, f: np.rint(np.maximum(v, 0) * 2.0**f).astype(np.int64).view(np.uint64),
    )
    assert "become 0" in zero
    in_floats = message_to(
        "to_whole_numbers", lambda v, f: (np.rint(v * 2.0**f) % 2.0**64).astype(np.uint64)
    )
    assert "in floating point" in in_floats
    alone = message_to(
        "pairwise_masks", lambda n, own, rows: masks_by_loop(np.zeros_like(n), own, rows)
    )
    assert "masks alone" in alone
    added = message_to(
        "sum_of_those_left",
        lambda m, s, rest: sum(m.values()) - sum(s.values()) + sum(rest.values()),
    )
    assert "always added" in added


def test_nearly_right_is_wrong() -> None:
    """One in the last of 64 bits, which no relative tolerance would see."""
    assert "differ" in message_to(
        "pairwise_masks", lambda n, own, rows: masks_by_loop(n, own, rows) + np.uint64(1)
    )


def test_a_list_of_plain_numbers_is_of_another_type() -> None:
    assert "type uint64" in message_to(
        "pairwise_masks", lambda n, own, rows: masks_by_loop(n, own, rows).astype(float).tolist()
    )
