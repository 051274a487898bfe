"""The server's part in a hospital's privacy: a strategy that adds noise to the sum of updates.

It keeps what the proofs ask for. Every hospital counts the same, whatever its patients. Who takes
part is decided by a coin for each, and the sum is divided by the expected number, not by how many
answered. Noise comes from the operating system, and goes on the average before the server steps
along it. Every round gets it, also one in which nobody took part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.differential_privacy import KEY_CLIPPING_NORM

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.hospital_noise import randomness_of, shortened
from fedlab_utils.federated.hospital_privacy import HospitalPrivacy
from fedlab_utils.federated.roster import Roster
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS, Screened

BOUND = "hospital-bound"
"""Name of the moving bound, in what a strategy remembers."""


def hospital_private(
    strategy: Screened, plan: HospitalPrivacy, settings: FederationSettings
) -> Screened:
    """Return a strategy that keeps a run's promise to each hospital.

    Parameters
    ----------
    strategy
        One of the course's; it is changed in place.
    plan, settings
        Of the run.

    Raises
    ------
    PrivacyError
        As of :meth:`HospitalPrivacy.fitted`, if the strategy does not just average, or if the plan
        does not say how many hospitals agreed to take part.
    """
    if plan.members < 1:
        raise PrivacyError(
            "members",
            f"it is {plan.members}: the noise on a mean is for a number of hospitals agreed on "
            "before",
            "Pass how many take part, as federate() and simulate() do",
        )
    kind = type(strategy)
    if kind.add is not Screened.add or kind.average is not Screened.average:
        raise PrivacyError(
            kind.__name__,
            "it does more with each hospital's numbers than to average them",
            "Take one of the course's averages",
        )
    role = NoisyAtHome if plan.local else NoisySum
    strategy.__class__ = type(f"{role.__name__}{kind.__name__}", (role, kind), {})
    strategy.plan, strategy.coin = plan.fitted(settings), plan.rate(settings)
    strategy.bound = plan.bound
    return strategy


class NoBuffers(Screened):
    """What both have in common: no running averages, which noise would turn negative."""

    plan: HospitalPrivacy

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Refuse a model with buffers.

        Raises
        ------
        PrivacyError
            If there is one.
        """
        trained = set(trained)
        super().begin(trained, arrays)
        if other := [name for name in arrays if name not in trained]:
            raise PrivacyError(
                other[0],
                "it is a buffer, such as a running average, which must not be shortened or noisy",
                "Take a network without batch statistics",
            )


class NoisyAtHome(NoBuffers):
    """A strategy whose hospitals add noise themselves; whatever it does with it costs nothing."""

    def join(self, roster: Roster, seed: int = 0, fewest: int = 1, budget: float = 0.0) -> Screened:  # noqa: ARG002
        """Expect of each answer what it has spent, of the plan's budget."""
        return super().join(roster, seed, fewest, self.plan.epsilon)


class NoisySum(NoBuffers):
    """A strategy that gives the noisy mean of shortened updates (McMahan et al. 2018, algorithm 1).

    Attributes
    ----------
    bound
        Largest length of an update in this round.
    """

    coin: float
    bound: float

    def draw(self, present: list[int], server_round: int) -> list[int]:
        """Toss a coin for each hospital that agreed, there or not."""
        self._randomness = randomness_of(self.plan, (self.seed, server_round))
        tossed = self._randomness.uniform(self.plan.members)
        number = {node: self.roster.members[node].partition for node in present}
        agreed = [node for node in present if number[node] < len(tossed)]
        return [node for node in agreed if tossed[number[node]] < self.coin]

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to those who were drawn; tell them the bound where they are to keep it."""
        if self.plan.way == "client":
            config[KEY_CLIPPING_NORM] = self.bound
        return super().configure_train(server_round, arrays, config, grid)

    def enough(self, counted: list[int]) -> bool:  # noqa: ARG002
        """Let each round count: that one did not would tell of who was there."""
        return True

    def begin_sum(self) -> None:
        """Get ready for a round's answers."""
        self._sum = {n: np.zeros(array.shape) for n, array in self.sent.items()}
        self._short = 0.0

    def add(self, node: int, content: RecordDict) -> None:  # noqa: ARG002
        """Add a hospital's update, shortened; every hospital counts the same."""
        moved, length = shortened(content[ARRAYS], self.sent, self.bound)
        for name, value in moved.items():
            self._sum[name] += value
        self._short += 0.5 if length <= self.bound else -0.5

    def average(self, counted: list[int]) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Return the model plus the noisy sum over the expected number of hospitals."""
        expected = self.coin * self.plan.members
        on_sum, on_count = self.plan.shares(expected)
        found = {}
        for name, total in self._sum.items():
            noise = on_sum * self.bound * self._randomness.normal(total.shape)
            found[name] = np.asarray(self.sent[name].numpy() + (total + noise) / expected)
        if self.plan.way == "adaptive":
            short = self._short + on_count * float(self._randomness.normal(()))
            above = short / expected + 0.5 - self.plan.quantile
            self.bound *= exp(-self.plan.bound_rate * above)
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Return what the strategy behind remembers, and the bound."""
        return super().state() | {BOUND: np.array(self.bound)}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave."""
        self.bound = float(state[BOUND])
        super().load_state({name: value for name, value in state.items() if name != BOUND})
