from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.course.checks import (
    Wrong,
    as_array,
    as_mask,
    as_number,
    describe,
    differing,
    judge,
    judge_together,
    places_in,
    refuse_other_type,
)


@pytest.mark.parametrize("value", [True, "3", None, [3], np.array([3]), 3j, np.array("a")])
def test_what_is_not_a_number_is_refused(value) -> None:
    with pytest.raises(Wrong, match="one number"):
        as_number(value)


def test_numbers_of_every_library_are_numbers() -> None:
    import torch

    for value in (3, 3.0, np.float32(3), np.int64(3), np.array(3), torch.tensor(3.0)):
        assert as_number(value) == 3.0


def test_arrays_are_read_from_lists_and_tensors() -> None:
    import torch

    assert as_array([[1, 2]], (1, 2)).tolist() == [[1, 2]]
    assert as_array(torch.ones(2), (2,)).tolist() == [1, 1]
    assert as_array(torch.ones(2, requires_grad=True), (2,)).tolist() == [1, 1]


def test_a_mask_is_boolean_whatever_holds_it() -> None:
    import torch

    mask = np.array([True, False])
    for value in (mask, [True, False], (np.True_, np.False_), torch.tensor(mask)):
        np.testing.assert_array_equal(as_mask(value, (2,)), mask)
    for value in ([mask, mask], [torch.tensor(mask), torch.tensor(mask)]):
        np.testing.assert_array_equal(as_mask(value, (2, 2)), [mask, mask])
    for value, says in (
        ([1, 0], "of type int64"),
        (torch.tensor([1, 0]), "of type int64"),
        (7.0 * mask, "of type float64"),
        (mask.astype(np.uint8), "of type uint8"),
        (mask[:1], "shape"),
    ):
        with pytest.raises(Wrong, match=says):
            as_mask(value, (2,))


def test_the_type_counts_where_there_is_one() -> None:
    import torch

    for value in ([1, 2], np.array([1, 2], np.uint8), torch.tensor([1, 2], dtype=torch.uint8)):
        refuse_other_type(value, np.uint8)
    for value in (np.array([1, 2]), torch.tensor([1, 2])):
        with pytest.raises(Wrong, match="their type is int64; uint8 is due"):
            refuse_other_type(value, np.uint8)


def test_a_mistake_is_named_by_its_value() -> None:
    judge(0.5 + 1e-9, 0.5, {"never": 0.5}, case="x")
    with pytest.raises(Wrong, match=r"you double \(for x: `1` instead of `0.5`\)"):
        judge(1.0, 0.5, {"you double": 1.0}, case="x")
    with pytest.raises(Wrong, match="For x your function gives"):
        judge(0.7, 0.5, {"you double": 1.0}, case="x")
    with pytest.raises(Wrong):
        judge(np.nan, 0.5, case="x")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros((2, 9), np.uint8), "an array of shape (2, 9) and type uint8"),
        (np.array([1, 2]), "`[1, 2]` (ndarray)"),
        (1 / 3, "`0.333333`"),
        (np.float32(2), "`2`"),
        (True, "`True` (bool)"),
        ("a`b", "`'a'b'` (str)"),
        ("x" * 99, "`'" + "x" * 58 + "…` (str)"),
    ],
)
def test_values_are_described_in_a_few_words(value, words: str) -> None:
    assert describe(value) == words


def test_arrays_that_differ_are_compared_at_the_worst_place() -> None:
    want = np.zeros((4, 5, 6))
    got = want.copy()
    got[0, 0, 1], got[3, 4, 5] = 0.5, -1.62
    found = "2 of 120 voxels differ; at (3, 4, 5) yours is -1.62, 0 is due"
    with pytest.raises(Wrong) as raised:
        judge(got, want, case="a map")
    assert str(raised.value) == f"For a map: {found}."
    with pytest.raises(Wrong) as raised:
        judge(got, want, {"you slip": got}, case="a map")
    assert str(raised.value) == f"you slip (for a map: {found})."


@pytest.mark.parametrize(
    ("value", "due", "says"),
    [
        (1.71, 1.62, "at 2 yours is 1.71, 1.62 is due"),
        (1.0, 1.00001, "at 2 yours is 1, 1.00001 is due"),
        (np.nan, 0.5, "at 2 yours is nan, 0.5 is due"),
        (np.inf, 0.5, "at 2 yours is inf, 0.5 is due"),
    ],
)
def test_both_values_are_told_in_as_many_digits_as_they_need(value, due, says) -> None:
    got, want = np.zeros(9), np.zeros(9)
    got[2], want[2], got[4] = value, due, 1e-6
    assert says in differing(got, want)
    assert differing(got, want).startswith("2 of 9 values")


def test_labels_and_masks_are_compared_too() -> None:
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[1, 0, 2] = 3
    found = differing(0 * labels, labels)
    assert found == "1 of 24 voxels differ; at (1, 0, 2) yours is 0, 3 is due"
    assert differing(labels > 0, labels < 0).endswith("at (1, 0, 2) yours is True, False is due")


def test_a_mistake_must_explain_every_case() -> None:
    slips = {"you halve": [1.0, 3.0], "you subtract one": [1.0, 5.0]}
    with pytest.raises(Wrong, match=r"you subtract one \(for a:"):
        judge_together([1.0, 5.0], [2.0, 6.0], slips, cases=["a", "b"])
    with pytest.raises(Wrong, match="For b your function gives `5`"):
        judge_together([2.0, 5.0], [2.0, 6.0], slips, cases=["a", "b"])
    judge_together([2.0, 6.0], [2.0, 6.0], slips, cases=["a", "b"])


def test_values_strung_together_are_named_by_their_array() -> None:
    shapes = {"weight": (2, 3), "bias": (2,), "scale": ()}
    places = places_in({name: np.zeros(shape) for name, shape in shapes.items()})
    assert places[:4] == ["in `bias` at 0", "in `bias` at 1", "in `scale`", "in `weight` at (0, 0)"]
    got = np.zeros(9)
    got[7] = 0.5
    with pytest.raises(Wrong) as raised:
        judge(got, np.zeros(9), case="a model", places=places)
    told = "1 of 9 values differ; in `weight` at (1, 1) yours is 0.5, 0 is due"
    assert str(raised.value) == f"For a model: {told}."
