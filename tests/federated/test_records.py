"""Arrays on their way between torch and Flower's messages."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from flwr.app import ArrayRecord

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.records import Array, averaged, to_record, to_tensors


def test_arrays_are_handed_over_read_only_and_serialise_as_flowers_own() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    record = to_record({"a": torch.from_numpy(values)})
    assert record["a"].numpy() is record["a"].numpy()
    with pytest.raises(ValueError, match="read-only"):
        record["a"].numpy()[0] = 1
    plain = ArrayRecord({"a": record["a"]})
    assert record.deflate() == plain.deflate()
    np.testing.assert_array_equal(plain["a"].numpy(), values)


def test_tensors_come_back_as_they_went_and_may_be_written_to() -> None:
    sent = {"w": torch.randn(2, 3), "count": torch.tensor(7), "d": torch.zeros(1).double()}
    record = to_record(sent)
    sent["w"].zero_()
    back = to_tensors(record)
    assert back["w"].abs().sum() > 0
    back["w"].zero_()
    assert to_tensors(record)["w"].abs().sum() > 0
    assert {n: (v.dtype, v.shape) for n, v in back.items()} == {
        n: (v.dtype, v.shape) for n, v in sent.items()
    }


def test_arrays_travel_between_processes() -> None:
    array = pickle.loads(pickle.dumps(Array(np.arange(3.0))))
    np.testing.assert_array_equal(array.numpy(), np.arange(3.0))


def test_an_average_of_other_names_or_shapes_is_not_taken_for_the_model() -> None:
    before = {"w": np.zeros((2, 3), np.float32), "count": np.array(7)}
    sound = to_record({"count": np.array(2.6), "w": np.ones((2, 3))})
    found = averaged(before, sound)
    assert (list(found), int(found["count"]), found["w"].dtype) == (["w", "count"], 3, np.float32)
    for wrong, cause in (
        ({"count": np.array(2.6)}, "other names"),
        ({"count": np.array(2.6), "w": np.ones((3, 2))}, r"of w is \(3, 2\), .* \(2, 3\)"),
        ({"count": np.array([2.6]), "w": np.ones((2, 3))}, "average of count is"),
    ):
        with pytest.raises(FederationError, match=cause):
            averaged(before, to_record(wrong))
