"""A model's numbers in few bytes: the largest, coarsely, a part at a time; what is left waits.

Top-k sends the largest changes and keeps the others in a memory, which is added to the next changes
(Stich et al. 2018, Sparsified SGD with memory, NeurIPS, arXiv:1809.07599; Karimireddy et al. 2019,
Error feedback fixes SignSGD, ICML, arXiv:1901.09847). What is rounded away and what another layer's
turn leaves behind waits in the same memory, so that for any mixture of the three::

    sum of what was sent + memory = sum of the changes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fedlab_utils.federated.index_coding import (
    decode_indices,
    encode_indices,
    index_bytes,
    refused,
)
from fedlab_utils.federated.quantisation import dequantise, quantise, quantised_bytes


@dataclass(frozen=True)
class Compressor:
    """How numbers in a row are compressed.

    Attributes
    ----------
    size
        How many there are.
    keep
        Share of them that travels, the largest; at least one.
    bits
        Of each, see :data:`fedlab_utils.federated.quantisation.BITS`.
    """

    size: int
    keep: float = 1.0
    bits: int = 32

    @property
    def kept(self) -> int:
        """How many travel."""
        return min(self.size, max(1, round(self.keep * self.size)))

    @property
    def payload_bytes(self) -> int:
        """How many bytes come out, whatever goes in."""
        return index_bytes(self.kept, self.size) + quantised_bytes(self.kept, self.bits)

    def compress(self, values: np.ndarray, rng: np.random.Generator) -> bytes:
        """Return the payload of numbers ``(size,)``.

        Raises
        ------
        FederationError
            If one is not finite, or too large.
        """
        chosen = np.arange(self.size)
        if self.kept < self.size:
            chosen = np.sort(np.argpartition(-np.abs(values), self.kept)[: self.kept])
        numbers = quantise(values[chosen], self.bits, rng)
        return encode_indices(chosen, self.size) + numbers

    def decompress(self, payload: bytes) -> np.ndarray:
        """Return the numbers that a payload stands for, float64 ``(size,)``, zero where none came.

        Raises
        ------
        FederationError
            If it is no such payload: nothing that a stranger writes gets further.
        """
        if len(payload) != self.payload_bytes:
            raise refused(f"it has {len(payload)} bytes, and {self.payload_bytes} were due")
        split, values = index_bytes(self.kept, self.size), np.zeros(self.size)
        chosen = decode_indices(payload[:split], self.kept, self.size)
        values[chosen] = dequantise(payload[split:], self.kept, self.bits)
        return values


@dataclass(frozen=True)
class Packing:
    """How arrays by name become one payload per round, and back.

    Arrays of several layers make one row: a layer's own payload would cost Flower more in names and
    headers than in numbers. With parts, arrays are dealt in order into as many parts of about one
    size, and each round is one part's turn: partial layers.

    Attributes
    ----------
    shapes
        Array's name -> shape, in order.
    keep, bits
        See :class:`Compressor`; of the part whose turn it is.
    parts
        How many.
    """

    shapes: Mapping[str, tuple[int, ...]]
    keep: float = 1.0
    bits: int = 32
    parts: int = 1

    @property
    def size(self) -> int:
        """How many numbers all arrays hold."""
        return sum(map(_size, self.shapes.values()))

    def flat(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return all numbers in one row, float64 ``(size,)``."""
        rows = [np.asarray(arrays[name], np.float64).ravel() for name in self.shapes]
        return np.concatenate(rows) if rows else np.zeros(0)

    def arrays(self, row: np.ndarray) -> dict[str, np.ndarray]:
        """Return such a row as arrays by name."""
        found, at = {}, 0
        for name, shape in self.shapes.items():
            found[name] = row[at : at + _size(shape)].reshape(shape)
            at += _size(shape)
        return found

    def turn(self, server_round: int) -> slice:
        """Return the part of the row whose turn it is in a round, the first being 1."""
        ends = np.cumsum([0, *map(_size, self.shapes.values())])
        middles = (ends[:-1] + ends[1:]) / 2
        part = np.minimum(self.parts * middles // max(ends[-1], 1), self.parts - 1)
        mine = np.flatnonzero(part == (server_round - 1) % self.parts)
        return slice(ends[mine[0]], ends[mine[-1] + 1]) if len(mine) else slice(0, 0)

    def payload_bytes(self, server_round: int) -> int:
        """Return how many bytes a round's payload takes."""
        return self._compressor(server_round).payload_bytes

    def compress(self, row: np.ndarray, server_round: int, rng: np.random.Generator) -> np.ndarray:
        """Return a round's payload, uint8."""
        payload = self._compressor(server_round).compress(row[self.turn(server_round)], rng)
        return np.frombuffer(payload, np.uint8)

    def decompress(self, payload: np.ndarray, server_round: int) -> np.ndarray:
        """Return the row that a round's payload stands for, float64 ``(size,)``."""
        row = np.zeros(self.size)
        row[self.turn(server_round)] = self._compressor(server_round).decompress(payload.tobytes())
        return row

    def _compressor(self, server_round: int) -> Compressor:
        turn = self.turn(server_round)
        return Compressor(int(turn.stop - turn.start), self.keep, self.bits)


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64))
