"""A hospital's part in compressed messages, as a Flower mod around training and judging.

On the way in the mod makes a whole model of what the server sent: changes of the model that the
hospital holds, its *copy*. On the way out it compresses what training changed. What did not travel
waits in the hospital's *memory*, and is added to its next changes.

**Whole models.** Every model has a version, the round that made it. Version 0 is made from the seed
at both ends and never sent. The server writes changes to a hospital that holds the version before;
to one that missed a round, or failed in whatever way, it sends the whole model. A hospital that
lacks what the changes are of says so, is left out of that round, and gets the whole model next.

**SCAFFOLD.** Control variates are as large as the model, so leaving them exact would cap the saving
at two. They are compressed without a memory: a hospital moves its own control variate by exactly
what it sent, so that server and hospital still agree, and the rest is in the next difference
(Richtarik et al. 2021, EF21, NeurIPS, arXiv:2106.05203).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_file import digest_of
from fedlab_utils.federated.compression_plan import CompressionPlan
from fedlab_utils.federated.hospital import PENDING
from fedlab_utils.federated.hospital_state import HospitalState
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.scaffold import CHANGE, VARIATE
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import ARRAYS

COMPRESSION, PAYLOAD = "compression", "payload"
"""Records of a message: what it says of itself, and compressed numbers.

The first holds ``version`` (of the model), ``base`` (of which version the changes are, or
``WHOLE``), ``accepted`` (the last round in which this hospital's answer counted), ``variate``
(whether SCAFFOLD's belongs to it), ``untouched`` (arrays that are not compressed, if any) and, with
changes, ``digest`` (of the model that they lead to).
"""


UNTOUCHED = "untouched"

WHOLE, PASSING = -1, -1
"""A base: everything is in the message. A version: one to judge, and not to keep."""

COPY, HELD = "model-copy", "model-copy-version"
"""Records of a hospital's state: the model as the server last sent it, and its version."""

MEMORY, SENT, SENT_ROUND = "unsent", "unsent-pending", "unsent-pending-round"
"""What did not travel; the same until the server says that the answer counted; and its round."""

STREAMS = {ARRAYS: 0, VARIATE: 1, CHANGE: 2}
"""Records that are compressed, and what tells their draws apart."""


def compressing_mod(
    first_of: Callable[[Context], Mapping[str, np.ndarray]],
    whose: Callable[[Context], tuple[HospitalState, int]],
) -> Mod:
    """Return the mod; it does nothing where the run's plan compresses nothing.

    Parameters
    ----------
    first_of
        Called with a message's context: the first weights that are shared, by name.
    whose
        Called with it: the hospital's state and number.
    """

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        plan = CompressionPlan.from_config(context.run_config)
        if not plan.on or not {ARRAYS, COMPRESSION} & set(message.content):
            return call_next(message, context)
        if COMPRESSION not in message.content:
            raise FederationError(
                "compression",
                "the server sends a model without its version",
                "Start server and hospitals with the same plan",
            )
        state, number = whose(context)
        server_round = int(message.content["config"]["server-round"])
        state.rewind(server_round)
        about = message.content[COMPRESSION]
        content = _whole(plan, message.content, state, lambda: first_of(context))
        before = to_arrays(content[ARRAYS])
        reply = call_next(Message(content, metadata=message.metadata), context)
        if not plan.up or message.metadata.message_type != MessageType.TRAIN:
            return reply
        settings = FederationSettings.from_config(context.run_config)
        draw = (settings.seed, server_round, number)
        names = [name for name in before if name not in about.get(UNTOUCHED, [])]
        sent = _compressed(plan, reply.content, before, names, draw, state, int(about["accepted"]))
        reply.content = sent
        state.keep(server_round)
        return reply

    return mod


def digest(arrays: Mapping[str, np.ndarray], variate: Mapping[str, np.ndarray]) -> bytes:
    """Return eight bytes that tell two models, with the server's control variate, apart."""
    named = {f"{VARIATE}/{name}": value for name, value in variate.items()}
    return bytes.fromhex(digest_of({**arrays, **named}))[:8]


def moved(arrays: Mapping[str, np.ndarray], by: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays moved by changes, in their own types: at server and hospital the same bits."""
    return {n: np.asarray(value + by[n]).astype(value.dtype) for n, value in arrays.items()}


def _whole(
    plan: CompressionPlan,
    content: RecordDict,
    state: HospitalState,
    first: Callable[[], Mapping[str, np.ndarray]],
) -> RecordDict:
    """Return a message's content as it would be without compression, and keep the copy."""
    about = content[COMPRESSION]
    found = RecordDict({n: r for n, r in content.items() if n not in (COMPRESSION, PAYLOAD)})
    if not plan.down:
        return found
    if about["base"] != WHOLE:
        model, variate = _from_changes(plan, content, state, first)
        rest = to_arrays(content[ARRAYS]) if ARRAYS in content else {}
        found[ARRAYS] = to_record({**model, **rest})
        if variate:
            found[VARIATE] = to_record(variate)
    if about["version"] != PASSING:
        state.records[COPY] = found[ARRAYS]
        if VARIATE in found:
            state.records[f"{COPY}-{VARIATE}"] = found[VARIATE]
        state.records[HELD] = ConfigRecord({"version": about["version"]})
    return found


def _from_changes(
    plan: CompressionPlan,
    content: RecordDict,
    state: HospitalState,
    first: Callable[[], Mapping[str, np.ndarray]],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return model and control variate: the copies, moved by what came."""
    about = content[COMPRESSION]
    held = int((state.records.get(HELD) or {"version": 0})["version"])
    model = to_arrays(state.arrays(COPY)) if COPY in state.records else dict(first())
    names = [name for name in model if name not in about.get(UNTOUCHED, [])]
    copies = {ARRAYS: {name: model[name] for name in names}}
    if about["variate"]:
        kept = state.arrays(f"{COPY}-{VARIATE}")
        zeros = {name: np.zeros_like(value) for name, value in copies[ARRAYS].items()}
        copies[VARIATE] = to_arrays(kept) if kept else zeros
    if held not in (about["base"], about["version"]):
        raise FederationError(
            "compression",
            f"the server sends changes of version {about['base']}, and this hospital holds {held}",
            "Send it the whole model",
        )
    if held != about["version"]:
        for stream, arrays in copies.items():
            packing = plan.packing("down", {n: a.shape for n, a in arrays.items()})
            row = packing.decompress(content[PAYLOAD][stream].numpy(), int(about["version"]))
            copies[stream] = moved(arrays, packing.arrays(row))
    if digest(copies[ARRAYS], copies.get(VARIATE, {})) != about["digest"]:
        raise FederationError(
            "compression",
            f"what came does not make the server's version {about['version']}",
            "Send it the whole model",
        )
    return {**model, **copies[ARRAYS]}, copies.get(VARIATE, {})


def _compressed(
    plan: CompressionPlan,
    answer: RecordDict,
    before: Mapping[str, np.ndarray],
    names: list[str],
    draw: tuple[int, int, int],
    state: HospitalState,
    accepted: int,
) -> RecordDict:
    """Return an answer to a training message with payloads in the place of arrays."""
    packing, server_round = plan.packing("up", {n: before[n].shape for n in names}), draw[1]
    after, payload = to_arrays(answer[ARRAYS]), {}
    memory = _memory(state, accepted, packing.size)
    wanted = packing.flat(after) - packing.flat(before) + memory
    payload[ARRAYS] = packing.compress(wanted, server_round, _rng(draw, ARRAYS))
    left = wanted - packing.decompress(payload[ARRAYS], server_round)
    state.records[SENT] = to_record({"row": left})
    state.records[SENT_ROUND] = ConfigRecord({"round": server_round})
    if CHANGE in answer:
        change = to_arrays(answer[CHANGE])
        row = packing.flat(change)
        payload[CHANGE] = packing.compress(row, server_round, _rng(draw, CHANGE))
        told = packing.arrays(packing.decompress(payload[CHANGE], server_round))
        own = state.arrays(VARIATE)
        own = to_arrays(own) if own else {n: np.zeros_like(change[n]) for n in names}
        state.records[PENDING] = to_record(moved({n: own[n] for n in names}, told))
    found = RecordDict({n: r for n, r in answer.items() if n not in (ARRAYS, CHANGE)})
    found[PAYLOAD] = to_record(payload)
    if rest := {name: value for name, value in after.items() if name not in names}:
        found[ARRAYS] = to_record(rest)
    return found


def _memory(state: HospitalState, accepted: int, size: int) -> np.ndarray:
    """Return what did not travel; of an answer that did not count, what there was before it."""
    if SENT in state.records:
        pending, made = state.records.pop(SENT), state.records.pop(SENT_ROUND)
        if made["round"] == accepted:
            state.records[MEMORY] = pending
    kept = state.arrays(MEMORY)
    return kept["row"].numpy() if kept else np.zeros(size)


def _rng(draw: tuple[int, int, int], stream: str) -> np.random.Generator:
    return np.random.default_rng((*draw, STREAMS[stream]))
