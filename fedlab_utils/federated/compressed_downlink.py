"""What hospitals hold of the server's model, and what it takes to bring each up to date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import RecordDict

from fedlab_utils.federated.compressed_hospital import (
    PASSING,
    PAYLOAD,
    STREAMS,
    WHOLE,
    digest,
    moved,
)
from fedlab_utils.federated.compression import Packing
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.scaffold import VARIATE
from fedlab_utils.federated.strategies import ARRAYS

SERVER = 2**31
"""Stands for the server where hospitals' numbers tell draws apart."""


class Downlink:
    """The published model, version by version.

    Parameters
    ----------
    packing
        How changes are compressed.
    first
        The arrays that are compressed, as they begin.
    variate
        SCAFFOLD's control variate as it begins; empty without.
    seed
        Of the run.
    """

    def __init__(
        self,
        packing: Packing,
        first: Mapping[str, np.ndarray],
        variate: Mapping[str, np.ndarray],
        seed: int,
    ) -> None:
        self.packing, self.seed = packing, seed
        self.variate = {name: np.zeros_like(first[name]) for name in variate}
        self.version = self.base = 0
        self.digest = digest(first, self.variate)
        self.payload: dict[str, np.ndarray] = {}
        self.lag = np.zeros(packing.size)
        self.held: dict[int, int] = {}

    def version_of(self, arrays: Mapping[str, np.ndarray]) -> int:
        """Return the version if these are the published arrays, or ``PASSING``."""
        now = {name: arrays[name] for name in self.packing.shapes}
        return self.version if digest(now, self.variate) == self.digest else PASSING

    def content(
        self, content: RecordDict, partition: int, version: int
    ) -> tuple[RecordDict, dict[str, int | bytes]]:
        """Return a message's content as a hospital needs it, and what is to be said of it."""
        held = self.held.get(partition, 0)
        if version == PASSING or held not in (self.base, self.version):
            found = RecordDict(dict(content))
            if self.variate and version != PASSING:
                found[VARIATE] = to_record(self.variate)
            return found, {"base": WHOLE}
        found = RecordDict({n: r for n, r in content.items() if n not in (ARRAYS, VARIATE)})
        arrays = to_arrays(content[ARRAYS])
        if rest := {n: value for n, value in arrays.items() if n not in self.packing.shapes}:
            found[ARRAYS] = to_record(rest)
        if held != version:
            found[PAYLOAD] = to_record(self.payload)
        return found, {"base": held, "digest": self.digest}

    def note(self, told: int, partitions: Mapping[int, bool]) -> None:
        """Note who answered soundly; of the others it is not known what they hold."""
        for partition, sound in partitions.items():
            self.held[partition] = told if sound else WHOLE

    def publish(
        self,
        start: Mapping[str, np.ndarray],
        wanted: Mapping[str, np.ndarray],
        variate: Mapping[str, np.ndarray],
        server_round: int,
    ) -> dict[str, np.ndarray] | None:
        """Move towards what the server wants, and remember how.

        Parameters
        ----------
        start, wanted
            The published arrays, and where the server would like to be.
        variate
            Its control variate.
        server_round
            The new version.

        Returns
        -------
        dict
            The arrays as hospitals will have them; None if the server wants no finite numbers.
        """
        start = {name: start[name] for name in self.packing.shapes}
        step = self._between(start, wanted) + self.lag
        turn = self._between(self.variate, variate) if variate else step
        if not (np.isfinite(step).all() and np.isfinite(turn).all()):
            return None
        new = moved(start, self._compress(ARRAYS, step, server_round))
        self.lag = step - self._between(start, new)
        if variate:
            self.variate = moved(self.variate, self._compress(VARIATE, turn, server_round))
        self.base, self.version = self.version, server_round
        self.digest = digest(new, self.variate)
        return new

    def _between(
        self, start: Mapping[str, np.ndarray], end: Mapping[str, np.ndarray]
    ) -> np.ndarray:
        return self.packing.flat(end) - self.packing.flat(start)

    def _compress(self, stream: str, row: np.ndarray, server_round: int) -> dict[str, np.ndarray]:
        """Make a payload; return what hospitals will read in it."""
        rng = np.random.default_rng((self.seed, server_round, SERVER, STREAMS[stream]))
        payload = self.packing.compress(row, server_round, rng)
        self.payload = {**self.payload, stream: payload}
        return self.packing.arrays(self.packing.decompress(payload, server_round))

    def state(self) -> dict[str, np.ndarray]:
        """Return all of it as arrays by name."""
        return {
            "versions": np.array([self.base, self.version], np.int64),
            "digest": np.frombuffer(self.digest, np.uint8),
            "lag": self.lag,
            "held": pairs(self.held.items()),
            **{f"payload/{name}": value for name, value in self.payload.items()},
            **{f"{VARIATE}/{name}": value for name, value in self.variate.items()},
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave."""
        self.base, self.version = map(int, state["versions"])
        self.digest, self.lag = state["digest"].tobytes(), state["lag"]
        self.held = {int(partition): int(version) for partition, version in state["held"]}
        self.payload = {s: state[f"payload/{s}"] for s in STREAMS if f"payload/{s}" in state}
        self.variate = {name: state[f"{VARIATE}/{name}"] for name in self.variate}


def pairs(of: Iterable[tuple[int, int]]) -> np.ndarray:
    """Return pairs of whole numbers as an array ``(n, 2)``."""
    return np.array(sorted(of), np.int64).reshape(-1, 2)
