"""Engine (a): all hospitals in the notebook's own process, one after the other, without Ray.

Flower's ``Grid`` is what a server writes to and reads from. This one hands each message to the
``ClientApp`` at once, with a context of its own for each hospital, so that the same apps run here
and under ``flwr run``.
"""

from __future__ import annotations

import contextlib
import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.serverapp import Grid, ServerApp
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

RUN_ID = 1
SERVER_NODE = 1


class InProcessGrid(Grid):
    """A grid whose nodes are hospitals in this process.

    Parameters
    ----------
    client_app
        What every hospital runs.
    hospitals
        How many; node ids are their partitions plus 2.
    run_config
        Handed to every hospital's context.

    Attributes
    ----------
    contexts
        Node id -> its context, which lasts as long as the grid.
    absent
        Node ids that are not there at the moment.
    """

    def __init__(
        self, client_app: ClientApp, hospitals: int, run_config: Mapping[str, object] | None = None
    ) -> None:
        self.client_app = client_app
        self.contexts = {
            SERVER_NODE + 1 + number: Context(
                run_id=RUN_ID,
                node_id=SERVER_NODE + 1 + number,
                node_config={"partition-id": number, "num-partitions": hospitals},
                state=RecordDict(),
                run_config=dict(run_config or {}),
            )
            for number in range(hospitals)
        }
        self.absent: set[int] = set()
        self._run = Run.create_empty(RUN_ID)
        self._waiting: dict[str, Message] = {}
        self._count = 0

    def set_run(self, run: Run) -> None:
        """Take a run's description."""
        self._run = run

    @property
    def run(self) -> Run:
        """Description of the run."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Return a message to a node."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the nodes that are there."""
        return [node for node in self.contexts if node not in self.absent]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Take messages, and return their ids."""
        ids = []
        for message in messages:
            self._count += 1
            message.metadata.__dict__["_message_id"] = str(self._count)
            self._waiting[str(self._count)] = message
            ids.append(str(self._count))
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Let the hospitals answer, by partition; a node that is not there does not."""
        asked = [self._waiting.pop(i) for i in message_ids if i in self._waiting]
        asked.sort(key=lambda message: message.metadata.dst_node_id)
        return [reply for message in asked if (reply := self._answer(message)) is not None]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Let the hospitals answer, by partition, each when its answer is asked for.

        An answer that took longer than ``timeout`` is too late. In reality hospitals work at the
        same time; so each has the whole of the timeout.
        """
        ids = self.push_messages(sorted(messages, key=lambda message: message.metadata.dst_node_id))
        for message_id in ids:
            began = time.monotonic()
            found = self.pull_messages([message_id])
            if timeout is None or time.monotonic() - began <= timeout:
                while found:  # not to hold it while the next one trains
                    yield found.pop()

    def _answer(self, message: Message) -> Message | None:
        node = message.metadata.dst_node_id
        if node in self.absent or node not in self.contexts:
            return None
        mine = Message(_own_copy(message.content), metadata=message.metadata)
        try:
            reply = self.client_app(mine, self.contexts[node])
        except Exception as error:
            told = "".join(traceback.format_exception_only(error)).strip()
        else:
            if isinstance(reply, Message):
                return reply
            told = f"its app returned {type(reply).__name__}, and a Message was due"
        return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, told), reply_to=mine)


def _own_copy(content: RecordDict) -> RecordDict:
    """Return records that a hospital may change; arrays are shared, and cannot be written to."""
    return RecordDict({name: record.copy() for name, record in content.items()})


@contextlib.contextmanager
def running(quiet: bool = True) -> Iterator[None]:
    """Be the runtime that Flower's messages ask for a run and a node; restore what was before."""
    names = ("_task_id", "_run_id", "_node_id")
    before = {name: getattr(TaskIdentity, name) for name in names}
    logger = logging.getLogger("flwr")
    level = logger.level
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, RUN_ID, SERVER_NODE
    if quiet:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(TaskIdentity, name, value)


def run_in_process(
    client_app: ClientApp,
    server_app: ServerApp,
    run_config: Mapping[str, object],
    hospitals: int,
) -> InProcessGrid:
    """Run both apps to the end; return the grid with the hospitals' contexts."""
    grid = InProcessGrid(client_app, hospitals, run_config)
    context = Context(RUN_ID, SERVER_NODE, {}, RecordDict(), dict(run_config))
    with running():
        server_app(grid, context)
    return grid
