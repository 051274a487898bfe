"""How a federation saves bytes: what hospitals and server agree on before a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.compression import Packing
from fedlab_utils.federated.quantisation import BITS
from fedlab_utils.federated.settings import read_config, write_config


@dataclass(frozen=True)
class CompressionPlan:
    """How a federation saves bytes, to the server (up) and from it (down).

    A direction in which all numbers travel in 32 bits is not touched: its messages have the bits of
    a run without a plan.

    Attributes
    ----------
    up_keep, down_keep
        Share of the numbers that travels, the largest; 1: all.
    up_bits, down_bits
        Of each number: 4, 8 or 32.
    parts
        Parts into which the layers are dealt, both ways; a round is one part's turn. 1: all layers
        travel in each round.

    Raises
    ------
    FederationError
        If a value is of another type, or out of range.
    """

    up_keep: float = 1.0
    up_bits: int = 32
    down_keep: float = 1.0
    down_bits: int = 32
    parts: int = 1

    def __post_init__(self) -> None:
        make_plain(self, FederationError)
        for way in ("up", "down"):
            keep, bits = getattr(self, f"{way}_keep"), getattr(self, f"{way}_bits")
            if not 0 < keep <= 1:
                raise FederationError(f"{way}_keep", f"it is {keep}", "Pass a share above 0, to 1")
            if bits not in BITS:
                raise FederationError(f"{way}_bits", f"it is {bits}", "Pass 4, 8 or 32")
        if self.parts < 1:
            raise FederationError("parts", f"it is {self.parts}", "Pass 1 or more")

    @property
    def up(self) -> bool:
        """Whether what hospitals send is compressed."""
        return self.up_keep < 1 or self.up_bits < 32 or self.parts > 1

    @property
    def down(self) -> bool:
        """Whether what the server sends is."""
        return self.down_keep < 1 or self.down_bits < 32 or self.parts > 1

    @property
    def on(self) -> bool:
        """Whether anything is."""
        return self.up or self.down

    def packing(self, way: str, shapes: Mapping[str, tuple[int, ...]]) -> Packing:
        """Return how arrays travel one way, ``"up"`` or ``"down"``."""
        keep, bits = getattr(self, f"{way}_keep"), getattr(self, f"{way}_bits")
        return Packing(dict(shapes), keep, bits, self.parts)

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> CompressionPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))
