"""A stranger's arrays: of any kind and order they are read once, and bounded."""

from __future__ import annotations

import flwr.app
import numpy as np
import pytest

from fedlab_utils.federated.array_screening import arrays_problem
from fedlab_utils.federated.records import Array, to_record


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.array([np.iinfo(np.int64).min]), "w is beyond 1e+15"),
        (np.array([7, -(10**15)]), None),
        (np.zeros((0, 3), np.float32), None),
        (np.array([65504.0], np.float16), None),
        (np.array([True, False]), None),
    ],
    ids=["least", "whole", "empty", "half", "bool"],
)
def test_arrays_of_any_kind_are_bounded(values: np.ndarray, why: str | None) -> None:
    due = to_record({"w": np.zeros_like(values)})
    assert arrays_problem(to_record({"w": values}), due) == why


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_that_came_as_bytes_are_unpacked_once_however_numpy_wrote_them(order: str) -> None:
    values = np.asarray(np.random.default_rng(0).normal(size=(5, 3)), np.float32, order=order)
    expected = to_record({"w": np.zeros((5, 3), np.float32)})
    found = flwr.app.ArrayRecord({"w": flwr.app.Array(values)})
    assert arrays_problem(found, expected) is None
    assert type(found["w"]) is Array
    np.testing.assert_array_equal(found["w"].numpy(), values)
    assert not found["w"].numpy().flags.writeable


def test_a_header_as_expected_is_no_promise_of_what_follows() -> None:
    expected = to_record({"w": np.zeros((5, 3), np.float32)})
    whole = flwr.app.Array(np.zeros((5, 3), np.float32))
    for data in (whole.data[:-4], whole.data + bytes(4), whole.data[:-4] + b"\xff\xff\xff\x7f"):
        array = flwr.app.Array(whole.dtype, whole.shape, whole.stype, data)
        found = flwr.app.ArrayRecord({"w": array})
        assert arrays_problem(found, expected)
