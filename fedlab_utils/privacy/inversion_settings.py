"""How gradient inversion searches: what it compares, how it steps, and when it stops."""

from __future__ import annotations

from dataclasses import dataclass

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.matching import DISTANCES

SEARCHES = ("signed adam", "adam", "lbfgs")


@dataclass(frozen=True)
class InversionSettings:
    """How images are searched for.

    Attributes
    ----------
    distance
        ``"cosine"`` or ``"l2"``, see :func:`fedlab_utils.privacy.matching.gradient_distance`.
    search
        ``"signed adam"`` (Geiping), ``"adam"`` or ``"lbfgs"`` (both with DLG).
    iterations
        Of each restart.
    learning_rate
        In standard deviations of the intensities; it falls to 0 along half a cosine. L-BFGS finds
        its own step length, up to this one.
    total_variation
        Weight of :func:`fedlab_utils.privacy.matching.total_variation`.
    restarts
        Searches from other noise; the one whose update is nearest to what was sent counts.
    box
        Least and largest intensity. Preprocessed patients lie within 5 deviations.
    seed
        Decides where searches start.
    seconds
        After which a search stops, restarts together. A search that this ends depends on the
        machine; any other is decided by its seed.
    """

    distance: str = "cosine"
    search: str = "signed adam"
    iterations: int = 300
    learning_rate: float = 0.1
    total_variation: float = 0.005
    restarts: int = 1
    box: tuple[float, float] = (-5.0, 5.0)
    seed: int = 0
    seconds: float = 3600.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", tuple(self.box))
        make_plain(self, PrivacyError)
        for name, fine, remedy in (
            ("distance", self.distance in DISTANCES, f"Take {' or '.join(DISTANCES)}"),
            ("search", self.search in SEARCHES, f"Take one of {', '.join(SEARCHES)}"),
            ("iterations", self.iterations > 0, "Take at least one"),
            ("learning_rate", self.learning_rate > 0, "Pass a number above 0"),
            ("total_variation", self.total_variation >= 0, "Pass 0 or more"),
            ("restarts", self.restarts > 0, "Take at least one"),
            ("box", self.box[0] < self.box[1], "Pass the least and the largest intensity"),
        ):
            if not fine:
                raise PrivacyError(name, f"it is {getattr(self, name)!r}", remedy)
