"""Hospitals whose common optimum is known: every loss is a bowl, and FedAvg's end an equation.

A hospital's loss is ``(x - b)' A (x - b) / 2``: it is happiest at ``b``, and ``A`` says how much it
minds each direction. On such hospitals one can see what federated averaging does, and calculate
where it ends; :func:`walk` takes the same steps as a federation of networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.corrections import ControlVariates, Proximal
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.segmentation.training import Correction, Update, local_update, make_optimiser

WALKS = ("fedavg", "fedprox", "scaffold")
"""Strategies that :func:`walk` knows."""


class Point(nn.Module):
    """A model that answers with its only parameter, a point."""

    def __init__(self, at: torch.Tensor) -> None:
        super().__init__()
        self.at = nn.Parameter(at.clone())

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        """Return the point, whatever the image."""
        return self.at


@dataclass(frozen=True)
class Quadratic:
    """A hospital whose loss is a bowl.

    Attributes
    ----------
    curvature
        ``A``, symmetric and positive definite, float64 ``(D, D)``.
    bottom
        ``b``, its own optimum, float64 ``(D,)``.
    """

    curvature: torch.Tensor
    bottom: torch.Tensor

    def loss(self, at: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        """Return the loss at a point, ``(1,)``."""
        off = at - self.bottom
        return (off @ self.curvature @ off / 2).reshape(1)

    def slope(self, at: torch.Tensor) -> torch.Tensor:
        """Return the gradient at a point, ``(D,)``."""
        return self.curvature @ (at - self.bottom)


@dataclass
class QuadraticTask:
    """Such hospitals as a :class:`fedlab_utils.federated.task.Task`, which starts at the origin.

    Attributes
    ----------
    quadratics
        By partition.
    counts
        Patients of each hospital: its weight in the average.
    noise
        Standard deviation by which each step's batch moves the bottom.
    """

    quadratics: Sequence[Quadratic]
    counts: Sequence[int]
    noise: float = 0.0
    _network: Point = field(init=False, repr=False)

    precision = "fp32"

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.quadratics):
            raise FederationError(
                "QuadraticTask",
                f"there are {len(self.quadratics)} hospitals and {len(self.counts)} counts",
                "Give each hospital its number of patients",
            )
        self._network = Point(self.initial()["at"])

    @property
    def hospitals(self) -> list[str]:
        """Names by partition."""
        return [f"H{number}" for number in range(1, len(self.quadratics) + 1)]

    @property
    def shares(self) -> np.ndarray:
        """Each hospital's share of all patients."""
        return np.array(self.counts) / sum(self.counts)

    @staticmethod
    def loss(at: torch.Tensor, curvature: torch.Tensor, bottom: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch, which carries its hospital's bowl."""
        return Quadratic(curvature, bottom).loss(at)

    def network(self) -> nn.Module:
        """Return the one point of this process."""
        return self._network

    def initial(self) -> dict[str, torch.Tensor]:
        """Return the origin."""
        return {"at": torch.zeros(len(self.quadratics[0].bottom), dtype=torch.float64)}

    def patients(self, hospital: int) -> int:
        """Return how many patients a hospital counts for."""
        return self.counts[hospital]

    def batches(
        self, hospital: int, server_round: int, steps: int
    ) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the hospital's bowl, step after step."""
        bowl, rng = self.quadratics[hospital], np.random.default_rng((hospital, server_round))
        for _ in range(steps):
            shift = rng.normal(0, self.noise, len(bowl.bottom)) if self.noise else 0.0
            moved = bowl.bottom + torch.as_tensor(shift)
            yield {"image": torch.zeros(1), "target": bowl.curvature, "patient": moved}

    def evaluate(self, network: Point, hospital: int, part: str) -> dict[str, float]:  # noqa: ARG002
        """Return minus the hospital's loss as the score."""
        loss = float(self.quadratics[hospital].loss(network.at.detach()))
        return {"num-examples": self.counts[hospital], "score": -loss}


def optimum(of: Sequence[Quadratic], shares: Sequence[float]) -> torch.Tensor:
    """Return where the weighted sum of all hospitals' losses is least, ``(D,)``."""
    return fixed_point(of, shares, steps=1, learning_rate=1.0)


def fixed_point(
    of: Sequence[Quadratic],
    shares: Sequence[float],
    steps: int,
    learning_rate: float,
    mu: float = 0.0,
) -> torch.Tensor:
    """Return where FedAvg, or FedProx, comes to rest: a model that a round gives back unchanged.

    A step of plain SGD is ``y <- y - eta (A (y - b) + mu (y - x))``. So ``K`` of them, from the
    round's start ``x``, walk ``-eta S A (x - b)`` with ``S`` the sum of the first ``K`` powers of
    ``1 - eta (A + mu)``, and the average stands still where the weighted sum of these is zero::

        sum_i p_i S_i A_i (x - b_i) = 0

    One step has ``S = 1``: that is the optimum. With more steps each ``A`` is replaced by
    ``S A``, which is another weighting of the hospitals' wishes.

    Parameters
    ----------
    of, shares
        Hospitals and their weights ``p``.
    steps
        ``K``, local steps in a round.
    learning_rate
        ``eta``.
    mu
        FedProx's pull; 0: FedAvg.
    """
    left, right = 0.0, 0.0
    for bowl, share in zip(of, shares, strict=True):
        one = torch.eye(len(bowl.bottom), dtype=torch.float64)
        step = one - learning_rate * (bowl.curvature + mu * one)
        powers = sum(torch.linalg.matrix_power(step, k) for k in range(steps))
        pull = share * powers @ bowl.curvature
        left, right = left + pull, right + pull @ bowl.bottom
    return torch.linalg.solve(left, right)


@dataclass(frozen=True, eq=False)
class Walk:
    """Where a federation of bowls was.

    Attributes
    ----------
    averages
        The server's point before the first round and after each one, ``(rounds + 1, D)``.
    paths
        Every hospital's points in every round, ``(rounds, hospitals, local steps + 1, D)``.
    """

    averages: np.ndarray
    paths: np.ndarray


class _Trace(Correction):
    """Remembers where the model is before each step and after the last."""

    def begin(self, model: nn.Module) -> None:  # noqa: ARG002
        self.seen: list[np.ndarray] = []

    def gradient(self, model: nn.Module) -> None:
        self.seen.append(model.at.detach().numpy().copy())

    def end(self, model: nn.Module, update: Update) -> None:  # noqa: ARG002
        self.gradient(model)


def walk(task: QuadraticTask, settings: FederationSettings) -> Walk:
    """Train as :func:`fedlab_utils.federated.federate` does, and note every local step.

    Parameters
    ----------
    task
        Bowls.
    settings
        With one of the strategies in :data:`WALKS`, all hospitals in each round; SCAFFOLD by option
        II, hospitals weighted by patients, the server's step 1.

    Raises
    ------
    FederationError
        If the strategy is another one.
    """
    if settings.strategy not in WALKS:
        remedy = f"Take {', '.join(WALKS)}, or federate()"
        raise FederationError("walk", f"the strategy is {settings.strategy!r}", remedy)
    at = task.initial()["at"]
    server, own = torch.zeros_like(at), [torch.zeros_like(at) for _ in task.quadratics]
    averages, paths = [at.numpy()], []
    for number in range(1, settings.rounds + 1):
        traces, ends, news = [], [], []
        for hospital, variate in enumerate(own):
            trace, model = _Trace(), Point(at)
            variates = ControlVariates({"at": server}, {"at": variate})
            more = {"fedprox": [Proximal(settings.mu)], "scaffold": [variates]}
            local_update(
                model,
                task.batches(hospital, number, settings.local_steps),
                make_optimiser(model, settings.local_optimiser(number)),
                [trace, *more.get(settings.strategy, [])],
                task.loss,
            )
            traces.append(trace.seen)
            ends.append(model.at.detach())
            news.append(variates.new.get("at", variate))
        at = sum(share * end for share, end in zip(task.shares, ends, strict=True))
        server = server + sum(p * (n - o) for p, n, o in zip(task.shares, news, own, strict=True))
        own = news
        averages.append(at.numpy())
        paths.append(traces)
    return Walk(np.array(averages), np.array(paths))
