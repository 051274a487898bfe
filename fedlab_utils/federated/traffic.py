"""What a federation sends over hospitals' links: one definition of bytes, in every engine.

Flower sends a message as objects, each once however often it occurs: arrays, the records that hold
them, and the message's content, which names the records. Their lengths, added up, are what we call
the message's bytes. Not counted is the envelope that engines fill differently (sender, receiver,
time; some 300 bytes), the list of the objects' names (some 70 bytes for each) and what HTTP adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import flwr.app
from flwr.app import ArrayRecord, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.inflatable.inflatable_object import (
    get_all_nested_objects,
    no_object_id_recompute,
)

MEGABYTE = 1e6


def message_bytes(content: RecordDict) -> int:
    """Return the length of a message's content as Flower's SuperLink and SuperNodes send it.

    Parameters
    ----------
    content
        Of the message. It is serialised for this, and nothing of that is kept.
    """
    plain = {
        name: _plain(record) if isinstance(record, ArrayRecord) else record
        for name, record in content.items()
    }
    with no_object_id_recompute():
        found = get_all_nested_objects(RecordDict(plain))
        return sum(len(part.deflate()) for part in found.values())


def _plain(record: ArrayRecord) -> ArrayRecord:
    """Return Flower's own arrays, which keep their bytes as long as they live: not for long."""
    found = ArrayRecord()
    for name, array in record.items():
        found[name] = flwr.app.Array(array.dtype, tuple(array.shape), array.stype, array.data)
    return found


class Metered:
    """A grid as strategies use it, which counts.

    Parameters
    ----------
    grid
        Flower's.

    Attributes
    ----------
    sent, received
        Bytes from the server and to it, of valid answers and of others. What cannot be serialised
        counts nothing: no network would have brought it.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid, self.sent, self.received = grid, 0, 0

    def get_node_ids(self) -> Iterable[int]:
        """Return the nodes that are there."""
        return self.grid.get_node_ids()

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Pass messages on, and the answers back, each as it comes."""
        messages = list(messages)
        self.sent += _total_bytes(messages)
        replies = self.grid.send_and_receive(messages, timeout=timeout)
        del messages
        for reply in replies:
            self.received += _answer_bytes(reply)
            yield reply
            del reply  # not to hold it while the next one trains


def _total_bytes(messages: Iterable[Message]) -> int:
    """Return the bytes of all; hospitals often get one and the same content."""
    contents = [message.content for message in messages]
    lengths = {
        id(content): message_bytes(content) for content in {id(c): c for c in contents}.values()
    }
    return sum(lengths[id(content)] for content in contents)


def _answer_bytes(reply: Message) -> int:
    if not reply.has_content():
        return 0
    try:
        return message_bytes(reply.content)
    except Exception:  # whatever Flower stumbles over in a stranger's records
        return 0
