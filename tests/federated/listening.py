"""A grid in this process that notes what travels, and lets a test meddle with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from flwr.app import Context, Message, MessageType, RecordDict

from fedlab_utils.federated import (
    CompressionPlan,
    Federation,
    FederationSettings,
    InProcessGrid,
    make_client_app,
    make_server_app,
)
from fedlab_utils.federated.client import OUT
from fedlab_utils.federated.engine_inprocess import RUN_ID, SERVER_NODE, running
from fedlab_utils.federated.rounds import RESUME
from fedlab_utils.federated.task import Task
from fedlab_utils.federated.traffic import message_bytes


@dataclass
class Line:
    """One message to a hospital and its answer."""

    kind: str
    round: int
    hospital: int
    about: dict
    records: set[str]
    sent: int
    received: int = 0
    answered: bool = False


@dataclass
class Listening:
    """What was said, in the order in which hospitals were asked."""

    lines: list[Line] = field(default_factory=list)

    def of(self, hospital: int, kind: str = MessageType.TRAIN) -> list[Line]:
        return [line for line in self.lines if (line.hospital, line.kind) == (hospital, kind)]


def listen(
    task: Task,
    settings: FederationSettings,
    plan: CompressionPlan,
    out: Path | None = None,
    absent: Callable[[int], set[int]] = lambda _: set(),
    meddle: Callable[[Line, Message, Context], Message] = lambda _line, reply, _context: reply,
) -> tuple[Federation, Listening]:
    """Run a federation.

    ``absent`` says which hospitals are away in a round, and ``meddle`` may change an answer, or
    what the hospital remembers.
    """
    heard, ended = Listening(), []

    class Grid(InProcessGrid):
        def _answer(self, message: Message) -> Message | None:
            content, kind = message.content, message.metadata.message_type
            if kind == MessageType.QUERY:
                return super()._answer(message)
            line = Line(
                kind,
                int(content["config"]["server-round"]),
                message.metadata.dst_node_id - SERVER_NODE - 1,
                dict(content.get("compression") or {}),
                set(content),
                message_bytes(content),
            )
            heard.lines.append(line)
            reply = super()._answer(message)
            reply = meddle(line, reply, self.contexts[message.metadata.dst_node_id])
            line.answered = reply.has_content()
            line.received = message_bytes(reply.content) if line.answered else 0
            return reply

    hospitals = len(task.hospitals)
    config = settings.to_config() | plan.to_config() | {OUT: str(out or ""), RESUME: False}
    grid = Grid(make_client_app(lambda _: task), hospitals, config)

    def leave(server_round: int) -> None:
        grid.absent = {SERVER_NODE + 1 + number for number in absent(server_round)}

    server = make_server_app(
        lambda _: task, on_round=lambda report: leave(report.round + 1), on_end=ended.append
    )
    leave(1)
    with running():
        server(grid, Context(RUN_ID, SERVER_NODE, {}, RecordDict(), dict(config)))
    return ended[0], heard
