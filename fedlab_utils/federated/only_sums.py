"""What strategies share that learn hospitals' sum, and no hospital's numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.scaffold import CHANGE
from fedlab_utils.federated.screening import in_short
from fedlab_utils.federated.strategies import Screened
from fedlab_utils.federated.update_rows import unflattened


class OnlySums(Screened):
    """A strategy that gets one sum in the place of hospitals' answers."""

    def numbers_due(self) -> int:
        """Return how many numbers the strategy behind expects of a hospital."""
        return sum(a.numpy().size for r in super().expected().values() for a in r.values())

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Learn the sum; a round in which that fails changes nothing.

        ``_early`` holds, by name, who was left out apart from the screening of answers, and why.
        """
        try:
            found = super().aggregate_train(server_round, replies)
        except PrivacyError as error:
            found = None, None
            self._early["server"] = in_short(str(error))
        for name in self._early:
            self.trained.metrics.pop(name, None)
        self.trained.left_out |= self._early
        return found

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
