"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np

from tests.course.checks.right import assert_accepted, message_to


def leak_by_least_squares(weight_gradient, bias_gradient):
    return bias_gradient @ weight_gradient / (bias_gradient @ bias_gradient)


def gap_by_row(found, sent):
    one, two = (np.concatenate([np.ravel(p) for p in of]) for of in (found, sent))
    return 1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two)


def advantage_by_sorting(members, others):
    best = 0.0
    for t in sorted([*members, *others], reverse=True):
        best = max(best, sum(members >= t) / len(members) - sum(others >= t) / len(others))
    return best


def test_other_ways_to_be_right() -> None:
    assert_accepted("linear_leak", leak_by_least_squares)
    assert_accepted("gradient_gap", gap_by_row)
    assert_accepted("advantage_of", advantage_by_sorting)


def test_slips_get_their_name() -> None:
    with np.errstate(invalid="ignore"):
        assert "is 0" in message_to("linear_leak", lambda w, b: (w / b[:, None]).mean(0))
        for row in (0, 1, -1):  # no row is the right one in every layer
            assert "is 0" in message_to("linear_leak", lambda w, b, row=row: w[row] / b[row])
        assert "is 0" in message_to("linear_leak", lambda w, b: w[np.argmax(b)] / b.max())
    assert "sign is turned" in message_to("gradient_gap", lambda f, s: 2 - gap_by_row(f, s))
    assert "swapped" in message_to("advantage_of", lambda m, o: advantage_by_sorting(o, m))
