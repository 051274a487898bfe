"""The server's part in compressed messages: a strategy that sends changes, and is sent changes.

It stands before any of the course's strategies. The model of a run is what hospitals hold: after a
round the server compresses the step from there to where the strategy wants to be, moves by what
comes out at the hospitals, and keeps the rest, its *lag*, for the next round. So up and down there
is error feedback, and the model that is judged is one that hospitals really have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.compressed_downlink import Downlink, pairs
from fedlab_utils.federated.compressed_hospital import (
    COMPRESSION,
    PASSING,
    PAYLOAD,
    STREAMS,
    UNTOUCHED,
    WHOLE,
)
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.scaffold import CHANGE, VARIATE
from fedlab_utils.federated.screening import NO_PATIENT, in_short
from fedlab_utils.federated.strategies import ARRAYS, Answers, Screened

MINE, COUNTED = "compression/", "counted"
"""What the names of this module's arrays in a strategy's state begin with; and one of them: in
which round each hospital's answer counted when last."""


def compressed(strategy: Screened, plan: CompressionPlan) -> Screened:
    """Return a strategy whose messages are compressed.

    Parameters
    ----------
    strategy
        One of the course's; it is changed in place.
    plan
        Of the run.
    """
    kind = type(strategy)
    strategy.__class__ = type(f"Compressed{kind.__name__}", (Compressed, kind), {})
    strategy.plan_to_save = plan
    return strategy


class Compressed(Screened):
    """What :func:`compressed` puts before a strategy."""

    plan_to_save: CompressionPlan

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Take the first weights, which all have, as version 0; buffers are never compressed."""
        trained = list(trained)
        super().begin(trained, arrays)
        chosen, values = set(trained), to_arrays(arrays)
        first = {n: a for n, a in values.items() if n in chosen and a.dtype.kind == "f"}
        shapes = {name: tuple(value.shape) for name, value in first.items()}
        self._untouched = [name for name in values if name not in first]
        self._up = self.plan_to_save.packing("up", shapes)
        packing = self.plan_to_save.packing("down", shapes)
        self._down = Downlink(packing, first, self._own_variate(), self.seed)
        self._counted: dict[int, int] = {}

    def _own_variate(self) -> dict[str, np.ndarray]:
        """Return the control variate of SCAFFOLD behind; empty for the others."""
        return getattr(self, VARIATE, {})

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to each hospital what it lacks of the model."""
        messages = list(super().configure_train(server_round, arrays, config, grid))
        return self._addressed(messages, self._down.version)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to each hospital what it lacks; of an earlier round's best model, all of it."""
        messages = list(super().configure_evaluate(server_round, arrays, config, grid))
        return self._addressed(messages, self._down.version_of(to_arrays(arrays)))

    def _addressed(self, messages: list[Message], version: int) -> list[Message]:
        """Fit each message to what its hospital holds."""
        self._told, self._to = version, {}
        for message in messages:
            node = message.metadata.dst_node_id
            partition = self._to[node] = self.roster.members[node].partition
            content, told = message.content, {"base": WHOLE}
            if self.plan_to_save.down:
                content, told = self._down.content(content, partition, version)
            about = {"version": version, "accepted": self._counted.get(partition, 0), **told}
            about["variate"] = bool(self._own_variate())
            if self._untouched:
                about[UNTOUCHED] = self._untouched
            message.content = RecordDict({**content, COMPRESSION: ConfigRecord(about)})
        return messages

    def expected(self) -> dict[str, ArrayRecord]:
        """Payloads of a known length, and the arrays that are not compressed."""
        due = super().expected()
        if not self.plan_to_save.up:
            return due
        empty = np.zeros(self._up.payload_bytes(self._round), np.uint8)
        found = {PAYLOAD: to_record({name: empty for name in due if name in STREAMS})}
        if self._untouched:
            rest = {name: due[ARRAYS][name].numpy() for name in self._untouched}
            found[ARRAYS] = to_record(rest)
        return found

    def problem(
        self, node: int, reply: Message | None, expected: Mapping[str, ArrayRecord]
    ) -> str | None:
        """Return why an answer must be left out, or None: then it is unpacked already."""
        found = super().problem(node, reply, expected)
        if found or not self.plan_to_save.up:
            return found
        try:
            self._unpacked = self._answer(reply.content)
        except FederationError as error:
            return in_short(str(error))
        return None

    def _answer(self, content: RecordDict) -> RecordDict:
        """Return an answer as it would be without compression, in float64."""
        rows = {
            stream: self._up.arrays(self._up.decompress(array.numpy(), self._round))
            for stream, array in content[PAYLOAD].items()
        }
        found = RecordDict({n: r for n, r in content.items() if n not in (PAYLOAD, ARRAYS)})
        rest, step = to_arrays(content.get(ARRAYS) or {}), rows[ARRAYS]
        sent = to_arrays(self.sent)
        model = {n: rest[n] if n in rest else np.asarray(sent[n] + step[n]) for n in sent}
        found[ARRAYS] = to_record(model)
        if CHANGE in rows:
            found[CHANGE] = to_record(rows[CHANGE])
        return found

    def add(self, node: int, content: RecordDict) -> None:
        """Add a valid answer, unpacked."""
        if self.plan_to_save.up:
            content, self._unpacked = self._unpacked, None
        super().add(node, content)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Let the strategy behind average and step; move by what hospitals will be sent of it."""
        self._round = server_round
        found, metrics = super().aggregate_train(server_round, replies)
        sound = self._note(self.trained)
        if found is None:
            return found, metrics
        self._counted |= {partition: server_round for partition, fine in sound.items() if fine}
        if self.plan_to_save.down:
            sent, wanted = to_arrays(self.sent), to_arrays(found)
            new = self._down.publish(sent, wanted, self._own_variate(), server_round)
            if new is not None:  # otherwise the server refuses what was found
                found = to_record({name: {**wanted, **new}[name] for name in sent})
        return found, metrics

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Note who has the model now."""
        found = super().aggregate_evaluate(server_round, replies)
        if self._told != PASSING:
            self._note(self.evaluated)
        return found

    def _note(self, answers: Answers) -> dict[int, bool]:
        """Note what hospitals hold; return who, by partition, took the message in."""
        names = {partition: self.roster.members[n].name for n, partition in self._to.items()}
        sound = {
            partition: name in answers.metrics or answers.left_out.get(name) == NO_PATIENT
            for partition, name in names.items()
        }
        self._down.note(self._told, sound)
        return sound

    def state(self) -> dict[str, np.ndarray]:
        """Return what the strategy behind remembers, and what hospitals hold and lack."""
        mine = self._down.state() | {COUNTED: pairs(self._counted.items())}
        return super().state() | {f"{MINE}{name}": value for name, value in mine.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave.

        Raises
        ------
        FederationError
            If the strategy behind finds that it is not that of this model.
        """
        super().load_state({n: value for n, value in state.items() if not n.startswith(MINE)})
        mine = {n.removeprefix(MINE): value for n, value in state.items() if n.startswith(MINE)}
        self._down.load_state(mine)
        self._counted = {int(partition): int(last) for partition, last in mine[COUNTED]}
