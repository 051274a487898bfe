"""What secure aggregation is made of: adverts, masks, keys that are agreed on, signatures.

Keys, signatures and ciphers are those of a kept library (cryptography).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True)
class Advert:
    """What a hospital tells all others at the start of a round.

    Attributes
    ----------
    mask_key, box_key
        Public keys (X25519) that masks, and the boxes for pieces of secrets, are made from.
    seed_print
        Fingerprint of the seed of its own mask, by which false pieces are found out.
    signature
        Of these and the round, by the key (Ed25519) that the hospital is known by.
    """

    mask_key: bytes
    box_key: bytes
    seed_print: bytes
    signature: bytes = b""

    def signed_part(self, number: int, round_name: bytes) -> bytes:
        """Return what the signature stands for."""
        return joined(
            b"advert",
            round_name,
            str(number).encode(),
            self.mask_key,
            self.box_key,
            self.seed_print,
        )


ADVERT = tuple(field.name for field in fields(Advert))


def agreed(own: X25519PrivateKey, key: bytes) -> bytes | None:
    """Return the secret that two keys agree on; None where the other one is no sound key."""
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(key))
    except ValueError:
        return None


def stream(key: bytes, round_name: bytes, count: int) -> np.ndarray:
    """Return ``count`` uniform numbers decided by a key, uint64: ChaCha20 (RFC 8439)."""
    chosen = derived(key, b"mask", round_name)
    cipher = Cipher(algorithms.ChaCha20(chosen, bytes(16)), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(8 * count)), "<u8").astype(np.uint64)


def pair_mask(pair: bytes, own: int, other: int, round_name: bytes, count: int) -> np.ndarray:
    """Return what one of a pair adds; the other one's is its negative, modulo ``2**64``."""
    numbers = stream(pair, round_name, count)
    return numbers if own < other else -numbers


def verified(key: bytes, signature: bytes, content: bytes) -> bool:
    """Whether a signature is of this content, by the owner of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def left_part(left: frozenset[int], round_name: bytes) -> bytes:
    """Return what a signature under the list of those who are left stands for."""
    return joined(b"left", round_name, ",".join(map(str, sorted(left))).encode())


def derived(secret: bytes, purpose: bytes, round_name: bytes) -> bytes:
    """Return a key for one purpose in one round: HKDF (RFC 5869)."""
    about = joined(b"fedlab", purpose, round_name)
    return HKDF(SHA256(), 32, salt=None, info=about).derive(secret)


def joined(*parts: bytes) -> bytes:
    """Return a digest of parts with their lengths, so that no two lists of parts read alike."""
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()
