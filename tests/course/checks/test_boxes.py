from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedlab_utils.course.checks import Wrong
from fedlab_utils.course.checks.boxes import judge_box


@pytest.fixture
def ball() -> np.ndarray:
    """A ball off the middle: its first and last voxels in order are no corners of its box."""
    at = np.indices((11, 9, 10)) - np.array([4, 5, 4]).reshape(3, 1, 1, 1)
    return (at**2).sum(0) <= 9


def judged(box: object, brain: np.ndarray, margin: int = 0) -> str:
    with pytest.raises(Wrong) as raised:
        judge_box(box, brain, margin)
    return str(raised.value)


def test_the_box_of_another_library_is_accepted(ball) -> None:
    [box] = ndimage.find_objects(ball.astype(int))
    judge_box(box, ball, 0)
    judge_box((slice(np.int64(1), 8), slice(2, 9), slice(1, 8, 1)), ball, 0)
    judge_box((slice(0, 10), slice(0, 9), slice(0, 10)), ball, 2)


def test_likely_mistakes_are_named(ball) -> None:
    where = np.where(ball)
    first_to_last = tuple(slice(int(a[0]), int(a[-1]) + 1) for a in where)
    assert "from the first to the last voxel of the list" in judged(first_to_last, ball)
    assert "a slice stops before its end" in judged((slice(1, 7), slice(2, 8), slice(1, 7)), ball)
    too_far = (slice(1, 9), slice(2, 9), slice(1, 8))
    assert "its stop is the last voxel plus 1" in judged(too_far, ball)
    outside = (slice(0, 10), slice(0, 11), slice(0, 10))
    assert "leaves the array" in judged(outside, ball, 2)
    assert "A start is negative" in judged((slice(-2, 11), slice(0, 9), slice(0, 10)), ball, 3)
    one_sided = (slice(0, 8), slice(1, 9), slice(0, 8))
    assert "Is the margin on both sides?" in judged(one_sided, ball, 1)
    assert "The margin of 1 is missing" in judged((slice(1, 8), slice(2, 9), slice(1, 8)), ball, 1)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ([slice(1, 8)] * 3, "a tuple of three slices"),
        ((slice(1, 8), slice(2, 9)), "a tuple of three slices"),
        (((1, 8), (2, 9), (1, 8)), "a tuple of three slices"),
        ((slice(1.0, 8), slice(2, 9), slice(1, 8)), "an integer start and stop"),
        ((slice(1, 8), slice(2, 9), slice(1, None)), "an integer start and stop"),
        ((slice(1, 8, 2), slice(2, 9), slice(1, 8)), "no step"),
    ],
)
def test_what_is_no_box(ball, box, says) -> None:
    assert says in judged(box, ball)
