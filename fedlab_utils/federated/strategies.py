"""Flower's strategies, with answers screened before they count and hospitals in a fixed order.

:class:`Screened` stands between Flower's FedAvg and the strategies that build on it, so that each
of them averages only what may be averaged. The average has Flower's bits, but is added up while the
answers come: Flower keeps all of them until the last one is there, a hundred models where there are
a hundred hospitals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid, strategy

from fedlab_utils.federated.records import to_record
from fedlab_utils.federated.roster import Roster
from fedlab_utils.federated.screening import METRICS, judgement_problem, train_problem

ARRAYS = "arrays"
"""Name of the record that holds the model, in messages both ways."""


@dataclass
class Answers:
    """Who answered a message, who was left out and why, and what the answers said.

    Attributes
    ----------
    metrics
        Hospital's name -> its figures.
    left_out
        Hospital's name -> why.
    rule
        Hospital's name -> what a robust rule made of its update.
    """

    metrics: dict[str, dict] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    rule: dict[str, dict] = field(default_factory=dict)


class Screened(strategy.FedAvg):
    """Federated averaging (McMahan et al. 2017, arXiv:1602.05629) that believes no bad answer.

    Hospitals are drawn by (seed, round) and added up in the order of their partitions. An answer
    that fails :mod:`fedlab_utils.federated.screening` is left out; with fewer than ``fewest`` valid
    answers the round changes nothing.
    """

    def join(self, roster: Roster, seed: int = 0, fewest: int = 1, budget: float = 0.0) -> Screened:
        """Say who the hospitals are, and their epsilon, 0 for none; before the first round."""
        self.roster, self.seed, self.fewest, self.budget = roster, seed, fewest, budget
        self.asked: list[int] = []
        self.sent: ArrayRecord | None = None
        self.trained, self.evaluated = Answers(), Answers()
        self.part, self.judging = "", {}
        return self

    def identity(self) -> dict[str, str]:
        """Return what tells it from another strategy of a run with the same settings, in words."""
        return {"strategy's class": type(self).__name__}

    timeout: float | None = None
    """Seconds to wait for answers, where a strategy writes to hospitals by itself."""

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Say what a model is made of; after :meth:`join`.

        Parameters
        ----------
        trained
            Names of the parameters that are trained; the others are buffers, such as running
            averages, which no gradient moves.
        arrays
            The model's arrays.
        """

    def content(self, arrays: ArrayRecord, config: ConfigRecord) -> RecordDict:
        """Return what a training message holds."""
        return RecordDict({ARRAYS: arrays, "config": config})

    def expected(self) -> dict[str, ArrayRecord]:
        """Return the records of arrays that an answer to it must hold."""
        return {ARRAYS: self.sent}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Draw hospitals and write to them."""
        self.asked, self.sent = self.draw(self.roster.present(grid), server_round), arrays
        config["server-round"] = server_round
        content = self.content(arrays, config)
        return [Message(content, node, MessageType.TRAIN) for node in self.asked]

    def draw(self, present: list[int], server_round: int) -> list[int]:
        """Return which of the nodes that are there train in a round, by partition as they came."""
        wanted = min(len(present), max(self.fewest, round(self.fraction_train * len(present))))
        rng = np.random.default_rng((self.seed, server_round))
        drawn = rng.choice(len(present), wanted, replace=False) if present else []
        return [present[i] for i in sorted(drawn)]

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to every hospital that is there."""
        self.asked, self.part = self.roster.present(grid), str(config.get("part", ""))
        config["server-round"] = server_round
        content = RecordDict({ARRAYS: arrays, "config": config})
        return [Message(content, node, MessageType.EVALUATE) for node in self.asked]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Average the valid answers, each as it comes; None if there are too few."""
        expected, self.trained = self.expected(), Answers(left_out=dict(self.roster.refused))
        self.begin_sum()
        counted = []
        for node, reply in self._by_partition(replies):
            member = self.roster.members[node]
            if problem := self.problem(node, reply, expected):
                self.trained.left_out[member.name] = problem
                continue
            self.trained.metrics[member.name] = dict(reply.content[METRICS])
            self.add(node, reply.content)
            counted.append(node)
        if not self.enough(counted):
            return None, None
        return self.combine(server_round, counted), MetricRecord()

    def enough(self, counted: list[int]) -> bool:
        """Return whether a round with so many valid answers counts."""
        return len(counted) >= max(1, self.fewest)

    def problem(
        self, node: int, reply: Message | None, expected: Mapping[str, ArrayRecord]
    ) -> str | None:
        """Return why an answer must be left out, or None."""
        return train_problem(reply, expected, self.roster.members[node].patients, self.budget)

    def weight(self, node: int) -> int:
        """Return how much a hospital counts: by its patients."""
        return self.roster.members[node].patients

    def begin_sum(self) -> None:
        """Get ready for a round's answers."""
        self._sum: dict[str, np.ndarray] = {}
        self._asked_weight = sum(self.weight(node) for node in self.asked)

    def add(self, node: int, content: RecordDict) -> None:
        """Add a valid answer, weighted as if all who were asked will answer."""
        share = self.weight(node) / self._asked_weight
        for name, array in content[ARRAYS].items():
            if name in self._sum:
                self._sum[name] += array.numpy() * share
            else:
                self._sum[name] = np.asarray(array.numpy() * share)

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:  # noqa: ARG002
        """Turn what was added up into new arrays, in the order in which they were sent.

        Parameters
        ----------
        server_round
            The round's number, from 1.
        counted
            Nodes whose answers were added, by partition.
        """
        average = self.average(counted)
        return to_record({name: average[name] for name in self.sent})

    def average(self, counted: list[int]) -> dict[str, np.ndarray]:
        """Return the mean of the answers that were added, weighted."""
        if len(counted) == len(self.asked):
            return self._sum
        scale = self._asked_weight / sum(self.weight(node) for node in counted)
        return {name: np.asarray(value * scale) for name, value in self._sum.items()}

    def _by_partition(self, replies: Iterable[Message]) -> Iterator[tuple[int, Message | None]]:
        """Yield who was asked with the answer, or None, by partition and as early as possible.

        Sums of floating-point numbers depend on their order. So an answer waits until those before
        it are there, and where one stays away, until it is known that no more come.
        """
        waiting, due = {}, list(self.asked)
        for reply in replies:
            waiting[reply.metadata.src_node_id] = reply
            del reply  # or it would last until the next one is there
            while due and due[0] in waiting:
                yield due[0], waiting.pop(due.pop(0))
        for node in due:
            yield node, waiting.pop(node, None)

    def aggregate_evaluate(
        self,
        server_round: int,  # noqa: ARG002
        replies: Iterable[Message],
    ) -> MetricRecord | None:
        """Average each figure over patients; None if nobody answered validly.

        How many patients a hospital judges on is its own word, but it may not change from one
        judgement of a part (``validation`` or ``test``) to the next.
        """
        self.evaluated = Answers(left_out=dict(self.roster.refused))
        for node, reply in self._by_partition(replies):
            member = self.roster.members[node]
            before = self.judging.get((member.partition, self.part))
            if problem := judgement_problem(reply, before):
                self.evaluated.left_out[member.name] = problem
            else:
                figures = dict(reply.content[METRICS])
                self.evaluated.metrics[member.name] = figures
                self.judging[member.partition, self.part] = figures["num-examples"]
        found = self.evaluated.metrics
        return MetricRecord(weighted_means(found)) if found else None

    def state(self) -> dict[str, np.ndarray]:
        """Return what the strategy remembers from round to round, arrays by name."""
        return {}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave."""


def weighted_means(metrics: Mapping[str, Mapping]) -> dict[str, float]:
    """Return each figure that all hospitals gave, averaged with their patients as weights.

    Lists are left out: a figure must be one number in every hospital's row.
    """
    rows = list(metrics.values())
    weights = [row["num-examples"] for row in rows]
    return {
        name: float(np.average([row[name] for row in rows], weights=weights))
        for name in rows[0]
        if name != "num-examples"
        and all(name in row and not isinstance(row[name], list) for row in rows)
    }


class FedAvg(Screened):
    """Federated averaging."""


class FedProx(strategy.FedProx, Screened):
    """FedProx (Li et al. 2020, arXiv:1812.06127): the server tells hospitals how strong to pull."""
