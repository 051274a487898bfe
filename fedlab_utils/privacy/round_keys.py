"""A hospital's keys in one round of secure aggregation, and what it agrees on by them with others.

Two pairs of keys (X25519) and a seed are made afresh. One pair agrees with each other hospital on a
secret that masks come from, the other on the key of a locked box, in which a piece of a secret
passes the server unread.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.masks import ADVERT, Advert, agreed, derived, joined, verified
from fedlab_utils.privacy.sharing import SECRET, fingerprint

NONCE = 12
"""Bytes at the front of a box."""


class RoundKeys:
    """Keys of one hospital in one round.

    Parameters
    ----------
    number
        The hospital's own.
    round_name
        Never used before; known to all.

    Attributes
    ----------
    seed : bytes
        Of the hospital's own mask.
    adverts : dict
        Number of each hospital that it agreed with, itself among them -> its advert.
    pairs : dict
        Number of each other one of them -> the secret of their two masks.
    """

    def __init__(self, number: int, round_name: bytes) -> None:
        self.number, self.round_name = number, round_name
        self._mask_key, self._box_key = X25519PrivateKey.generate(), X25519PrivateKey.generate()
        self.seed = os.urandom(SECRET)
        self.adverts: dict[int, Advert] = {}
        self.pairs: dict[int, bytes] = {}

    def secrets(self) -> tuple[bytes, bytes]:
        """Return what the others get pieces of: the masks' private key, and the seed."""
        return self._mask_key.private_bytes_raw(), self.seed

    def advert(self, identity: Ed25519PrivateKey) -> Advert:
        """Return what to tell all others, signed with the key that the hospital is known by."""
        keys = (self._mask_key.public_key(), self._box_key.public_key())
        bare = Advert(*(key.public_bytes_raw() for key in keys), fingerprint(self.seed))
        signature = identity.sign(bare.signed_part(self.number, self.round_name))
        return Advert(bare.mask_key, bare.box_key, bare.seed_print, signature)

    def agree(self, adverts: Mapping[int, Advert], known: Mapping[int, bytes]) -> None:
        """Note the adverts of those with whom secrets can be agreed on, and the masks' secrets.

        Whose signature is false, whose key is none, or stands there twice, is left out.

        Parameters
        ----------
        adverts
            Number of each hospital -> its advert, as the server passed them on.
        known
            Number of each hospital that may take part -> its public key.

        Raises
        ------
        PrivacyError
            If the hospital's own advert is not among them as it was.
        """
        signed = {
            n: advert
            for n, advert in adverts.items()
            if n in known
            and verified(known[n], advert.signature, advert.signed_part(n, self.round_name))
        }
        times = Counter(key for a in signed.values() for key in (a.mask_key, a.box_key))
        own = signed.get(self.number)
        mine = own is not None and own.mask_key == self._mask_key.public_key().public_bytes_raw()
        if not mine or max(times[own.mask_key], times[own.box_key]) > 1:
            raise PrivacyError(
                f"hospital {self.number}",
                "its own advert is not among them, or somebody copied its keys",
                "End the round",
            )
        self.adverts = {self.number: own}
        for other, advert in signed.items():
            keys = (advert.mask_key, advert.box_key)
            if other == self.number or max(times[key] for key in keys) > 1:
                continue
            pairs = [agreed(*k) for k in zip((self._mask_key, self._box_key), keys, strict=True)]
            if None not in pairs:
                self.adverts[other], self.pairs[other] = advert, pairs[0]

    def lock(self, other: int, content: bytes) -> bytes:
        """Return a box with this content that only another hospital can open, as from this one."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher(other).encrypt(nonce, content, self._way(self.number, other))

    def open(self, other: int, box: bytes) -> bytes | None:
        """Return what another hospital locked for this one; None where that cannot be opened."""
        about = self._way(other, self.number)
        try:
            return self._cipher(other).decrypt(bytes(box[:NONCE]), bytes(box[NONCE:]), about)
        except (InvalidTag, ValueError):
            return None

    def remember(self) -> dict[str, object]:
        """Return all of it, for nobody else's eyes: bytes, and lists of bytes or whole numbers."""
        adverts, pairs = sorted(self.adverts.items()), sorted(self.pairs.items())
        return {
            "keys": [key.private_bytes_raw() for key in (self._mask_key, self._box_key)],
            "seed": self.seed,
            "adverts": [n for n, _ in adverts],
            **{f"advert-{name}": [getattr(a, name) for _, a in adverts] for name in ADVERT},
            "pairs": [n for n, _ in pairs],
            "pair-secrets": [secret for _, secret in pairs],
        }

    def recall(self, known: Mapping[str, object]) -> None:
        """Go on where :meth:`remember` was called."""
        keys = [X25519PrivateKey.from_private_bytes(key) for key in known["keys"]]
        self._mask_key, self._box_key = keys
        self.seed = known["seed"]
        rows = zip(*(known[f"advert-{name}"] for name in ADVERT), strict=True)
        self.adverts = {n: Advert(*row) for n, row in zip(known["adverts"], rows, strict=True)}
        self.pairs = dict(zip(known["pairs"], known["pair-secrets"], strict=True))

    def _cipher(self, other: int) -> ChaCha20Poly1305:
        pair = agreed(self._box_key, self.adverts[other].box_key)  # sound: not None
        return ChaCha20Poly1305(derived(pair, b"box", self.round_name))

    def _way(self, sender: int, receiver: int) -> bytes:
        """Return what a box is bound to: it does not open as another one's, or in another round."""
        return joined(self.round_name, str(sender).encode(), str(receiver).encode())
