"""Which hospitals are hostile in a run, and what they do: a simulation's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.settings import FederationSettings, read_config, write_config

STRENGTHS = {
    "sign-flip": 4.0,
    "scaled": 10.0,
    "noise": 10.0,
    "label-flip": 1.0,
    "alie": 0.0,
    "ipm": 4.0,
    "backdoor": 1.0,
    "free-rider": 0.0,
    "nan": 0.0,
}
"""Attack -> its usual strength; ALIE's is computed, see
:func:`fedlab_utils.federated.attacks.alie_z`."""

COLLUDING = ("alie", "ipm")
"""Attacks in which hostile hospitals know each other's honest updates."""


@dataclass(frozen=True)
class AttackPlan:
    """Who is hostile in a simulation, and how.

    Attributes
    ----------
    attack
        One of ``STRENGTHS``; empty: nobody is hostile.
    attackers
        Their numbers from 0, separated by commas, such as ``"0,3"``.
    strength
        How many times as long the update is that is sent; of ALIE, standard deviations; 0: usual.
        Label flip and backdoor train on spoilt data, and send that update as many times as long.

    Raises
    ------
    FederationError
        If a value is of another type or out of range, or one of attack and attackers is missing.
    """

    attack: str = ""
    attackers: str = ""
    strength: float = 0.0

    def __post_init__(self) -> None:
        make_plain(self, FederationError)
        if self.attack not in ("", *STRENGTHS):
            raise FederationError(
                "attack", f"it is {self.attack!r}", f"Choose one of {', '.join(STRENGTHS)}"
            )
        words = self.attackers.split(",") if self.attackers else []
        if not all(word.strip().isdecimal() and word.strip().isascii() for word in words):
            raise FederationError(
                "attackers", f"it is {self.attackers!r}", 'Pass numbers from 0, such as "0,3"'
            )
        if self.strength < 0:
            raise FederationError("strength", f"it is {self.strength}", "Pass 0 or more")
        if bool(self.attack) != bool(words) or (self.strength and not self.attack):
            raise FederationError(
                "attack",
                f"it is {self.attack!r} with strength {self.strength:g}, by {self.attackers!r}",
                "Name an attack and who is hostile, or neither",
            )

    @property
    def on(self) -> bool:
        """Whether anybody is hostile."""
        return bool(self.attack)

    @property
    def colluding(self) -> bool:
        """Whether hostile hospitals must know each other's honest updates."""
        return self.attack in COLLUDING

    @property
    def numbers(self) -> tuple[int, ...]:
        """Who is hostile, by partition."""
        return tuple(sorted({int(word) for word in self.attackers.split(",") if word.strip()}))

    @property
    def force(self) -> float:
        """The strength, or the attack's usual one."""
        return self.strength or STRENGTHS.get(self.attack, 0.0)

    def check(self, settings: FederationSettings, hospitals: int) -> None:
        """Refuse an attack that there is nobody for.

        Raises
        ------
        FederationError
            If an attacker is no hospital, colluders would have to share SCAFFOLD's state, or ALIE
            would send nothing but what honest hospitals send.
        """
        if self.attack == "alie":
            self._check_lie(hospitals)
        if strangers := [number for number in self.numbers if number >= hospitals]:
            raise FederationError(
                "attackers",
                f"there is no hospital {strangers[0]} among {hospitals}",
                f"Pass numbers from 0 to {hospitals - 1}",
            )
        if self.attack in COLLUDING and settings.strategy == "scaffold":
            raise FederationError(
                "attack",
                f"{self.attack} needs colluders who train in each other's place, and SCAFFOLD "
                "writes to each hospital of its own state",
                "Take another strategy, or another attack",
            )

    def _check_lie(self, hospitals: int) -> None:
        """Refuse a lie of length 0; one hostile hospital alone sends its honest update anyway."""
        from fedlab_utils.federated.attacks import alie_z

        count = len(self.numbers)
        if not self.strength and not alie_z(hospitals, count) > 0:
            raise FederationError(
                "attack",
                f"the paper's z for {count} of {hospitals} is 0: they would send what honest "
                "hospitals send",
                "Pass a strength",
            )

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> AttackPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))
