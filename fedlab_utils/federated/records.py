"""Between torch's tensors and the records that Flower sends."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import flwr.app
import numpy as np
from flwr.app import ArrayRecord, RecordDict

from fedlab_utils.errors import FederationError

if TYPE_CHECKING:
    import torch


_name = lru_cache(str)
"""Name of a numpy type, which numpy puts together anew each time."""


class Array(flwr.app.Array):
    """Flower's Array, which turns into bytes only when somebody asks for them.

    Within one process the values are handed over as they are, read-only. It has the name of its
    parent, by which a receiver in another process knows what arrived.

    Parameters
    ----------
    values
        Any shape. They are not copied: do not change them afterwards.
    """

    def __init__(self, values: np.ndarray) -> None:
        values = np.asarray(values).view()
        values.flags.writeable = False
        about = {"dtype": _name(values.dtype), "shape": values.shape, "stype": "numpy.ndarray"}
        self.__dict__.update(about, _values=values)

    @property
    def data(self) -> bytes:
        """The values in numpy's own file format."""
        return flwr.app.Array(self._values).data

    def numpy(self) -> np.ndarray:
        """Return the values, read-only."""
        return self._values


def to_record(values: Mapping[str, torch.Tensor | np.ndarray]) -> ArrayRecord:
    """Return a record of arrays by name. Tensors are copied, so that training may go on."""
    record = ArrayRecord()
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            value = value.detach().cpu().numpy().copy()
        record[name] = Array(value)
    return record


def to_tensors(record: ArrayRecord) -> dict[str, torch.Tensor]:
    """Return a copy of a record's arrays as tensors by name."""
    import torch

    return {name: torch.from_numpy(np.array(array.numpy())) for name, array in record.items()}


def to_arrays(record: ArrayRecord) -> dict[str, np.ndarray]:
    """Return a record's arrays by name, not copied."""
    return {name: array.numpy() for name, array in record.items()}


def averaged(before: Mapping[str, np.ndarray], record: ArrayRecord) -> dict[str, np.ndarray]:
    """Return a strategy's average in the model's types: averaged whole numbers are fractions.

    Raises
    ------
    FederationError
        If it has other names than the model, or another shape under one of them.
    """
    found = to_arrays(record)
    if found.keys() != before.keys():
        raise FederationError(
            "strategy", "its average has other names than the model", "Average what was sent"
        )
    for name, old in before.items():
        if found[name].shape != old.shape:
            raise FederationError(
                "strategy",
                f"its average of {name} is {found[name].shape}, and the model's is {old.shape}",
                "Average what was sent, by name",
            )
    # np.asarray: of a lone number, such as a count of batches, rint makes a scalar.
    return {
        name: np.asarray(np.rint(found[name]) if old.dtype.kind in "iu" else found[name], old.dtype)
        for name, old in before.items()
    }


def of_kind(content: RecordDict, kind: type) -> dict[str, Mapping]:
    """Return a message's records of one kind, by name.

    Flower's own views of them (``array_records`` and so on) refer to themselves, and keep a model
    in memory until Python happens to look for such circles.
    """
    return {name: record for name, record in content.items() if isinstance(record, kind)}
