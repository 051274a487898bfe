"""Keys of a round: who is agreed with, and whom a box opens for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.masks import Advert, joined
from fedlab_utils.privacy.round_keys import RoundKeys

ROUND = b"round 1"


class Four:
    """Four hospitals that have advertised."""

    def __init__(self) -> None:
        self.identities = [Ed25519PrivateKey.generate() for _ in range(4)]
        self.known = {n: k.public_key().public_bytes_raw() for n, k in enumerate(self.identities)}
        self.keys = [RoundKeys(n, ROUND) for n in range(4)]
        self.adverts = {n: k.advert(self.identities[n]) for n, k in enumerate(self.keys)}

    def sign(self, number: int, advert: Advert) -> Advert:
        """Return an advert as this hospital itself would have signed it."""
        bare = replace(advert, signature=b"")
        signature = self.identities[number].sign(bare.signed_part(number, ROUND))
        return replace(bare, signature=signature)

    def agreed(self, number: int, adverts: dict[int, Advert] | None = None) -> list[int]:
        """Return those with whom a hospital agrees on secrets."""
        keys = self.keys[number]
        keys.agree(self.adverts if adverts is None else adverts, self.known)
        assert set(keys.pairs) == set(keys.adverts) - {number}
        return sorted(keys.pairs)


def test_two_agree_on_a_secret_that_no_other_pair_has() -> None:
    four = Four()
    for number in range(4):
        assert four.agreed(number) == [n for n in range(4) if n != number]
    pairs = {frozenset((n, m)): s for n, k in enumerate(four.keys) for m, s in k.pairs.items()}
    for keys in four.keys:
        assert keys.pairs == {m: pairs[frozenset((keys.number, m))] for m in keys.pairs}
    assert len(set(pairs.values())) == 6


@pytest.mark.parametrize("part", ["mask_key", "box_key", "seed_print", "signature"])
def test_an_advert_that_was_changed_on_the_way_is_found_out(part: str) -> None:
    four = Four()
    changed = bytearray(getattr(four.adverts[2], part))
    changed[3] ^= 1
    four.adverts[2] = replace(four.adverts[2], **{part: bytes(changed)})
    assert four.agreed(0) == [1, 3]
    with pytest.raises(PrivacyError, match="hospital 2: its own advert is not among them"):
        four.agreed(2)


def test_an_advert_of_another_round_or_of_a_stranger_does_not_pass() -> None:
    four = Four()
    four.adverts[2] = RoundKeys(2, b"round 0").advert(four.identities[2])
    assert four.agreed(0) == [1, 3]
    strangers = {n: four.adverts[n] for n in (0, 1, 3)} | {9: four.adverts[0]}
    assert four.agreed(1, strangers) == [0, 3]
    assert four.agreed(3, {n: four.adverts[n] for n in (1, 3)} | {0: four.adverts[1]}) == [1]


def test_a_hospital_cannot_be_played_by_another_ones_keys() -> None:
    four = Four()
    four.adverts[2] = four.sign(2, four.adverts[1])
    assert four.agreed(0) == [3]  # nobody knows which of the two is the copy
    with pytest.raises(PrivacyError, match="somebody copied its keys"):
        four.agreed(1)


@pytest.mark.parametrize("key", ["mask_key", "box_key"])
@pytest.mark.parametrize("bad", [bytes(32), b"short", b""], ids=["no order", "short", "empty"])
def test_a_key_that_no_secret_can_be_agreed_by_costs_its_owner_alone(key: str, bad: bytes) -> None:
    four = Four()
    four.adverts[3] = four.sign(3, replace(four.adverts[3], **{key: bad}))
    assert four.agreed(0) == [1, 2]


def test_a_box_opens_for_the_one_it_is_for_alone() -> None:
    four = Four()
    for number in range(4):
        four.agreed(number)
    box = four.keys[1].lock(2, b"a piece")
    assert four.keys[2].open(1, box) == b"a piece"
    assert four.keys[0].open(1, box) is None
    assert four.keys[2].open(0, box) is None
    assert four.keys[1].open(2, box) is None  # sent back to who locked it
    assert box != four.keys[1].lock(2, b"a piece")
    for place in range(len(box)):
        changed = bytes(byte ^ (n == place) for n, byte in enumerate(box))
        assert four.keys[2].open(1, changed) is None
    for garbage in (b"", b"short", bytes(200)):
        assert four.keys[2].open(1, garbage) is None


def test_a_box_is_the_one_of_the_standards() -> None:
    """X25519, HKDF and ChaCha20-Poly1305 (RFC 7748, 5869, 8439), by another library."""
    from Crypto.Cipher import ChaCha20_Poly1305
    from Crypto.Hash import SHA256
    from Crypto.Protocol.DH import (
        import_x25519_private_key,
        import_x25519_public_key,
        key_agreement,
    )
    from Crypto.Protocol.KDF import HKDF

    four = Four()
    four.agreed(0)
    box = four.keys[0].lock(3, b"a piece")
    _, own = four.keys[3].remember()["keys"]

    def key_of(secret: bytes) -> bytes:
        return HKDF(secret, 32, b"", SHA256, context=joined(b"fedlab", b"box", ROUND))

    key = key_agreement(
        eph_priv=import_x25519_private_key(own),
        eph_pub=import_x25519_public_key(four.adverts[0].box_key),
        kdf=key_of,
    )
    cipher = ChaCha20_Poly1305.new(key=key, nonce=box[:12])
    cipher.update(joined(ROUND, b"0", b"3"))
    assert cipher.decrypt_and_verify(box[12:-16], box[-16:]) == b"a piece"


def test_what_is_remembered_goes_on_as_it_was() -> None:
    four = Four()
    for number in (0, 1):
        four.agreed(number)
    again = RoundKeys(0, ROUND)
    again.recall(four.keys[0].remember())
    assert again.remember() == four.keys[0].remember()
    assert (again.adverts, again.pairs) == (four.keys[0].adverts, four.keys[0].pairs)
    assert again.secrets() == four.keys[0].secrets()
    assert again.open(1, four.keys[1].lock(0, b"a piece")) == b"a piece"
