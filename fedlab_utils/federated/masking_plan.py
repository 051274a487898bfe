"""How hospitals hide their numbers from the server: what all agreed on before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.screening import MOST_PATIENTS
from fedlab_utils.federated.settings import read_config, write_config
from fedlab_utils.privacy import FixedPoint
from fedlab_utils.privacy.masking import FEWEST, check_numbers


@dataclass(frozen=True)
class MaskingPlan:
    """How hospitals hide their numbers from the server. It is part of what they agreed on.

    Attributes
    ----------
    secure
        Whether they do.
    key_holders
        Hospitals that agreed on each other's keys; set when a run begins.
    threshold
        Hospitals that must be left in a round, at least three and over half of all; 0: the least
        such number. Where hospitals may help a server that lies, take more, see
        :class:`fedlab_utils.privacy.Masker`.
    number_bound, fraction_bits
        Of the numbers, see :class:`fedlab_utils.privacy.FixedPoint`.

    Raises
    ------
    PrivacyError
        If a value is of another type, or out of range.
    """

    secure: bool = False
    key_holders: int = 0
    threshold: int = 0
    number_bound: float = 256.0
    fraction_bits: int = 32

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name in ("key_holders", "threshold"):
            if getattr(self, name) < 0:
                raise PrivacyError(name, f"it is {getattr(self, name)}", "Pass 0 or more")
        if self.threshold and not self.secure:
            raise PrivacyError(
                "threshold", f"it is {self.threshold}, and no number is hidden", "Pass secure, or 0"
            )
        self.numbers()

    @property
    def on(self) -> bool:
        """Whether numbers are hidden."""
        return self.secure

    def needed(self) -> int:
        """Return how many hospitals must be left.

        Raises
        ------
        PrivacyError
            If there are too few hospitals, or the threshold is too low.
        """
        threshold = self.threshold or max(FEWEST, self.key_holders // 2 + 1)
        check_numbers(self.key_holders, threshold)
        return threshold

    def numbers(self) -> FixedPoint:
        """Return how numbers are written; patients are whole numbers, and so weights are."""
        holders = max(self.key_holders, FEWEST)
        return FixedPoint(self.number_bound, self.fraction_bits, holders, MOST_PATIENTS)

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> MaskingPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))
