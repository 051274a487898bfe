"""Numbers as whole numbers modulo 2**64, so that masks cancel to the bit.

Masks that are added and taken away again leave rounding errors in floating point, and a mask that
hides every value must be uniform over all values there are. Whole numbers modulo ``2**64`` have
both: sums are exact, and wrap around.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError

BITS = 64


@dataclass(frozen=True)
class FixedPoint:
    """How numbers are written, so that no sum of all hospitals' can overflow.

    A hospital's number is at most ``bound``, and counts up to ``heaviest`` times. The sum over
    ``summands`` hospitals is then at most ``summands * heaviest * (bound * 2**fraction + 1/2)``,
    which must lie below ``2**63``: it is refused otherwise, so that a sum that comes out is right.

    Attributes
    ----------
    bound
        Largest absolute value of a number.
    fraction
        Bits after the point: each number is off by at most ``2**-(fraction + 1)``.
    summands
        Hospitals, at most.
    heaviest
        Largest weight of one, such as its number of patients.

    Raises
    ------
    PrivacyError
        If a sum could overflow, or a setting is out of range.
    """

    bound: float = 1024.0
    fraction: int = 24
    summands: int = 128
    heaviest: int = 10_000

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name in ("bound", "fraction", "summands", "heaviest"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise PrivacyError(name, f"it is {value}", "Pass a number above 0")
        # Whole numbers of any size, so that the check itself cannot overflow.
        largest = self.summands * self.heaviest * (int(self.bound * 2.0**self.fraction) + 1)
        if largest >= 2 ** (BITS - 1):
            raise PrivacyError(
                "fixed point",
                f"a sum may need {largest.bit_length() + 1} bits, and there are {BITS}",
                "Take fewer bits after the point, or a smaller bound",
            )

    def encode(self, values: np.ndarray, weight: int = 1) -> np.ndarray:
        """Return numbers times a weight, uint64 of the same shape.

        Parameters
        ----------
        values
            Any shape; finite, and no further from 0 than ``bound``.
        weight
            Whole number from 0 to ``heaviest``.

        Raises
        ------
        PrivacyError
            If a value or the weight is out of range; a clipped one would falsify the sum.
        """
        values = np.asarray(values, np.float64)
        if not 0 <= weight <= self.heaviest or int(weight) != weight:
            raise PrivacyError(
                "weight", f"it is {weight}", f"Pass a whole number up to {self.heaviest}"
            )
        if not (np.abs(values) <= self.bound).all():  # catches NaN
            worst = values.ravel()[np.argmax(np.nan_to_num(np.abs(values), nan=np.inf))]
            raise PrivacyError(
                "fixed point",
                f"a number is {worst:g}, and the bound is {self.bound:g}",
                "Raise the bound for all hospitals, or leave this one out",
            )
        whole = np.rint(values * 2.0**self.fraction).astype(np.int64) * np.int64(weight)
        return whole.view(np.uint64)

    def decode(self, total: np.ndarray) -> np.ndarray:
        """Return a sum of encoded numbers as float64, of the same shape."""
        return np.asarray(total, np.uint64).view(np.int64) * 2.0**-self.fraction
