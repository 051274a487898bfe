"""Averages under homomorphic encryption: a server that adds up what it cannot read.

CKKS (Cheon et al. 2017, doi:10.1007/978-3-319-70694-8_15), with TenSEAL, which rests on Microsoft
SEAL. A ciphertext holds half as many numbers as its polynomials have coefficients; ciphertexts are
added coefficient by coefficient, and the sum decrypts to the sum of the numbers, with an error of
about ``2**-30`` at the settings below.

- **One key for all hospitals.** All of them hold it, and the server does not. Each can decrypt what
  any other one sent: a single hospital that passes the key on, or looks at what the server stores,
  undoes everything. Masks (:mod:`fedlab_utils.privacy.masking`) have no such key.
- **Weights are applied before encryption.** The server then only adds. If it multiplied by weights,
  products would have twice the scale's bits, and need a second prime to be scaled down by: a
  ciphertext of twice as many bytes for the same sum.
- **Encryption is symmetric**, as whoever encrypts holds the secret key anyway. A public key would
  add noise, six times as much in the sum, and let outsiders make ciphertexts.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.ciphertexts import (
    context_of,
    no_ciphertexts,
    tenseal,
    vectors_of,
    written,
)
from fedlab_utils.privacy.encryption_settings import CkksSettings


class KeyHolder:
    """A hospital: it encrypts, and decrypts whatever was encrypted with the key that all share.

    Parameters
    ----------
    settings
        The same at all.
    secret
        The shared key, from :meth:`secret`; None makes a new one.

    Raises
    ------
    PrivacyError
        If TenSEAL is missing, or the secret is none, or of other settings.
    """

    def __init__(self, settings: CkksSettings, secret: bytes | None = None) -> None:
        ts, self.settings = tenseal(), settings
        self._context = ts.context(
            ts.SCHEME_TYPE.CKKS,
            settings.degree,
            coeff_mod_bit_sizes=list(settings.prime_bits),
            encryption_type=ts.ENCRYPTION_TYPE.SYMMETRIC,
            n_threads=1,
        )
        self._context.global_scale = 2.0**settings.scale_bits
        if secret is not None:
            due = self.public()
            self._context = context_of(secret)
            if not self._context.has_secret_key() or self.public() != due:
                raise PrivacyError(
                    "secret key",
                    "it holds no secret, or is of other settings",
                    "Pass what secret() of a hospital with the same settings gave",
                )

    def secret(self) -> bytes:
        """Return parameters and the secret key: for hospitals alone."""
        return written(self._context, with_secret=True)

    def public(self) -> bytes:
        """Return what the server needs to add: the parameters, and no key at all."""
        return written(self._context, with_secret=False)

    def encrypt(self, values: np.ndarray, weight: float = 1.0) -> list[bytes]:
        """Return numbers times a weight as ciphertexts.

        Parameters
        ----------
        values
            Float ``(D,)``.
        weight
            Such as the hospital's patients.

        Raises
        ------
        PrivacyError
            If a weighted number is not finite or beyond the settings' ``bound``.
        """
        ts, row = tenseal(), np.asarray(values, np.float64).ravel() * weight
        if not (np.abs(row) <= self.settings.bound).all():  # catches NaN
            worst = row[np.argmax(np.nan_to_num(np.abs(row), nan=np.inf))]
            raise PrivacyError(
                "encryption",
                f"a weighted number is {worst:g}, and the bound is {self.settings.bound:g}",
                "Take a smaller scale or a further prime at all hospitals, or leave this one out",
            )
        slots = self.settings.slots
        chunks = (row[at : at + slots] for at in range(0, len(row), slots))
        return [
            ts.ckks_vector(self._context, ts.plain_tensor(chunk)).serialize() for chunk in chunks
        ]

    def decrypt(self, parts: list[bytes], count: int, summed: int = 1) -> np.ndarray:
        """Return the numbers, or their sum, float64 ``(count,)``.

        Parameters
        ----------
        parts
            Ciphertexts, of one hospital or of a sum.
        count
            Numbers in all of them.
        summed
            Hospitals in the sum.

        Raises
        ------
        PrivacyError
            If these are no such ciphertexts, or the sum is beyond what hospitals may send.
        """
        vectors = vectors_of(self._context, self.settings, parts, count)
        found = [np.asarray(vector.decrypt(), np.float64) for vector in vectors]
        row = np.concatenate(found) if found else np.zeros(0)
        if not (np.abs(row) <= summed * self.settings.bound * (1 + 1e-6)).all():
            raise PrivacyError(
                "decryption",
                f"the sum is beyond what {summed} hospitals may send: one sent garbage, or it was "
                "encrypted with another key",
                "Nobody can tell which one; run the round again with fewer hospitals",
            )
        return row

    def average(self, parts: list[bytes], count: int, summed: int, weight: float) -> np.ndarray:
        """Return a decrypted sum over the sum of weights, float64 ``(count,)``. As :meth:`decrypt`.

        Raises
        ------
        PrivacyError
            As :meth:`decrypt`, or if the weights' sum is not above 0.
        """
        if not 0 < weight < float("inf"):
            raise PrivacyError("weight", f"all of them sum to {weight}", "Pass a sum above 0")
        return self.decrypt(parts, count, summed) / weight


class Adder:
    """The server: it adds ciphertexts up, and holds no key.

    Parameters
    ----------
    public
        From :meth:`KeyHolder.public`.
    settings, count
        Parameters, and numbers of each hospital.

    Attributes
    ----------
    summed
        Hospitals in the sum.

    Raises
    ------
    PrivacyError
        If TenSEAL is missing, or it is handed the secret key.
    """

    def __init__(self, public: bytes, settings: CkksSettings, count: int) -> None:
        self._context, self.settings, self.count, self.summed = (
            context_of(public),
            settings,
            count,
            0,
        )
        self._sum: list = []
        if self._context.has_secret_key():
            raise PrivacyError(
                "encryption", "the server was handed the secret key", "Hand it public() instead"
            )

    def add(self, parts: list[bytes]) -> None:
        """Add a hospital's ciphertexts; where they are none, the sum stays what it was.

        Raises
        ------
        PrivacyError
            If they are not as :meth:`KeyHolder.encrypt` makes them. Ciphertexts of other numbers,
            or by another key, look the same here.
        """
        if self.summed >= self.settings.summands:
            raise PrivacyError(
                "encryption", f"{self.summed} hospitals are in the sum", "Allow more summands"
            )
        vectors = vectors_of(self._context, self.settings, parts, self.count)
        try:
            total = [a + b for a, b in zip(self._sum, vectors, strict=True)] if self._sum else None
        except (ValueError, RuntimeError) as error:
            raise no_ciphertexts(str(error)) from None
        self._sum, self.summed = total or vectors, self.summed + 1

    def total(self) -> list[bytes]:
        """Return the sum's ciphertexts, none before the first hospital."""
        return [vector.serialize() for vector in self._sum]


def overheard(holder: KeyHolder, parts: list[bytes], count: int, weight: float) -> np.ndarray:
    """Return another hospital's numbers, as any one key holder reads them off its ciphertexts.

    This is the weakness of one key for all: who holds it, and gets at what another hospital sent
    (from the server, or from the line), has that hospital's update in full.

    Parameters
    ----------
    holder
        Any hospital; the key is the same.
    parts, count, weight
        What the other one sent, of how many numbers, and its weight, which the server knows.
    """
    return holder.decrypt(parts, count) / weight
