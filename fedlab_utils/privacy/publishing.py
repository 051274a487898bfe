"""Decrypted sums that leave those who hold the key: not before their last digits are drowned."""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.encryption_settings import CkksSettings
from fedlab_utils.privacy.randomness import Randomness, SystemRandomness

NOISE = 3.2
"""Deviation of a fresh ciphertext's noise, per coefficient, in SEAL as in the standard."""

DROWNED_BY = 2.0**30
"""How many times larger than a decrypted sum's error the noise is that :func:`publish` adds."""

LARGEST_NOISE = 1e-9
"""What drowns a ciphertext's error may not be larger than this, in units of the sum."""


def publish(
    total: np.ndarray,
    settings: CkksSettings,
    summed: int,
    randomness: Randomness | None = None,
) -> np.ndarray:
    """Return a decrypted sum as it may leave the key holders: its last digits drowned in noise.

    A CKKS sum holds the ciphertexts' noise in its last digits. Who has the ciphertext and these
    digits, as the server would, can solve for the secret key: Li and Micciancio 2021, On the
    security of homomorphic encryption on approximate numbers, https://eprint.iacr.org/2020/1533. So
    noise is added, :data:`DROWNED_BY` times as large as ciphertexts' noise and rounding in double
    precision together: about 5e-7 of the numbers' root mean square. What is published of ``D``
    numbers then differs, in total variation, by less than ``sqrt(D) * 2**-31`` from something that
    does not depend on the ciphertexts' noise: with honest ciphertexts, and per round. It is no
    128-bit guarantee; that needs more noise than double precision can carry (Li et al. 2022,
    https://eprint.iacr.org/2022/816).

    Parameters
    ----------
    total
        From :meth:`KeyHolder.decrypt`, ``(D,)``.
    settings, summed
        That it was encrypted with, and hospitals in it.
    randomness
        Default: the operating system's.

    Raises
    ------
    PrivacyError
        If the settings' scale is so small that the noise would spoil the numbers.
    """
    fresh = NOISE * np.sqrt(summed * settings.degree / 2) / 2.0**settings.scale_bits
    if fresh * DROWNED_BY > LARGEST_NOISE:
        raise PrivacyError(
            "publishing a sum",
            f"noise that hides a ciphertext's error would be {fresh * DROWNED_BY:.2g} in each "
            f"number of the sum, and may be {LARGEST_NOISE:g}",
            "Encrypt with FOR_PUBLICATION, or keep the sum among those who hold the key",
        )
    total = np.asarray(total, np.float64)
    rounding = 2.0**-51 * np.sqrt(np.mean(total**2)) if total.size else 0.0
    draws = (randomness or SystemRandomness()).normal(total.shape)
    return total + DROWNED_BY * np.hypot(fresh, rounding) * draws
