"""A secret split among hospitals, so that enough of them find it again, and fewer learn nothing.

Shamir 1979, How to share a secret, doi:10.1145/359168.359176, with pycryptodome's polynomials over
GF(2**128): a secret of 32 bytes is two of 16.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np

from fedlab_utils.errors import PrivacyError

SECRET = 32
"""Bytes of a secret, and of each share."""

MOST_TRIES = 500
"""Choices of shares that are tried where some are false."""


def split(secret: bytes, threshold: int, holders: int) -> list[bytes]:
    """Return one share per holder, any ``threshold`` of which give the secret back.

    Raises
    ------
    PrivacyError
        If the secret has another length, or the threshold is out of range.
    """
    from Crypto.Protocol.SecretSharing import Shamir

    if len(secret) != SECRET:
        raise PrivacyError("sharing", f"a secret of {len(secret)} bytes", f"Pass {SECRET}")
    if not 1 <= threshold <= holders:
        raise PrivacyError(
            "sharing",
            f"a threshold of {threshold} among {holders} holders",
            "Pass a threshold from 1 to the number of holders",
        )
    halves = [Shamir.split(threshold, holders, part) for part in (secret[:16], secret[16:])]
    return [first[1] + second[1] for first, second in zip(*halves, strict=True)]


def combine(shares: Mapping[int, bytes], threshold: int, check: Callable[[bytes], bool]) -> bytes:
    """Return the secret of some shares, whichever of them are false.

    Parameters
    ----------
    shares
        Holder's number, from 0, -> its share.
    threshold
        Of the splitting.
    check
        Whether a secret is the right one: with too few true shares something else comes out.

    Raises
    ------
    PrivacyError
        If there are too few shares, or no choice gives the secret: all are tried where they are
        few, some hundred at random where they are many.
    """
    from Crypto.Protocol.SecretSharing import Shamir

    sound = {n: s for n, s in shares.items() if isinstance(s, bytes) and len(s) == SECRET}
    for chosen in _choices(sorted(sound), threshold):
        parts = [
            Shamir.combine([(n + 1, sound[n][half]) for n in chosen])
            for half in (slice(0, 16), slice(16, 32))
        ]
        if check(found := parts[0] + parts[1]):
            return found
    raise PrivacyError(
        "sharing",
        f"{len(sound)} shares of {len(shares)} have the right length, {threshold} true ones are "
        "needed, and no choice of them gives the secret",
        "Run the round again, without the hospitals that sent false shares",
    )


def _choices(holders: list[int], threshold: int) -> Iterator[Sequence[int]]:
    """Yield choices of holders; in order, one false share of the first would spoil too many."""
    if comb(len(holders), threshold) <= MOST_TRIES:
        yield from combinations(holders, threshold)
        return
    rng = np.random.default_rng(0)  # nothing secret: it decides which shares are tried first
    for _ in range(MOST_TRIES):
        yield rng.choice(holders, threshold, replace=False).tolist()


def fingerprint(secret: bytes) -> bytes:
    """Return what tells whether a secret is the right one, and not what it is."""
    return hashlib.sha256(b"fedlab secret" + secret).digest()
