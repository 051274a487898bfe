"""Secure aggregation, the server's part: add up what comes masked, and take off what is left over.

The server sees keys, locked boxes, masked numbers, and pieces of secrets of which each hospital
gives one kind only. All it learns of the numbers is their sum over the hospitals that are left.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.masks import Advert, agreed, pair_mask, stream
from fedlab_utils.privacy.sharing import combine, fingerprint


def agreeing(peers: Mapping[int, list[int]]) -> list[int]:
    """Return hospitals that all made masks with each other; the others count as dropped out.

    A box that could not be opened leaves one of a pair with a mask that the other one lacks. Who
    sent a bad box to many is left out first.

    Parameters
    ----------
    peers
        Number of each hospital that sent masked numbers -> those whom its masks were made with.
    """
    left, with_whom = set(peers), {number: set(those) for number, those in peers.items()}
    while left:
        quarrels = {
            one: sum(other not in with_whom[one] or one not in with_whom[other] for other in left)
            for one in left
        }
        worst = max(sorted(left), key=quarrels.get)
        if not quarrels[worst]:
            break
        left.remove(worst)
    return sorted(left)


def unmasked_sum(
    round_name: bytes,
    threshold: int,
    adverts: Mapping[int, Advert],
    peers: Mapping[int, list[int]],
    masked: Mapping[int, np.ndarray],
    revealed: Mapping[int, Mapping[int, bytes]],
) -> np.ndarray:
    """Return the sum of the numbers of those who are left, modulo ``2**64``.

    Parameters
    ----------
    round_name, threshold
        Of the round.
    adverts
        Number of each hospital that advertised -> its advert.
    peers
        Number of each hospital that sent masked numbers -> those whom its masks were made with.
    masked
        Number of each hospital that is left -> its masked numbers, uint64 ``(D,)``.
    revealed
        Number of a hospital -> hospital's number -> piece of its seed, or of its key.

    Raises
    ------
    PrivacyError
        If too few are left, too few true pieces came to take a mask off, or those who are left
        name strangers or sent keys that are none.
    """
    if len(masked) < threshold:
        raise PrivacyError(
            "secure aggregation",
            f"{len(masked)} hospitals are left, and {threshold} are needed",
            "Run the round again when more of them answer",
        )
    if agreeing({number: peers[number] for number in masked}) != sorted(masked):
        raise PrivacyError(
            "secure aggregation",
            f"hospitals {sorted(masked)} did not all make masks with each other",
            "Count only those that agreeing() returns",
        )
    gone = {other for number in masked for other in peers[number]} - set(masked)
    if strangers := (gone | set(masked)) - set(adverts):
        raise PrivacyError(
            "secure aggregation",
            f"{len(strangers)} that nobody knows are among those whom masks were made with",
            "Count only those who name nobody but hospitals that advertised",
        )
    total = np.zeros_like(next(iter(masked.values())))
    for numbers in masked.values():  # one by one: a hundred models at once would need their room
        total += numbers

    def secret(of: int, check) -> bytes:
        pieces = {holder: some[of] for holder, some in revealed.items() if of in some}
        return combine(pieces, threshold, check)

    for number in masked:
        due = adverts[number].seed_print
        seed = secret(number, lambda found, due=due: fingerprint(found) == due)
        total -= stream(seed, round_name, len(total))
    for dropped in sorted(gone):
        due = adverts[dropped].mask_key
        key = X25519PrivateKey.from_private_bytes(
            secret(dropped, lambda found, due=due: _public(found) == due)
        )
        for number in masked:
            if dropped in peers[number]:
                pair = agreed(key, adverts[number].mask_key)
                if pair is None:
                    raise PrivacyError(
                        f"hospital {number}",
                        "it is left, and its key is none that a secret can be agreed by",
                        "Run the round again without it",
                    )
                total -= pair_mask(pair, number, dropped, round_name, len(total))
    return total


def _public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
