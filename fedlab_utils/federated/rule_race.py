"""Robust rules beside Flower's own strategies: the same answers, as they come over a wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import strategy

from fedlab_utils.federated.engine_inprocess import running
from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.robust_strategy import robust
from fedlab_utils.federated.roster import Member, Roster
from fedlab_utils.federated.screening import METRICS
from fedlab_utils.federated.strategies import ARRAYS, FedAvg

Combining = Callable[[list[Message]], dict[str, np.ndarray]]
"""Answers -> the new model's arrays by name."""

FIRST_NODE = 2
PATIENTS = 10


class RuleRace:
    """Answers of one round that both sides combine, time and again.

    Parameters
    ----------
    hospitals, hostile
        How many answer, and how many of these may be hostile.
    shapes
        Of the model's arrays.
    seed
        Decides models.
    """

    def __init__(
        self, hospitals: int, hostile: int, shapes: Sequence[tuple[int, ...]], seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.hospitals, self.hostile = hospitals, hostile
        self.sent = {
            f"layer{number}": np.asarray(rng.normal(size=shape), np.float32)
            for number, shape in enumerate(shapes)
        }
        with running():
            self._answers = [self._answer(node, rng) for node in self._nodes()]

    def answers(self) -> list[Message]:
        """Return answers that may be taken apart, as Flower's median does; bytes are shared."""
        with running():
            return [self._copy(answer) for answer in self._answers]

    def server(self, rule: str) -> Combining:
        """Return what screens answers and combines them by a rule, in a server's strategy."""
        found = robust(FedAvg(), RobustPlan(rule, self.hostile))
        roster = Roster()
        roster.members = {
            node: Member(number, f"H{number}", PATIENTS)
            for number, node in enumerate(self._nodes())
        }
        found.join(roster)
        found.asked, found.sent = list(self._nodes()), to_record(self.sent)
        found.begin(self.sent, found.sent)
        return self._combining(found)

    def flowers(self, rule: str) -> Combining:
        """Return what combines them by Flower's strategy of that name."""
        of_rule = {
            "median": strategy.FedMedian,
            "krum": lambda: strategy.Krum(num_malicious_nodes=self.hostile),
            "multi-krum": lambda: strategy.MultiKrum(
                num_malicious_nodes=self.hostile,
                num_nodes_to_select=self.hospitals - self.hostile - 2,
            ),
        }
        return self._combining(of_rule[rule]())

    @staticmethod
    def _combining(of: strategy.FedAvg) -> Combining:
        def combine(answers: list[Message]) -> dict[str, np.ndarray]:
            with running():
                arrays, _ = of.aggregate_train(1, answers)
            return {name: array.numpy() for name, array in arrays.items()}

        return combine

    def _nodes(self) -> range:
        return range(FIRST_NODE, FIRST_NODE + self.hospitals)

    def _answer(self, node: int, rng: np.random.Generator) -> Message:
        moved = {
            name: value + rng.normal(0, 0.01, value.shape) for name, value in self.sent.items()
        }
        model = {name: Array(np.asarray(value, np.float32)) for name, value in moved.items()}
        figures = MetricRecord({"num-examples": PATIENTS, "loss": 0.5})
        content = RecordDict({ARRAYS: ArrayRecord(model), METRICS: figures})
        return Message(content, reply_to=Message(RecordDict(), node, MessageType.TRAIN))

    @staticmethod
    def _copy(answer: Message) -> Message:
        model, figures = answer.content[ARRAYS], answer.content[METRICS]
        content = RecordDict({ARRAYS: ArrayRecord(dict(model)), METRICS: figures})
        return Message(content, metadata=answer.metadata)
