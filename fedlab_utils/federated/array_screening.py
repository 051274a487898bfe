"""A stranger's arrays: read without believing what they say of their own shape and type."""

from __future__ import annotations

import math
from functools import lru_cache
from io import BytesIO

import flwr.app
import numpy as np
from flwr.app import ArrayRecord
from numpy.lib import format as npy

from fedlab_utils.federated.records import Array

LARGEST_WEIGHT = 1e15
"""No number of a model is further from 0: FedAdam squares it, and that must be a finite float32."""


def arrays_problem(found: ArrayRecord, expected: ArrayRecord) -> str | None:
    """Return in what arrays differ from what they should be like, or None.

    Arrays that came as bytes are unpacked in place, and need not be read again.
    """
    if other := sorted(set(found) ^ set(expected)):
        return f"{other[0]} is {'missing' if other[0] in expected else 'not asked for'}"
    for name, due in expected.items():
        array = found[name]
        if tuple(array.shape) != tuple(due.shape) or array.dtype != due.dtype:
            told = f"{array.dtype} {tuple(array.shape)}"
            return f"{name} is {told}, and {due.dtype} {tuple(due.shape)} was due"
        try:
            values = _read_as_expected(array, due)
            if values is None:
                if problem := _label_problem(array, due):
                    return f"{name} {problem}"
                values = array.numpy()
        except Exception as error:  # whatever numpy stumbles over in a stranger's bytes
            return f"{name} cannot be read ({str(error)[:80]})"
        if values.shape != tuple(due.shape) or values.dtype != np.dtype(due.dtype):
            return f"{name} holds {values.dtype} {values.shape}, not what its label says"
        # Masked numbers (uint64) may have any value; their sum is judged when the masks are off.
        if values.dtype != np.uint64 and values.size:
            # Both ends, for the absolute value of the least int64 is negative; NaN comes out of it.
            ends = float(values.max()), float(values.min())
            if not all(map(math.isfinite, ends)):
                return f"{name} is not finite"
            if max(ends[0], -ends[1]) > LARGEST_WEIGHT:
                return f"{name} is beyond {LARGEST_WEIGHT:g}"
        if not isinstance(array, Array):
            found[name] = Array(values)
    return None


@lru_cache(maxsize=1024)
def _header(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return the beginning of a file in which numpy writes such an array."""
    file = BytesIO()
    about = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(file, about)
    return file.getvalue()


def _read_as_expected(array: flwr.app.Array, due: flwr.app.Array) -> np.ndarray | None:
    """Return the values of a file that is byte for byte headed as expected, else None.

    numpy parses a header as a piece of Python, which takes longer than all else that a server does
    with a layer of ordinary size.
    """
    if isinstance(array, Array):
        return array.numpy()
    header, count = _header(due.dtype, tuple(due.shape)), math.prod(due.shape)
    fits = len(array.data) == len(header) + count * np.dtype(due.dtype).itemsize
    if array.stype != "numpy.ndarray" or not fits or not array.data.startswith(header):
        return None
    values = np.frombuffer(array.data, due.dtype, count, len(header))
    return values.reshape(tuple(due.shape))


def _label_problem(array: flwr.app.Array, due: flwr.app.Array) -> str | None:
    """Return in what the file within an array differs from its label, or None.

    numpy makes room for what a file's header claims before it looks for the values; so the header
    is read alone.
    """
    file = BytesIO(array.data)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    shape, _, dtype = read[npy.read_magic(file)](file)
    if shape != tuple(due.shape) or str(dtype) != due.dtype:
        return f"holds {dtype} {shape}, not what its label says"
    size, length = math.prod(shape) * dtype.itemsize, len(array.data) - file.tell()
    return None if size == length else f"holds {length} bytes, and {size} were due"
