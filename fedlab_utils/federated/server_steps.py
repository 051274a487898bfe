"""Strategies whose server takes the average as a direction, and steps along it: FedAdam, FedAvgM.

A step may lead beyond every hospital's answer. A running variance must not go there: it would be
negative, and a network that divides by its root gives NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid, strategy

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.strategies import Screened


class Stepping(Screened):
    """What is common to them: the server steps on trained parameters, and buffers are averaged.

    It stands before Flower's strategy, which sees the parameters alone.
    """

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Note which arrays are parameters; the others are buffers."""
        super().begin(trained, arrays)
        names = set(trained)
        self.parameters = [name for name in arrays if name in names]

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to hospitals, and remember from where the server steps, as a resumed run must."""
        messages = super().configure_train(server_round, arrays, config, grid)
        self.current_arrays = self.start(ArrayRecord({n: arrays[n] for n in self.parameters}))
        return messages

    def start(self, arrays: ArrayRecord) -> object:
        """Return the parameters from which the server steps, as Flower's strategy keeps them."""
        return arrays

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:
        """Average the answers; keep the buffers from what Flower's strategy does next."""
        self._average = super().combine(server_round, counted)
        return ArrayRecord({name: self._average[name] for name in self.parameters})

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Let Flower's strategy step; the buffers are the average's."""
        stepped, metrics = super().aggregate_train(server_round, replies)
        if stepped is not None:
            found = {**self._average, **stepped}
            stepped = ArrayRecord({name: found[name] for name in self.sent})
        self._average = None  # or a model would be held until the next round
        return stepped, metrics


class FedAdam(Stepping, strategy.FedAdam, Screened):
    """FedAdam (Reddi et al. 2021, arXiv:2003.00295): the server steps as Adam along the average.

    Flower corrects the step for moments that begin at zero, as Adam does and the paper does not: a
    step is 0.74 times the paper's in round 1, 0.47 times in round 10, and the paper's in the end.
    """

    def start(self, arrays: ArrayRecord) -> dict[str, np.ndarray]:
        """Return the parameters by name."""
        return {name: array.numpy() for name, array in arrays.items()}

    def state(self) -> dict[str, np.ndarray]:
        """Return both moments."""
        moments = {"m": self.m_t or {}, "v": self.v_t or {}}
        return {f"{k}/{n}": v for k, part in moments.items() for n, v in part.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up both moments.

        Raises
        ------
        FederationError
            If they are not those of this model's parameters.
        """
        self.m_t, self.v_t = (
            {n[2:]: value for n, value in state.items() if n.startswith(f"{k}/")} or None
            for k in "mv"
        )
        for moments in (self.m_t, self.v_t):
            if moments is not None and set(moments) != set(self.parameters):
                raise _unfit("FedAdam", len(moments), len(self.parameters))


class FedAvgM(Stepping, strategy.FedAvgM, Screened):
    """FedAvgM (Hsu et al. 2019, arXiv:1909.06335): the server keeps momentum."""

    def state(self) -> dict[str, np.ndarray]:
        """Return the momentum."""
        return {f"{n:04d}": value for n, value in enumerate(self.momentum_vector or [])}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up the momentum.

        Raises
        ------
        FederationError
            If it is not that of this model's parameters.
        """
        if len(state) not in (0, len(self.parameters)):
            raise _unfit("FedAvgM", len(state), len(self.parameters))
        self.momentum_vector = [state[name] for name in sorted(state)] or None


def _unfit(name: str, found: int, due: int) -> FederationError:
    return FederationError(
        name,
        f"what it remembers is of {found} arrays, and the model has {due} trained ones",
        "Start the run again in a new folder",
    )
