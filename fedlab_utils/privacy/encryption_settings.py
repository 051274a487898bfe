"""Parameters of homomorphic encryption: how secure, and how many numbers of what size."""

from __future__ import annotations

from dataclasses import dataclass

from fedlab_utils.errors import PrivacyError

MOST_BITS = {1024: 27, 2048: 54, 4096: 109, 8192: 218, 16384: 438, 32768: 881}
"""Polynomial's degree -> bits of all primes together, at most, for 128 bits of security against a
classical computer: HomomorphicEncryption.org, Homomorphic Encryption Standard (Albrecht et al.
2018, table 1, ternary secret), https://eprint.iacr.org/2019/939."""


@dataclass(frozen=True)
class CkksSettings:
    """Parameters of CKKS, and how large numbers may be.

    Attributes
    ----------
    degree
        Of the polynomials; a ciphertext holds ``degree / 2`` numbers.
    prime_bits
        Bits of the primes whose product is the modulus. SEAL keeps the last one for itself;
        ciphertexts are modulo the others.
    scale_bits
        Numbers are multiplied by ``2**scale_bits`` and rounded.
    summands
        Hospitals, at most: as many numbers of ``bound`` may be added up.

    Raises
    ------
    PrivacyError
        If the primes have more bits than 128 bits of security allow, or a value is out of range.
    """

    degree: int = 8192
    prime_bits: tuple[int, ...] = (60, 60)
    scale_bits: int = 40
    summands: int = 128

    def __post_init__(self) -> None:
        if self.degree not in MOST_BITS:
            known = ", ".join(map(str, MOST_BITS))
            raise PrivacyError("degree", f"it is {self.degree}", f"Take one of {known}")
        object.__setattr__(self, "prime_bits", tuple(self.prime_bits))
        if len(self.prime_bits) < 2 or not all(20 <= bits <= 60 for bits in self.prime_bits):
            raise PrivacyError(
                "prime_bits", f"they are {self.prime_bits}", "Pass two or more, each from 20 to 60"
            )
        bits, most = sum(self.prime_bits), MOST_BITS[self.degree]
        if bits > most:
            raise PrivacyError(
                "prime_bits",
                f"{bits} bits at degree {self.degree}, and 128 bits of security allow {most}",
                "Take fewer or smaller primes, or a larger degree",
            )
        if self.summands < 1:
            raise PrivacyError("summands", f"it is {self.summands}", "Pass 1 or more")
        if self.scale_bits < 1 or self.bound < 1:
            raise PrivacyError(
                "scale_bits",
                f"with {self.scale_bits} of {self.modulus_bits} bits, {self.summands} summands may "
                f"be up to {self.bound:.2g} each",
                "Take a smaller scale, fewer summands, or a further prime",
            )

    @property
    def slots(self) -> int:
        """Numbers in a ciphertext."""
        return self.degree // 2

    @property
    def modulus_bits(self) -> int:
        """Bits of a ciphertext's modulus."""
        return sum(self.prime_bits[:-1])

    @property
    def bound(self) -> float:
        """Largest absolute value of a weighted number; larger sums would wrap around unseen."""
        return 2.0 ** (self.modulus_bits - 2 - self.scale_bits) / self.summands

    @property
    def part_bytes(self) -> int:
        """Bytes of a ciphertext, at most: two polynomials of 8 bytes per prime, and headers."""
        return 16 * self.degree * (len(self.prime_bits) - 1) + 1024

    def sizes(self, count: int) -> list[int]:
        """Return how many numbers each ciphertext of ``count`` numbers holds."""
        return [min(self.slots, count - at) for at in range(0, count, self.slots)]


FOR_PUBLICATION = CkksSettings(prime_bits=(60, 60, 60), scale_bits=100)
"""Settings whose sums :func:`publish` can pass on: twice the bytes."""
