"""Numbers in 4 or 8 bits, rounded at random so that they are right on average.

Alistarh et al. 2017, QSGD, NeurIPS, arXiv:1610.02132: a number between two levels goes to either,
with the chances that make its mean the number itself. Levels are spread evenly up to the largest
absolute value of a block of :data:`BLOCK` numbers, not of a tensor: a layer of eight numbers would
pay for a scale of its own, and one large number among 100,000 would round all the others to zero.

Why 256: with ``n`` numbers in a block and ``L`` levels on each side of zero, the mean squared error
is at most ``(sqrt(1 + n / L**2) - 1) / 2`` times the block's squared length. Error feedback needs a
compressor that takes something away from what is left, so this must be below 1 (Karimireddy et al.
2019, arXiv:1901.09847, assumption A). With 4 bits, hence ``L = 7``, that holds up to ``n = 391``;
256 give 0.75, and the scale costs an eighth of a bit per number.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.federated.array_screening import LARGEST_WEIGHT
from fedlab_utils.federated.index_coding import refused

BLOCK = 256
"""Numbers that share a scale."""

BITS = (4, 8, 32)
"""Of a number; 32: float32, not rounded at random."""


def levels_of(bits: int) -> int:
    """Return the number of levels above zero: as many lie below."""
    return 2 ** (bits - 1) - 1


def quantised_bytes(count: int, bits: int) -> int:
    """Return how many bytes numbers take."""
    if bits == 32:
        return 4 * count
    return 4 * -(-count // BLOCK) + (count * bits + 7) // 8


def quantise(values: np.ndarray, bits: int, rng: np.random.Generator) -> bytes:
    """Write numbers.

    Parameters
    ----------
    values
        ``(n,)``, up to ``LARGEST_WEIGHT`` away from 0.
    bits
        One of :data:`BITS`.
    rng
        Decides which way each is rounded.

    Raises
    ------
    FederationError
        If one is not finite, or larger.
    """
    if not (np.abs(values) <= LARGEST_WEIGHT).all():  # catches NaN
        raise refused(f"a number is not finite, or beyond {LARGEST_WEIGHT:g}")
    if bits == 32:
        return values.astype("<f4").tobytes()
    most, scales = levels_of(bits), _scales(np.asarray(values, np.float64))
    wide = np.repeat(scales.astype(np.float64), BLOCK)[: len(values)]
    steps = np.divide(values, wide, out=np.zeros(len(values)), where=wide > 0) * most
    found = np.clip(np.floor(steps + rng.random(len(values))), -most, most).astype(np.int8)
    return scales.tobytes() + _packed(found, bits)


def dequantise(code: bytes, count: int, bits: int) -> np.ndarray:
    """Read what :func:`quantise` wrote, float64 ``(n,)``.

    Raises
    ------
    FederationError
        If it is no such code, or a number is not finite or too large.
    """
    if len(code) != quantised_bytes(count, bits):
        cause = f"its numbers take {len(code)} bytes, and {quantised_bytes(count, bits)} were due"
        raise refused(cause)
    if bits == 32:
        values = np.frombuffer(code, "<f4")
        if not (np.isfinite(values).all() and (np.abs(values) <= LARGEST_WEIGHT).all()):
            raise refused(f"a number is not finite, or beyond {LARGEST_WEIGHT:g}")
        return values.astype(np.float64)
    most, split = levels_of(bits), 4 * -(-count // BLOCK)
    scales = np.frombuffer(code[:split], "<f4")
    sound = np.isfinite(scales).all() and (scales >= 0).all() and (scales <= LARGEST_WEIGHT).all()
    if not sound:
        raise refused(f"a scale is not from 0 to {LARGEST_WEIGHT:g}")
    found = _unpacked(code[split:], count, bits)
    if (found < -most).any():
        raise refused(f"a level is beyond {most}")
    return found * np.repeat(scales.astype(np.float64) / most, BLOCK)[:count]


def _scales(values: np.ndarray) -> np.ndarray:
    """Return each block's largest absolute value as float32, never rounded down."""
    blocks = -(-len(values) // BLOCK)
    padded = np.zeros(blocks * BLOCK)
    padded[: len(values)] = np.abs(values)
    most = padded.reshape(blocks, BLOCK).max(axis=1, initial=0.0)
    scales = most.astype("<f4")
    return np.where(scales < most, np.nextafter(scales, np.float32(np.inf)), scales).astype("<f4")


def _packed(found: np.ndarray, bits: int) -> bytes:
    if bits == 8:
        return found.tobytes()
    pairs = np.append(found, np.zeros(len(found) % 2, np.int8)).view(np.uint8) & 15
    return (pairs[0::2] | pairs[1::2] << 4).tobytes()


def _unpacked(code: bytes, count: int, bits: int) -> np.ndarray:
    if bits == 8:
        return np.frombuffer(code, np.int8).astype(np.int64)
    pairs = np.frombuffer(code, np.uint8)
    nibbles = np.stack([pairs & 15, pairs >> 4], axis=1).ravel()[:count].astype(np.int64)
    return np.where(nibbles > 7, nibbles - 16, nibbles)
