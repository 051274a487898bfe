"""A federation of bowls whose server notes what Flower really sends and receives for it."""

from __future__ import annotations

import json
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from flwr.superlink.grid import http_grid

from fedlab_utils.federated import Federation, make_client_app, make_server_app
from tests.federated.toys import BowlTask, bowls


def task() -> BowlTask:
    return BowlTask(bowls(2, 60), (1, 2))


lengths: dict[str, int] = {}
"""Object's name -> bytes of its content, as it went to the SuperLink or came from there."""

trees: list[list[str]] = []
"""Names of each answer's objects, the message itself last."""

told: list[dict] = []
"""What of each message and answer travelled."""


def _noting(make: object) -> object:
    """Note the objects that a function of Flower's pushes or pulls one by one."""

    def made(*arguments: object, **named: object) -> object:
        real = make(*arguments, **named)

        def noted(name: str, *content: bytes) -> bytes | None:
            found = real(name, *content)
            lengths[name] = len(content[0] if content else found)
            return found

        return noted

    return made


def _note(message: object, names: list[str], way: str, part: str) -> None:
    names = set(names[:-1])  # without the envelope
    about = {"way": way, "kind": message.metadata.message_type, "part": part}
    told.append({**about, "bytes": sum(lengths[name] for name in names)})


def listen() -> None:
    """Note what the grid of this process does."""
    http_grid.make_push_object_fn_protobuf = _noting(http_grid.make_push_object_fn_protobuf)
    http_grid.make_pull_object_fn_protobuf = _noting(http_grid.make_pull_object_fn_protobuf)
    pulls, parts = http_grid.pull_objects, {}
    push, pull = http_grid.HttpGrid._try_push_messages, http_grid.HttpGrid.pull_messages

    def pulled(object_ids: list[str], **more: object) -> dict:
        trees.append(list(object_ids))
        return pulls(object_ids, **more)

    def push_messages(grid: Grid, run_id: int, messages: list) -> list:
        listed = [
            [tree.object_id for tree in http_grid.iterate_object_tree(http_grid.get_object_tree(m))]
            for m in messages
        ]
        found = push(grid, run_id, messages)
        for message, names in zip(messages, listed, strict=True):
            part = str(message.content.get("config", {}).get("part", ""))
            parts[message.metadata.message_id] = part
            _note(message, names, "down", part)
        return found

    def pull_messages(grid: Grid, ids: list[str]) -> list:
        trees.clear()
        found = pull(grid, ids)
        for message, names in zip(found, trees, strict=True):
            _note(message, names, "up", parts[message.metadata.reply_to_message_id])
        return found

    http_grid.pull_objects = pulled
    http_grid.HttpGrid._try_push_messages = push_messages
    http_grid.HttpGrid.pull_messages = pull_messages


client_app = make_client_app(lambda _: task())
server_app = ServerApp()


@server_app.main()
def main(grid: Grid, context: Context) -> None:
    ended: list[Federation] = []
    listen()
    make_server_app(lambda _: task(), on_end=ended.append)(grid, context)
    reports = [[r.sent, r.received, r.judging] for r in ended[0].history]
    said = {"told": told, "reports": reports}
    Path(str(context.run_config["out"]), "told.json").write_text(json.dumps(said), "utf-8")
