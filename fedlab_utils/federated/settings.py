"""How a federation trains: one set of settings, also as the flat ``run_config`` of a Flower app."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace

from fedlab_utils.data.plain_values import kind_of, make_plain, plain, plain_seed
from fedlab_utils.errors import FederationError
from fedlab_utils.federated.combinations import check_combination
from fedlab_utils.federated.methods import methods_of
from fedlab_utils.segmentation.training import OPTIMISERS, OptimiserSettings

SCHEDULES = ("constant", "cosine")
STRATEGIES = ("fedavg", "fedprox", "scaffold", "fedbn", "fedadam", "fedavgm")
USUAL_STEPS = {"fedadam": 0.1}
"""The server's step where it is not 1. Adam's is about that long in every weight; Flower's too."""


@dataclass(frozen=True)
class FederationSettings:
    """What server and hospitals agree on. Numpy's numbers become Python's.

    Attributes
    ----------
    strategy
        One of ``STRATEGIES``. ``"fedbn"`` is FedAvg whose normalisation layers stay at home (Li et
        al. 2021, FedBN, arXiv:2102.07623).
    rounds
        Of training.
    local_steps
        Optimiser steps that a hospital takes in a round.
    optimiser, learning_rate, weight_decay, momentum
        Of the hospitals, see :class:`fedlab_utils.segmentation.OptimiserSettings`.
    schedule
        Of the learning rate: ``"constant"``, or ``"cosine"``, which lowers it from round to round,
        to nothing after the last one (Loshchilov and Hutter 2017, SGDR, arXiv:1608.03983).
    keep_optimiser
        Whether a hospital's optimiser remembers its moments from round to round.
    mu
        FedProx's pull.
    option
        SCAFFOLD's control variates: 1, a gradient at the server's weights; 2, what was walked.
    uniform
        SCAFFOLD: whether hospitals count equally, or by patients.
    server_rate, server_momentum
        The server's step (SCAFFOLD, FedAvgM, FedAdam, where it is called eta), by default the
        strategy's usual one, see :attr:`server_step`; and its momentum (FedAvgM).
    personal
        What never leaves a hospital, beside what the strategy keeps there: beginnings of
        parameters' names, separated by commas; ``"norm"`` for all normalisation layers.
    tune_steps
        Steps that each hospital goes on alone after the last round, on the best round's model. It
        is judged before and after; where its own validation patients do not gain, it goes back.
    tune_rate
        Learning rate of these steps, as a multiple of the one at the start.
    fraction
        Share of the hospitals that train in a round.
    fewest
        Valid answers that a round needs to count; no more than there are hospitals.
    timeout
        Seconds that the server waits for answers; 0: as long as it takes.
    evaluate_every
        Rounds between two looks at the validation patients; the last one is always looked at.
        Where that is out of turn, the run cannot be resumed with another number of rounds.
    seed
        Decides weights, draws of hospitals, patients' slices and augmentation; 0 to 2**63 - 1.

    Raises
    ------
    FederationError
        If a value is of another type, is out of range, or does not go with the strategy.
    """

    strategy: str = "fedavg"
    rounds: int = 10
    local_steps: int = 10
    optimiser: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    momentum: float = 0.0
    schedule: str = "constant"
    keep_optimiser: bool = False
    mu: float = 0.01
    option: int = 2
    uniform: bool = False
    server_rate: float | None = None
    server_momentum: float = 0.9
    personal: str = ""
    tune_steps: int = 0
    tune_rate: float = 1.0
    fraction: float = 1.0
    fewest: int = 1
    timeout: float = 0.0
    evaluate_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        make_plain(self, FederationError)
        plain_seed(self.seed, FederationError)
        known, tuned = ", ".join(STRATEGIES), self.tune_rate * self.learning_rate
        positive = ("rounds", "local_steps", "fewest", "evaluate_every")
        checks = {
            "strategy": (self.strategy in STRATEGIES, f"Choose one of {known}"),
            "optimiser": (self.optimiser in OPTIMISERS, f"Choose one of {', '.join(OPTIMISERS)}"),
            "schedule": (self.schedule in SCHEDULES, f"Choose one of {', '.join(SCHEDULES)}"),
            "option": (self.option in (1, 2), "Take SCAFFOLD's option 1 or 2"),
            "fraction": (0 < self.fraction <= 1, "Pass a share above 0, up to 1"),
            "mu": (self.mu >= 0, "Pass a number of 0 or more"),
            "learning_rate": (self.learning_rate > 0, "Pass a number above 0"),
            "server_rate": (self.server_step > 0, "Pass a number above 0"),
            "server_momentum": (0 <= self.server_momentum < 1, "Pass a number from 0 to below 1"),
            "timeout": (self.timeout >= 0, "Pass seconds, or 0 to wait"),
            "tune_rate": (0 < tuned < float("inf"), "Pass a number above 0, and no huge one"),
            "tune_steps": (self.tune_steps >= 0, "Pass 0 or more"),
            **{name: (getattr(self, name) >= 1, "Pass 1 or more") for name in positive},
        }
        for name, (fine, remedy) in checks.items():
            if not fine:
                raise FederationError(name, f"it is {getattr(self, name)!r}", remedy)
        check_combination(methods_of(self))
        self.local_optimiser()

    @property
    def server_step(self) -> float:
        """The server's step: as it was set, or else the strategy's usual one."""
        usual = USUAL_STEPS.get(self.strategy, 1.0)
        return usual if self.server_rate is None else self.server_rate

    def check_hospitals(self, count: int) -> None:
        """Check that a round can count.

        Raises
        ------
        FederationError
            If ``fewest`` is larger than the number of hospitals: no round would ever change the
            model.
        """
        if self.fewest > count:
            cause = f"it is {self.fewest}, and there are {count} hospitals"
            raise FederationError("fewest", cause, f"Pass 1 to {count}")

    def local_optimiser(self, server_round: int = 1) -> OptimiserSettings:
        """Return how a hospital's weights follow the gradient in a round, the first being 1."""
        rate = self.learning_rate
        if self.schedule == "cosine":
            rate *= (1 + math.cos(math.pi * (server_round - 1) / self.rounds)) / 2
        return OptimiserSettings(self.optimiser, rate, self.weight_decay, self.momentum)

    def tuning_optimiser(self) -> OptimiserSettings:
        """Return the same for the steps that a hospital goes on alone."""
        return replace(self.local_optimiser(), learning_rate=self.tune_rate * self.learning_rate)

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the settings as Flower's ``run_config``: flat, words joined by hyphens.

        The server's step is written as a number, so that a run says which it had.
        """
        return write_config(replace(self, server_rate=self.server_step))

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> FederationSettings:
        """Take the settings from a ``run_config`` that may hold more; what is absent is default.

        Raises
        ------
        FederationError
            If a value has another type than the setting.
        """
        return cls(**read_config(cls, config))


def write_config(settings: object) -> dict[str, str | int | float | bool]:
    """Return a dataclass of plain values as part of a ``run_config``, words joined by hyphens."""
    return {name.replace("_", "-"): value for name, value in asdict(settings).items()}


def read_config(cls: type, config: Mapping[str, object]) -> dict[str, object]:
    """Return those values of a ``run_config`` that are fields of a dataclass, checked by type."""
    found = {}
    for field in fields(cls):
        name = field.name.replace("_", "-")
        if name in config:
            found[field.name] = plain(name, config[name], kind_of(field), FederationError)
    return found
