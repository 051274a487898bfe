"""What strategies share that learn hospitals' sum, and no hospital's numbers."""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.scaffold import CHANGE
from fedlab_utils.federated.strategies import Screened
from fedlab_utils.federated.update_rows import unflattened


class OnlySums(Screened):
    """A strategy that gets one sum in the place of hospitals' answers."""

    def numbers_due(self) -> int:
        """Return how many numbers the strategy behind expects of a hospital."""
        return sum(a.numpy().size for r in super().expected().values() for a in r.values())

    def take(self, total: np.ndarray, nodes: list[int], bound: float) -> None:
        """Hand the strategy behind a sum in the place of answers.

        Parameters
        ----------
        total
            Weighted sum of all numbers, float64 ``(D,)``.
        nodes
            Whose.
        bound
            Largest absolute value of one number.

        Raises
        ------
        PrivacyError
            If the sum is beyond what hospitals may send.
        """
        weight = sum(self.weight(node) for node in nodes)
        if not (np.abs(total) <= weight * bound).all():
            raise PrivacyError(
                "secure aggregation",
                f"the sum is beyond what {len(nodes)} hospitals may send: one sent garbage",
                "Nobody can tell which one; run the round again with fewer hospitals",
            )
        shapes = {n: a.shape for n, a in self.sent.items()}
        changes = {n: a.shape for n, a in super().expected().get(CHANGE, {}).items()}
        moved, change = unflattened(total, shapes, changes)
        self._mean = {
            name: np.asarray(self.sent[name].numpy() + value / weight)
            for name, value in moved.items()
        }
        if change:
            self.move(self.roster.share(nodes[0], self.uniform) / self.weight(nodes[0]), change)

    def average(self, counted: list[int]) -> dict[str, np.ndarray]:  # noqa: ARG002
        """Return the mean that came out of the sum."""
        return self._mean
