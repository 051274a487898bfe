"""SCAFFOLD as a Flower strategy; Flower has none.

Karimireddy et al. 2020, SCAFFOLD: stochastic controlled averaging for federated learning, ICML,
arXiv:1910.06378, algorithm 1. What a hospital does is the correction
:class:`fedlab_utils.federated.corrections.ControlVariates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import Grid

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.records import Array, to_arrays, to_record
from fedlab_utils.federated.strategies import ARRAYS, Screened

VARIATE = "variate"
"""Record of the server's control variate, in a training message."""

CHANGE = "variate-change"
"""Record of what a hospital's control variate changed by, in its answer."""

WHOLE = "whole"
"""Key of what the strategy remembers: of how many patients, or hospitals, shares were made."""

ACCEPTED = "accepted-round"
"""Key of a training message's config: the last round in which this hospital's answer counted."""


class Scaffold(Screened):
    """SCAFFOLD's server: averages models, and control variates beside them.

    With ``p_i`` hospital ``i``'s share of all members' patients, and ``S`` those who answered::

        x <- x + eta * sum_S p_i (y_i - x) / sum_S p_i
        c <- c + sum_S p_i (c_i' - c_i)

    where ``x`` are the trained parameters; buffers are averaged. So ``c`` stays
    ``sum_i p_i c_i`` over all members. A hospital that joins later has ``c_i = 0`` and makes the
    others' shares smaller, and ``c`` with them; one that leaves for good leaves its last ``c_i`` in
    ``c``, and the others go on walking on its behalf. With ``uniform`` every ``p_i`` is ``1 / N``,
    and both lines are those of the paper.

    A hospital cannot know whether its answer counted. So each message tells it the last round in
    which one did, and only then does the hospital take ``c_i'`` for its own.

    Parameters
    ----------
    server_rate
        ``eta``, the server's step; 1 takes the average itself.
    uniform
        Whether hospitals count equally, as in the paper, or by patients.
    **settings
        As Flower's FedAvg.

    Raises
    ------
    FederationError
        If the server's step is not above 0.
    """

    def __init__(self, server_rate: float = 1.0, uniform: bool = False, **settings: object) -> None:
        super().__init__(**settings)
        if not 0 < server_rate < float("inf"):
            raise FederationError(
                "Scaffold", f"server_rate is {server_rate}", "Pass a number above 0"
            )
        self.server_rate, self.uniform = server_rate, uniform
        self.variate: dict[str, np.ndarray] = {}
        self.accepted: dict[int, int] = {}
        self.whole = 0

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Set the control variate to zero.

        Parameters
        ----------
        trained
            Names of the parameters that are trained: buffers have no gradient to correct.
        arrays
            The model's arrays.
        """
        super().begin(trained, arrays)
        self.variate = {name: np.zeros_like(arrays[name].numpy()) for name in trained}
        self.accepted, self.whole = {}, 0

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Tell each hospital the last round in which its answer counted, 0 if none did."""
        whole = self.roster.whole(self.uniform)
        if whole != self.whole:
            self.variate = {n: value * (self.whole / whole) for n, value in self.variate.items()}
            self.whole = whole
        messages = list(super().configure_train(server_round, arrays, config, grid))
        for message in messages:
            partition = self.roster.members[message.metadata.dst_node_id].partition
            own = ConfigRecord({**config, ACCEPTED: self.accepted.get(partition, 0)})
            message.content = RecordDict({**message.content, "config": own})
        return messages

    def content(self, arrays: ArrayRecord, config: ConfigRecord) -> RecordDict:
        """Send the control variate beside the model."""
        self._record = to_record(self.variate)
        return RecordDict({ARRAYS: arrays, VARIATE: self._record, "config": config})

    def expected(self) -> dict[str, ArrayRecord]:
        """Two records: the hospital's model, and its control variate's change."""
        return {ARRAYS: self.sent, CHANGE: self._record}

    def weight(self, node: int) -> int:
        """Return how much a hospital's model counts in the average."""
        return 1 if self.uniform else super().weight(node)

    def begin_sum(self) -> None:
        """Get ready for a round's answers."""
        super().begin_sum()
        self._moved = {name: np.zeros_like(value) for name, value in self.variate.items()}

    def add(self, node: int, content: RecordDict) -> None:
        """Add a hospital's model, and what its control variate changed by."""
        super().add(node, content)
        self.move(self.roster.share(node, self.uniform), to_arrays(content[CHANGE]))

    def move(self, share: float, changes: Mapping[str, np.ndarray]) -> None:
        """Note by how much the control variate moves: a share of changes, by name."""
        for name, moved in self._moved.items():
            moved += share * changes[name]

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:
        """Average the models, step, and move the control variate."""
        average = super().combine(server_round, counted)
        self.variate = {name: value + self._moved[name] for name, value in self.variate.items()}
        for node in counted:
            self.accepted[self.roster.members[node].partition] = server_round
        if self.server_rate == 1:
            return average
        for name in self.variate:  # buffers stay the average: a step could make a variance negative
            start = self.sent[name].numpy()
            average[name] = Array(start + self.server_rate * (average[name].numpy() - start))
        return average

    def state(self) -> dict[str, np.ndarray]:
        """Return the control variate, its whole, and by partition whose answers counted when."""
        # Partitions, not nodes: a resumed run gives hospitals other nodes.
        rounds = np.array(sorted(self.accepted.items()), np.int64).reshape(-1, 2)
        about = {ACCEPTED: rounds, WHOLE: np.array(self.whole, np.int64)}
        return about | {f"{VARIATE}/{n}": v for n, v in self.variate.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave.

        Raises
        ------
        FederationError
            If it is not that of this model.
        """
        due = {f"{VARIATE}/{name}": value.shape for name, value in self.variate.items()}
        about = {ACCEPTED, WHOLE}
        found = {name: value.shape for name, value in state.items() if name not in about}
        missing = sorted(about - set(state))
        if found != due or missing:
            wrong = sorted(n for n in due.keys() | found.keys() if due.get(n) != found.get(n))
            raise FederationError(
                "Scaffold",
                f"what it remembers does not fit the model: {(wrong or missing)[0]}",
                "Start the run again in a new folder",
            )
        self.variate = {name: state[f"{VARIATE}/{name}"] for name in self.variate}
        self.accepted = {int(partition): int(last) for partition, last in state[ACCEPTED]}
        self.whole = int(state[WHOLE])
