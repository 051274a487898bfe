"""Privacy of a whole hospital in a federation: what its epsilon covers, and in whose view.

A hospital's update is shortened to a bound, and noise is added: by the server, to the sum of all
(McMahan et al. 2018, arXiv:1710.06963), or by each hospital, to its own (*local*). Flower's
wrappers for this (``flwr.serverapp.strategy.DifferentialPrivacy*``, ``LocalDpMod``) keep their
promise under conditions alone that a federation of hospitals does not meet; which, and what
happens, is in ``tests/federated/test_flower_privacy.py``. :mod:`.hospital_noise` does not ask for
those conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.private_training import refuse_details
from fedlab_utils.federated.settings import FederationSettings, read_config, write_config
from fedlab_utils.privacy import epsilon_of, noise_for
from fedlab_utils.privacy.randomness import SIMULATED

PREFIX = "hospital-"
"""Of the plan's names in a ``run_config``, where patients' privacy has an epsilon too."""

WAYS = ("server", "client", "adaptive", "local")
"""Who shortens updates: the server; each hospital, by Flower's mod; the server, to a bound that
follows the updates' lengths; each hospital, which adds the noise too."""

NOT_COVERED = (
    "that the hospital is a member, and its number of patients; scores on validation and test "
    "patients, and by them which round is best; choice of settings; other runs with the same "
    "hospitals; who took part in a round, and when an answer came"
)
"""What leaves a hospital without noise, or is decided without it."""

VIEWS = {
    False: "whoever gets the model of any rounds, and neither the server nor its reports",
    True: "everybody outside the hospital, the server too",
}
ADJACENT = {
    False: "one hospital added or removed",
    True: "a hospital's update, or noise alone in its place",
}
"""By whether hospitals add the noise themselves."""


@dataclass(frozen=True)
class HospitalPrivacy:
    """How a run keeps private what each hospital adds to it.

    Attributes
    ----------
    way
        One of ``WAYS``.
    epsilon
        Budget per hospital, for the whole run; 0: no privacy.
    delta
        See :func:`fedlab_utils.privacy.epsilon_of`; well under one over the number of hospitals.
    bound
        Largest length of one hospital's update; for ``"adaptive"``, that of the first round.
    noise
        Noise multiplier: deviation of the noise on the sum (``"local"``: on one update) over the
        bound; 0: the least with which all rounds fit into the budget.
    quantile, bound_rate
        Of ``"adaptive"``: share of the updates that are to be no longer than the bound, and how
        quickly the bound follows (Andrew et al. 2021, arXiv:1905.03871, its gamma and eta).
    simulated
        Take noise and draws from the run's seed. Nothing is protected then; for lessons and tests.
    members
        Hospitals that agreed to take part, a public number; set when a run begins.

    Raises
    ------
    PrivacyError
        If a value is of another type, or out of range.
    """

    way: str = "server"
    epsilon: float = 0.0
    delta: float = 1e-5
    bound: float = 1.0
    noise: float = 0.0
    quantile: float = 0.5
    bound_rate: float = 0.2
    simulated: bool = False
    members: int = 0

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name, fine, remedy in (
            ("way", self.way in WAYS, f"Choose one of {', '.join(WAYS)}"),
            ("epsilon", self.epsilon >= 0, "Pass a budget above 0, or 0 for no privacy"),
            ("delta", 0 < self.delta < 1, "Pass a number between 0 and 1, such as 1e-5"),
            ("bound", self.bound > 0, "Pass a length above 0"),
            ("noise", self.noise >= 0, "Pass a multiplier above 0, or 0 to have it computed"),
            ("quantile", 0 < self.quantile < 1, "Pass a share between 0 and 1"),
            ("bound_rate", self.bound_rate > 0, "Pass a number above 0"),
            ("members", self.members >= 0, "Pass 0: it is set when a run begins"),
        ):
            if not fine:
                raise PrivacyError(name, f"it is {getattr(self, name)!r}", remedy)
        if not self.on:
            refuse_details(self)

    @property
    def on(self) -> bool:
        """Whether there is a budget."""
        return self.epsilon > 0

    @property
    def local(self) -> bool:
        """Whether hospitals add the noise themselves."""
        return self.way == "local"

    def rate(self, settings: FederationSettings) -> float:
        """Return the probability of a hospital to take part in a round, in the promise's view.

        The server draws each hospital by a coin of its own, and tells nobody. It sees itself whom
        it drew; so against the server (``"local"``) a draw hides nothing, and counts as 1. So it
        would for Flower's draws, of a fixed number: the sums for coins do not hold for them.
        """
        return 1.0 if self.local else settings.fraction

    def fitted(self, settings: FederationSettings) -> HospitalPrivacy:
        """Return the plan with the noise of a run, which is refused where the promise would fail.

        Raises
        ------
        PrivacyError
            If an update holds more than the model, a round may come to nothing by who answers, the
            given noise exceeds the budget, or no noise is enough.
        """
        if settings.strategy == "scaffold":
            raise PrivacyError(
                "strategy",
                "SCAFFOLD's hospitals send control variates too, and only the model gets noise",
                "Take another strategy",
            )
        if settings.fewest > 1 and not self.local:
            raise PrivacyError(
                "fewest",
                f"a round of fewer than {settings.fewest} answers changes nothing, and that tells "
                "of who was there",
                "Pass 1: the noise is enough for any number of answers",
            )
        rate = self.rate(settings)
        noise = self.noise or _noise(self.epsilon, self.delta, rate, settings.rounds)
        found = replace(self, noise=noise)
        if found.spent(settings) > self.epsilon:
            raise PrivacyError(
                "noise",
                f"{noise:g} times the bound gives epsilon {found.spent(settings):.3f} in "
                f"{settings.rounds} rounds, and the budget is {self.epsilon:g}",
                "Pass 0 to have it computed, or allow a larger epsilon",
            )
        return found

    def spent(self, settings: FederationSettings, rounds: int | None = None) -> float:
        """Return epsilon per hospital after some rounds, by default all; of a fitted plan."""
        done = settings.rounds if rounds is None else rounds
        return epsilon_of([(self.noise, self.rate(settings), done)], self.delta)

    def shares(self, expected: float) -> tuple[float, float]:
        """Return the noise on the sum of updates and on the count of short ones, ``"adaptive"``.

        Both together spend what ``noise`` alone would on the sum: the count, of halves with a
        sign, moves by 1/2 at most (Andrew et al. 2021, theorem 1). The count gets the paper's
        deviation of a twentieth of the hospitals in a round or, where these are few, what leaves
        15 % more noise on the sum.

        Parameters
        ----------
        expected
            Number of hospitals in a round.

        Returns
        -------
        tuple
            Multiplier of the bound; deviation of the noise on the count.
        """
        if self.way != "adaptive":
            return self.noise, 0.0
        count = max(expected / 20, self.noise)
        return (self.noise**-2 - (2 * count) ** -2) ** -0.5, count

    def check_resume(self, resume: bool) -> None:
        """Refuse to go on with a run that protects.

        Raises
        ------
        PrivacyError
            If it is to be resumed, and is no simulation.
        """
        if self.on and resume and not self.simulated:
            raise PrivacyError(
                "resume",
                "a round that was under way may have shown its model; run again with other noise "
                "it would show more than the budget allows",
                "Begin anew in a new folder, and count both runs",
            )

    def promise(self, settings: FederationSettings) -> dict[str, object]:
        """Return what a run promises each hospital, to stand wherever its epsilon does."""
        fitted = self.fitted(settings)
        return {
            "epsilon": fitted.spent(settings),
            "delta": self.delta,
            "unit": "hospital, with all patients",
            "adjacency": ADJACENT[self.local],
            "view": VIEWS[self.local],
            "not covered": NOT_COVERED,
            **({"simulated": SIMULATED} if self.simulated else {}),
        }

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``, so that a folder remembers it."""
        return {f"{PREFIX}{name}": value for name, value in write_config(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> HospitalPrivacy:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        own = {n.removeprefix(PREFIX): v for n, v in config.items() if n.startswith(PREFIX)}
        return cls(**read_config(cls, own))


_noise = lru_cache(noise_for)
