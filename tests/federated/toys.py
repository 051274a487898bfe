"""Hospitals whose common optimum is known: each loss is a bowl."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn


class Point(nn.Module):
    """A model that answers with its only parameter."""

    def __init__(self, at: torch.Tensor) -> None:
        super().__init__()
        self.at = nn.Parameter(at.clone())

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.at


@dataclass
class Bowl:
    """A hospital whose loss is ``(x - b)' A (x - b) / 2``."""

    curvature: torch.Tensor
    bottom: torch.Tensor

    def loss(self, at: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        off = at - self.bottom
        return (off @ self.curvature @ off / 2).reshape(1)

    def slope(self, at: torch.Tensor) -> torch.Tensor:
        return self.curvature @ (at - self.bottom)


def bowls(count: int = 4, dimensions: int = 3, seed: int = 0) -> list[Bowl]:
    """Hospitals with different Hessians and different optima."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        turn = np.linalg.qr(rng.normal(size=(dimensions, dimensions)))[0]
        curvature = turn @ np.diag(rng.uniform(0.5, 2.5, dimensions)) @ turn.T
        found.append(Bowl(torch.tensor(curvature), torch.tensor(rng.normal(0, 2, dimensions))))
    return found


def optimum(of: list[Bowl], weights: np.ndarray) -> torch.Tensor:
    """Where the weighted sum of all hospitals' losses is least."""
    total = sum(w * b.curvature for w, b in zip(weights, of, strict=True))
    pull = sum(w * b.curvature @ b.bottom for w, b in zip(weights, of, strict=True))
    return torch.linalg.solve(total, pull)


@dataclass
class BowlTask:
    """A federation's task whose batches carry the hospital's bowl."""

    bowls: list[Bowl] = field(default_factory=bowls)
    counts: tuple[int, ...] = (1, 2, 3, 4)
    noise: float = 0.0

    def __post_init__(self) -> None:
        self._network = Point(torch.zeros(3, dtype=torch.float64))

    @property
    def hospitals(self) -> list[str]:
        return [f"H{n}" for n in range(len(self.bowls))]

    @property
    def shares(self) -> np.ndarray:
        return np.array(self.counts) / sum(self.counts)

    @staticmethod
    def loss(at: torch.Tensor, curvature: torch.Tensor, bottom: torch.Tensor) -> torch.Tensor:
        return Bowl(curvature, bottom).loss(at)

    def network(self) -> nn.Module:
        return self._network

    def initial(self) -> dict[str, torch.Tensor]:
        return {"at": torch.zeros(3, dtype=torch.float64)}

    def patients(self, hospital: int) -> int:
        return self.counts[hospital]

    def batches(self, hospital: int, server_round: int, steps: int) -> Iterator[dict]:
        bowl = self.bowls[hospital]
        rng = np.random.default_rng((hospital, server_round))
        for _ in range(steps):
            shift = torch.tensor(rng.normal(0, self.noise, 3) if self.noise else np.zeros(3))
            yield {
                "image": torch.zeros(1),
                "target": bowl.curvature,
                "patient": bowl.bottom + shift,
            }

    def evaluate(self, network: nn.Module, hospital: int, part: str) -> dict:  # noqa: ARG002
        loss = float(self.bowls[hospital].loss(network.at.detach()))
        return {"num-examples": self.counts[hospital], "score": -loss}
