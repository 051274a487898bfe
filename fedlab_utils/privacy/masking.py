"""Secure aggregation, a hospital's part: its numbers under masks that only the sum sheds.

Bonawitz et al. 2017, Practical secure aggregation for privacy-preserving machine learning,
doi:10.1145/3133956.3133982, with the signatures of its stronger variant. In each round hospitals

1. **advertise** two fresh public keys, signed with the key that all know them by;
2. **share** the secret behind their masks and a seed of their own, a piece for each other one;
3. **mask** their numbers: for each pair one adds what the other takes away, and each adds a mask of
   its own besides;
4. **confirm** who is left, by signature, so that the server cannot tell two stories;
5. **reveal** of each hospital either the piece of its seed (it is left) or the piece of its key (it
   dropped out), never both: with both the server could take all masks off its numbers.

Keys, signatures, ciphers and shares are those of kept libraries (cryptography, pycryptodome).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.masks import Advert, left_part, pair_mask, stream, verified
from fedlab_utils.privacy.round_keys import RoundKeys
from fedlab_utils.privacy.sharing import SECRET, split

FEWEST = 3
"""Hospitals: of two, each can take its own numbers off the sum and has the other's."""


class Masker:
    """A hospital in one round. Each step is taken once, in order; a new round is a new object.

    Parameters
    ----------
    number
        Its own, from 0.
    round_name
        Never used before; known to all.
    identity
        The private key that it is known by.
    known
        Number of each hospital that may take part -> its public key. This list comes from the
        hospitals' agreement, not from the server, which could otherwise play all other hospitals.
    threshold
        Hospitals that must be left: at least three, and more than half of those known. A server
        that lies and ``c`` hospitals that help it fail as long as it is over ``(known + c) / 2``,
        and over ``c + 1``.

    Raises
    ------
    PrivacyError
        If the threshold is below three, or not more than half.
    """

    def __init__(
        self,
        number: int,
        round_name: bytes,
        identity: Ed25519PrivateKey,
        known: Mapping[int, bytes],
        threshold: int,
    ) -> None:
        check_numbers(len(known), threshold)
        self.number, self.round_name, self.threshold = number, round_name, threshold
        self._identity, self._known = identity, dict(known)
        self._keys = RoundKeys(number, round_name)
        self._pieces: dict[int, bytes] = {}
        self._left: frozenset[int] = frozenset()
        self._step = "advertise"

    def advertise(self) -> Advert:
        """Return what to tell all others."""
        self._next("advertise", "share")
        return self._keys.advert(self._identity)

    def share(self, adverts: Mapping[int, Advert]) -> dict[int, bytes]:
        """Return a locked box for each other hospital, with its pieces of this one's secrets.

        Whose signature is false, whose key is none, or stands there twice, gets no box and is left
        out: one hospital's bad advert must not end the round of all.

        Raises
        ------
        PrivacyError
            If this hospital's own advert is not among them as it was, or too few are sound.
        """
        self._next("share", "mask")
        self._keys.agree(adverts, self._known)
        holders = sorted(self._keys.adverts)
        self._enough(len(holders))
        secrets = self._keys.secrets()
        pieces = [split(secret, self.threshold, max(holders) + 1) for secret in secrets]
        boxes = {}
        for other in holders:
            content = pieces[0][other] + pieces[1][other]
            if other == self.number:
                self._pieces[other] = content
            else:
                boxes[other] = self._keys.lock(other, content)
        return boxes

    def mask(self, values: np.ndarray, boxes: Mapping[int, bytes]) -> np.ndarray:
        """Return numbers under all masks.

        Parameters
        ----------
        values
            uint64 ``(D,)``, from :class:`fedlab_utils.privacy.FixedPoint`.
        boxes
            Number of each other hospital that still takes part -> its box for this one. One that
            cannot be opened leaves its sender out.

        Raises
        ------
        PrivacyError
            If too few hospitals are left.
        """
        self._next("mask", "confirm")
        for other, box in boxes.items():
            if other in self._keys.pairs:
                content = self._keys.open(other, box)
                if content is not None and len(content) == 2 * SECRET:
                    self._pieces[other] = content
        self._enough(len(self._pieces))
        total = np.array(values, np.uint64)
        total += stream(self._keys.seed, self.round_name, len(total))
        for other in self._pieces:
            if other != self.number:
                pair = self._keys.pairs[other]
                total += pair_mask(pair, self.number, other, self.round_name, len(total))
        return total

    def peers(self) -> list[int]:
        """Return the hospitals that this one's mask was made with, itself among them."""
        return sorted(self._pieces)

    def confirm(self, left: list[int]) -> bytes:
        """Return a signature under the list of those who are left.

        Raises
        ------
        PrivacyError
            If they are too few, or not all of those that the mask was made with.
        """
        self._next("confirm", "reveal")
        if not set(left) <= set(self._pieces) or self.number not in left:
            raise PrivacyError(
                f"hospital {self.number}",
                f"the server says that {sorted(left)} are left, of {self.peers()}",
                "End the round: somebody is in the sum whom this hospital does not know",
            )
        self._enough(len(set(left)))
        self._left = frozenset(left)
        return self._identity.sign(left_part(self._left, self.round_name))

    def reveal(self, confirmed: Mapping[int, bytes]) -> dict[int, bytes]:
        """Return a piece per hospital: of the seed of who is left, of the key of who dropped out.

        Parameters
        ----------
        confirmed
            Signatures under the list of those left, of at least ``threshold`` hospitals.

        Raises
        ------
        PrivacyError
            If too few signed the list that this hospital saw.
        """
        self._next("reveal", "done")
        part = left_part(self._left, self.round_name)
        signed = [
            n for n in self._left if n in confirmed and verified(self._known[n], confirmed[n], part)
        ]
        self._enough(len(signed))
        return {
            n: piece[SECRET:] if n in self._left else piece[:SECRET]
            for n, piece in self._pieces.items()
        }

    def remember(self) -> dict[str, object]:
        """Return all that the next step needs: secrets of this round, for nobody else's eyes.

        Returns
        -------
        dict
            Name -> text, bytes, or a list of bytes or whole numbers.
        """
        pieces = sorted(self._pieces.items())
        return {
            "step": self._step,
            **self._keys.remember(),
            "pieces": [n for n, _ in pieces],
            "piece-contents": [piece for _, piece in pieces],
            "left": sorted(self._left),
        }

    def recall(self, known: Mapping[str, object]) -> Masker:
        """Go on where :meth:`remember` was called."""
        self._keys.recall(known)
        self._step = known["step"]
        self._pieces = dict(zip(known["pieces"], known["piece-contents"], strict=True))
        self._left = frozenset(known["left"])
        return self

    @property
    def over(self) -> bool:
        """Whether the last step is taken, so that nothing needs to be remembered."""
        return self._step == "done"

    def expect(self, step: str) -> None:
        """Refuse a step that is not the next one.

        Raises
        ------
        PrivacyError
            If another step is the next one.
        """
        if self._step != step:
            raise PrivacyError(
                f"hospital {self.number}",
                f"it was asked to {step}, and its next step is to {self._step}",
                "Begin another round; a step taken twice could give both secrets away",
            )

    def _next(self, step: str, then: str) -> None:
        self.expect(step)
        self._step = then

    def _enough(self, count: int) -> None:
        if count < self.threshold:
            raise PrivacyError(
                f"hospital {self.number}",
                f"{count} hospitals are left, and {self.threshold} are needed",
                "Wait for more hospitals; a sum of few hides little",
            )


def check_numbers(hospitals: int, threshold: int) -> None:
    """Refuse a federation in which masks could not hide anything.

    Raises
    ------
    PrivacyError
        If the threshold is below three, or not over half of the hospitals.
    """
    if not max(FEWEST - 1, hospitals / 2) < threshold <= hospitals:
        raise PrivacyError(
            "secure aggregation",
            f"{hospitals} hospitals, of whom {threshold} must be left",
            f"Take a threshold of at least {FEWEST}, and over half of them: two halves that are "
            "told different stories must not both be enough",
        )
