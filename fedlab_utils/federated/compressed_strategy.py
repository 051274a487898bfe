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
from fedlab_utils.federated.compressed_hospital import (
    COMPRESSION,
    PASSING,
    PAYLOAD,
    STREAMS,
    UNTOUCHED,
    WHOLE,
    digest,
    moved,
)
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.scaffold import CHANGE, VARIATE
from fedlab_utils.federated.screening import NO_PATIENT, in_short
from fedlab_utils.federated.strategies import ARRAYS, Answers, Screened

MINE = "compression/"
"""What the names of this module's arrays in a strategy's state begin with."""

SERVER = 2**31
"""Stands for the server where hospitals' numbers tell draws apart."""


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
        names = list(trained)
        super().begin(names, arrays)
        chosen = set(names)
        self._names = [
            n for n, a in to_arrays(arrays).items() if n in chosen and a.dtype.kind == "f"
        ]
        self._untouched = [name for name in arrays if name not in self._names]
        shapes = {name: tuple(arrays[name].shape) for name in self._names}
        self._up = self.plan_to_save.packing("up", shapes)
        self._down = self.plan_to_save.packing("down", shapes)
        model = self._chosen(to_arrays(arrays))
        variate = getattr(self, VARIATE, {})
        self._variate = {name: np.zeros_like(model[name]) for name in variate}
        self._version = self._base = 0
        self._digest = digest(model, self._variate)
        self._payload: dict[str, np.ndarray] = {}
        self._lag = np.zeros(self._down.size)
        self._held: dict[int, int] = {}
        self._counted: dict[int, int] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to each hospital what it lacks of the model."""
        messages = list(super().configure_train(server_round, arrays, config, grid))
        return self._addressed(messages, self._version)

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to each hospital what it lacks; of an earlier round's best model, all of it."""
        messages = list(super().configure_evaluate(server_round, arrays, config, grid))
        current = digest(self._chosen(to_arrays(arrays)), self._variate) == self._digest
        return self._addressed(messages, self._version if current else PASSING)

    def _addressed(self, messages: list[Message], version: int) -> list[Message]:
        """Fit each message to what its hospital holds."""
        self._to = {
            node: self.roster.members[node].partition
            for node in (message.metadata.dst_node_id for message in messages)
        }
        self._told = version
        for message in messages:
            partition = self._to[message.metadata.dst_node_id]
            message.content = self._content(message.content, partition, version)
        return messages

    def _content(self, content: RecordDict, partition: int, version: int) -> RecordDict:
        held = self._held.get(partition, 0)
        about = {"version": version, "base": WHOLE, "accepted": self._counted.get(partition, 0)}
        about["variate"] = bool(self._variate)
        if self._untouched:
            about[UNTOUCHED] = self._untouched
        found = dict(content)
        if not self.plan_to_save.down:
            pass
        elif version != PASSING and held in (self._base, version):
            about |= {"base": held, "digest": self._digest}
            rest = to_record({name: content[ARRAYS][name].numpy() for name in self._untouched})
            found = {n: r for n, r in found.items() if n not in (ARRAYS, VARIATE)}
            if rest:
                found[ARRAYS] = rest
            if held != version:
                found[PAYLOAD] = to_record(self._payload)
        elif self._variate and version != PASSING:
            found[VARIATE] = to_record(self._variate)
        return RecordDict({**found, COMPRESSION: ConfigRecord(about)})

    def expected(self) -> dict[str, ArrayRecord]:
        """Payloads of a known length, and the arrays that are not compressed."""
        due = super().expected()
        if not self.plan_to_save.up:
            return due
        length = self._up.payload_bytes(self._round)
        streams = [name for name in due if name in STREAMS]
        found = {PAYLOAD: to_record(dict.fromkeys(streams, np.zeros(length, np.uint8)))}
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
        self._note(self.trained)
        if found is None:
            return found, metrics
        for node in self._answered(self.trained):
            self._counted[self._to[node]] = server_round
        return (self._publish(server_round, found) if self.plan_to_save.down else found), metrics

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Note who has the model now."""
        found = super().aggregate_evaluate(server_round, replies)
        if self._told != PASSING:
            self._note(self.evaluated)
        return found

    def _note(self, answers: Answers) -> None:
        """Note what hospitals hold: after an answer that is no good, nothing that is known."""
        sound = set(self._answered(answers))
        for node, partition in self._to.items():
            self._held[partition] = self._told if node in sound else WHOLE

    def _answered(self, answers: Answers) -> list[int]:
        """Return who took the message in."""
        names = {node: self.roster.members[node].name for node in self._to}
        return [
            node
            for node, name in names.items()
            if name in answers.metrics or answers.left_out.get(name) == NO_PATIENT
        ]

    def _publish(self, server_round: int, wanted: ArrayRecord) -> ArrayRecord:
        """Return the next version of the model, and remember what it takes to get there."""
        start = self._chosen(to_arrays(self.sent))
        step = self._down.flat(to_arrays(wanted)) - self._down.flat(start) + self._lag
        variate = getattr(self, VARIATE, {})
        turn = self._down.flat(variate) - self._down.flat(self._variate) if variate else step
        if not (np.isfinite(step).all() and np.isfinite(turn).all()):
            return wanted  # the server refuses it
        by = self._compress(ARRAYS, step, server_round)
        new = moved(start, by)
        self._lag = step - (self._down.flat(new) - self._down.flat(start))
        if variate:
            self._variate = moved(self._variate, self._compress(VARIATE, turn, server_round))
        self._base, self._version = self._version, server_round
        self._digest = digest(new, self._variate)
        rest = {name: wanted[name].numpy() for name in self._untouched}
        return to_record({name: {**rest, **new}[name] for name in self.sent})

    def _compress(self, stream: str, row: np.ndarray, server_round: int) -> dict[str, np.ndarray]:
        """Make a payload; return what hospitals will read in it."""
        rng = np.random.default_rng((self.seed, server_round, SERVER, STREAMS[stream]))
        self._payload[stream] = self._down.compress(row, server_round, rng)
        return self._down.arrays(self._down.decompress(self._payload[stream], server_round))

    def _chosen(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the arrays that are compressed."""
        return {name: arrays[name] for name in self._names}

    def state(self) -> dict[str, np.ndarray]:
        """Return what the strategy behind remembers, and what hospitals hold and lack."""
        mine = {
            "versions": np.array([self._base, self._version], np.int64),
            "digest": np.frombuffer(self._digest, np.uint8),
            "lag": self._lag,
            **{f"payload/{name}": value for name, value in self._payload.items()},
            **{f"{VARIATE}/{name}": value for name, value in self._variate.items()},
        }
        for name, rounds in (("held", self._held), ("counted", self._counted)):
            mine[name] = np.array(sorted(rounds.items()), np.int64).reshape(-1, 2)
        return super().state() | {f"{MINE}{name}": value for name, value in mine.items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take up what :meth:`state` gave."""
        super().load_state({n: value for n, value in state.items() if not n.startswith(MINE)})
        mine = {n.removeprefix(MINE): value for n, value in state.items() if n.startswith(MINE)}
        self._base, self._version = map(int, mine["versions"])
        self._digest, self._lag = mine["digest"].tobytes(), mine["lag"]
        self._payload = {s: mine[f"payload/{s}"] for s in STREAMS if f"payload/{s}" in mine}
        self._variate = {name: mine[f"{VARIATE}/{name}"] for name in self._variate}
        self._held, self._counted = (
            {int(partition): int(last) for partition, last in mine[name]}
            for name in ("held", "counted")
        )
