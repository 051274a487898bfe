"""Hospitals whose common optimum is known, drawn at random: each loss is a bowl."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from fedlab_utils.federated.quadratics import Point, QuadraticTask
from fedlab_utils.federated.quadratics import Quadratic as Bowl

__all__ = ["Bowl", "BowlTask", "Point", "bowls", "optimum"]


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
    """Where the weighted sum of all hospitals' losses is least; written apart from the package."""
    total = sum(w * b.curvature for w, b in zip(weights, of, strict=True))
    pull = sum(w * b.curvature @ b.bottom for w, b in zip(weights, of, strict=True))
    return torch.linalg.solve(total, pull)


class BowlTask(QuadraticTask):
    """A federation of four bowls, with 1, 2, 3 and 4 patients."""

    def __init__(
        self,
        of: list[Bowl] | None = None,
        counts: Sequence[int] = (1, 2, 3, 4),
        noise: float = 0.0,
    ) -> None:
        super().__init__(bowls() if of is None else of, tuple(counts), noise)

    @property
    def bowls(self) -> list[Bowl]:
        return self.quadratics

    @property
    def hospitals(self) -> list[str]:
        return [f"H{n}" for n in range(len(self.quadratics))]
