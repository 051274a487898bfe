"""What it costs to hide numbers from the server: bytes and seconds of plain sums, masks and CKKS.

Measured in this process, on numbers of the size of a model's updates. Training and a network's
delays are not in it, nor names and headers of messages.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass

import numpy as np

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.encryption import Adder, KeyHolder
from fedlab_utils.privacy.encryption_settings import FOR_PUBLICATION, CkksSettings
from fedlab_utils.privacy.fixed_point import FixedPoint
from fedlab_utils.privacy.masking import FEWEST, Masker
from fedlab_utils.privacy.publishing import publish
from fedlab_utils.privacy.unmasking import unmasked_sum

UPDATE = 1e-3
"""Standard deviation of the numbers that are averaged."""

FLOAT = 4
"""Bytes of a number of the model that goes to hospitals in the clear."""


@dataclass
class Cost:
    """What one way to average costs, in one round.

    Attributes
    ----------
    method
        Which way.
    bytes_up, bytes_down
        From a hospital to the server and back, mean over hospitals.
    hospital_seconds, server_seconds
        At a hospital, mean over hospitals; at the server, for all of them. Making a key that lasts
        is not in it.
    error
        Of the average: L2 distance to that in double precision, relative to its norm.
    """

    method: str
    bytes_up: float = 0.0
    bytes_down: float = 0.0
    hospital_seconds: float = 0.0
    server_seconds: float = 0.0
    error: float = 0.0

    @contextmanager
    def at(self, where: str, share: float = 1.0) -> Iterator[None]:
        """Count the seconds that this takes, at the ``hospital`` or the ``server``."""
        began = time.perf_counter()
        yield
        name = f"{where}_seconds"
        setattr(self, name, getattr(self, name) + share * (time.perf_counter() - began))


def measure_costs(count: int, hospitals: int, seed: int = 0) -> list[Cost]:
    """Average random updates in each way, and return what it cost.

    Parameters
    ----------
    count
        Numbers of a model.
    hospitals
        Three or more.
    seed
        Decides updates and numbers of patients, which are weights; not the keys.

    Returns
    -------
    list of Cost
        Plain float32; masks; CKKS where every hospital decrypts the sum for itself, and the server
        never learns the model; CKKS where one hospital decrypts and publishes it.

    Raises
    ------
    PrivacyError
        If there are too few hospitals, no numbers, or TenSEAL is missing.
    """
    if hospitals < FEWEST or count < 1:
        raise PrivacyError(
            "costs", f"{hospitals} hospitals and {count} numbers", f"Pass {FEWEST} or more, and 1"
        )
    rng = np.random.default_rng(seed)
    values = rng.normal(0, UPDATE, (hospitals, count)).astype(np.float32)
    weights = rng.integers(5, 100, hospitals).tolist()
    return [
        _plain(values, weights),
        _masks(values, weights),
        _encrypted("CKKS, each decrypts", values, weights, CkksSettings(summands=hospitals)),
        _encrypted("CKKS, one publishes", values, weights, FOR_PUBLICATION, published=True),
    ]


def _plain(values: np.ndarray, weights: Sequence[int]) -> Cost:
    cost = Cost("plain float32", FLOAT * values.shape[1], FLOAT * values.shape[1])
    with cost.at("server"):
        total = np.zeros(values.shape[1], np.float32)
        for row, weight in zip(values, weights, strict=True):
            total += row * np.float32(weight / sum(weights))
    return _judged(cost, total, values, weights)


def _masks(values: np.ndarray, weights: Sequence[int]) -> Cost:
    """A round of :class:`fedlab_utils.privacy.Masker` in which nobody drops out."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    count, size = len(values), values.shape[1]
    cost, share, name, threshold = Cost("masks"), 1 / count, b"costs", max(FEWEST, count // 2 + 1)
    keys = [Ed25519PrivateKey.generate() for _ in range(count)]
    known = {n: key.public_key().public_bytes_raw() for n, key in enumerate(keys)}
    numbers = FixedPoint(bound=256.0, fraction=32, summands=count)
    with cost.at("hospital", share):
        maskers = [Masker(n, name, key, known, threshold) for n, key in enumerate(keys)]
        adverts = {n: one.advertise() for n, one in enumerate(maskers)}
        boxes = {n: one.share(adverts) for n, one in enumerate(maskers)}
        masked = {
            n: one.mask(
                numbers.encode(values[n], weights[n]), {o: b[n] for o, b in boxes.items() if o != n}
            )
            for n, one in enumerate(maskers)
        }
        peers = {n: one.peers() for n, one in enumerate(maskers)}
        signed = {n: one.confirm(sorted(masked)) for n, one in enumerate(maskers)}
        pieces = {n: one.reveal(signed) for n, one in enumerate(maskers)}
    with cost.at("server"):
        total = unmasked_sum(name, threshold, adverts, peers, masked, pieces)
        mean = numbers.decode(total) / sum(weights)
    told = sum(len(part) for advert in adverts.values() for part in astuple(advert))
    cost.bytes_up = share * (told + _size(boxes) + _size(masked) + _size(pieces) + _size(signed))
    cost.bytes_down = FLOAT * size + told + share * _size(boxes) + _size(signed)
    return _judged(cost, mean, values, weights)


def _encrypted(
    method: str,
    values: np.ndarray,
    weights: Sequence[int],
    settings: CkksSettings,
    published: bool = False,
) -> Cost:
    count, size = len(values), values.shape[1]
    cost, holder, share = Cost(method), KeyHolder(settings), 1 / count
    server = Adder(holder.public(), settings, size)
    for row, weight in zip(values, weights, strict=True):
        with cost.at("hospital", share):
            parts = holder.encrypt(row, weight)
        cost.bytes_up += share * _size(parts)
        with cost.at("server"):
            server.add(parts)
    with cost.at("server"):
        total = server.total()
    # Who decrypts is one of the hospitals, or every one.
    with cost.at("hospital", share if published else 1.0):
        found = holder.decrypt(total, size, count)
        if published:
            found = publish(found, settings, count)
    if published:
        cost.bytes_up += share * found.nbytes
        cost.bytes_down = FLOAT * size + share * _size(total)
    else:
        cost.bytes_down = _size(total)
    return _judged(cost, found / sum(weights), values, weights)


def _size(content: Mapping | Sequence | bytes | np.ndarray) -> int:
    """Return the bytes of numbers, keys, boxes and so on in a structure, its keys not counted."""
    if isinstance(content, np.ndarray):
        return content.nbytes
    if isinstance(content, bytes):
        return len(content)
    return sum(_size(c) for c in (content.values() if isinstance(content, Mapping) else content))


def _judged(cost: Cost, mean: np.ndarray, values: np.ndarray, weights: Sequence[int]) -> Cost:
    due = np.average(values.astype(np.float64), axis=0, weights=weights)
    cost.error = float(np.linalg.norm(mean - due) / np.linalg.norm(due))
    return cost
