"""Which of many numbers travel, in few bits: rising whole numbers by the code of Elias and Fano.

Each number is split. Its low bits are written as they are; the rest, which rises slowly, as a row
of bits in which the j-th one stands at (rest + j). For ``k`` of ``n`` numbers that takes about
``2 + log2(n / k)`` bits each, within half a bit of the least that any code needs on average, and
how many bytes it takes is known beforehand (Elias 1974, Efficient storage and retrieval by content
and address of static files, J. ACM 21; Fano 1971).
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import FederationError


def index_bytes(count: int, among: int) -> int:
    """Return how many bytes the code of ``count`` numbers below ``among`` takes; 0 for all."""
    if count == among:
        return 0
    low, high = _lengths(count, among)
    return (count * low + 7) // 8 + (high + 7) // 8


def encode_indices(indices: np.ndarray, among: int) -> bytes:
    """Write numbers that rise.

    Parameters
    ----------
    indices
        ``(k,)``, whole, each larger than the one before, from 0 to below ``among``.
    among
        How many there are to choose from.
    """
    count = len(indices)
    if count == among:
        return b""
    low, high = _lengths(count, among)
    bits = (indices[:, None] >> np.arange(low)) & 1
    row = np.zeros(high, np.uint8)
    row[(indices >> low) + np.arange(count)] = 1
    return np.packbits(bits.astype(np.uint8)).tobytes() + np.packbits(row).tobytes()


def decode_indices(code: bytes, count: int, among: int) -> np.ndarray:
    """Read what :func:`encode_indices` wrote, int64 ``(k,)``.

    Raises
    ------
    FederationError
        If it is no such code.
    """
    if len(code) != index_bytes(count, among):
        cause = f"it has {len(code)} bytes, and {index_bytes(count, among)} were due"
        raise refused(cause)
    if count == among:
        return np.arange(count)
    low, _ = _lengths(count, among)
    split = (count * low + 7) // 8
    lows, highs = np.frombuffer(code[:split], np.uint8), np.frombuffer(code[split:], np.uint8)
    bits = np.unpackbits(lows, count=count * low).reshape(count, low).astype(np.int64)
    ones = np.flatnonzero(np.unpackbits(highs))
    if len(ones) != count:
        raise refused(f"it names {len(ones)} numbers, and {count} were due")
    found = ((ones - np.arange(count)) << low) + bits @ (1 << np.arange(low))
    if count and (found[-1] >= among or not (np.diff(found) > 0).all()):
        raise refused(f"its indices do not rise from 0 to below {among}")
    return found


def refused(cause: str) -> FederationError:
    """Return the error of a payload that is not what it should be."""
    return FederationError("compressed numbers", cause, "Leave this answer out")


def _lengths(count: int, among: int) -> tuple[int, int]:
    """Return the low bits of each number, and the length of the row of bits."""
    low = max(0, (among // max(count, 1)).bit_length() - 1)
    return low, count + ((max(among, 1) - 1) >> low)
