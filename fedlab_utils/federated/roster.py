"""Who takes part: which node is which hospital, and how many patients it trains on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flwr.app import Message, MessageType, RecordDict
from flwr.serverapp import Grid

from fedlab_utils.federated.screening import (
    in_short,
    name_problem,
    partition_problem,
    patients_problem,
    reply_problem,
)


@dataclass(frozen=True)
class Member:
    """A hospital that has told the server who it is.

    Attributes
    ----------
    partition
        Its number, from 0: the order in which everything is added up.
    name
        What it is called.
    patients
        How many it trains on: its weight, for the whole run.
    """

    partition: int
    name: str
    patients: int


class Roster:
    """The members by Flower's node id. A node's id may be any number; a partition's id stays.

    A hospital that starts anew may come back under another node id. It takes its membership over if
    the old node is gone and partition, name and patients are those that enrolled.

    Parameters
    ----------
    known
        Who enrolled before this process began. Nobody else may come in their place.
    """

    def __init__(self, known: Iterable[Member] = ()) -> None:
        self.members: dict[int, Member] = {}
        self.known = {member.partition: member for member in known}
        self.refused: dict[str, str] = {}

    def enrol(self, grid: Grid, timeout: float | None = None) -> None:
        """Ask nodes that are not known yet who they are; note who was refused, and why."""
        present = list(grid.get_node_ids())
        unknown = [node for node in present if node not in self.members]
        self.refused = {}
        if not unknown:
            return
        asked = [Message(RecordDict(), node, MessageType.QUERY) for node in unknown]
        answers = {r.metadata.src_node_id: r for r in grid.send_and_receive(asked, timeout=timeout)}
        for node in unknown:
            problem = self._enrol(node, answers.get(node), set(present))
            if problem:
                self.refused[f"node {node}"] = in_short(problem)

    def _enrol(self, node: int, answer: Message | None, present: set[int]) -> str | None:
        if problem := reply_problem(answer):
            return problem
        try:
            about, counts = answer.content["hospital"], answer.content["counts"]
            partition, name = about["partition-id"], about["name"]
            patients = counts["num-examples"]
        except (KeyError, TypeError):
            return "it did not say who it is"
        problem = partition_problem(partition) or name_problem(name) or patients_problem(patients)
        if problem:
            return problem
        claimed = Member(partition, name, int(patients))
        for other, member in self.members.items():
            if other in present and (member.partition == partition or member.name == name):
                told = f"hospital {partition}" if member.partition == partition else name
                return f"it says that it is {told}, which another node is"
        for member in self.known.values():
            if member != claimed and (member.partition == partition or member.name == name):
                return f"it says that it is {claimed}, and {member} enrolled before"
        # It may be back under another node id.
        self.members = {n: m for n, m in self.members.items() if m != claimed} | {node: claimed}
        self.known[partition] = claimed
        return None

    def present(self, grid: Grid) -> list[int]:
        """Return the members' nodes that are there now, by partition."""
        there = set(grid.get_node_ids())
        return self.in_order(node for node in self.members if node in there)

    def in_order(self, nodes: Iterable[int]) -> list[int]:
        """Return nodes by partition: sums of floating-point numbers depend on their order."""
        return sorted(nodes, key=lambda node: self.members[node].partition)

    def share(self, node: int, uniform: bool = False) -> float:
        """Return a member's share of the patients of all who ever enrolled, or of the hospitals."""
        return (1 if uniform else self.members[node].patients) / self.whole(uniform)

    def whole(self, uniform: bool = False) -> int:
        """Return how many patients all who ever enrolled have, or how many hospitals they are."""
        return sum(1 if uniform else member.patients for member in self.known.values())
