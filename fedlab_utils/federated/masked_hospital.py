"""A hospital's part in secure aggregation, as a Flower mod around its training.

The mod answers the server's five questions of a round (see :mod:`fedlab_utils.privacy.masking`).
At the third one it lets the hospital train, and puts masked numbers in the place of what came out.
A hospital that is to hide its numbers refuses to train for a server that does not ask for masks.

**Not hidden**: who takes part; figures of training (patients, steps, and the loss where there is no
differential privacy); scores on validation and test patients; and the sum itself, which may tell
of a patient as any model may. That a run is with masks is in its ``run_config``: whoever starts
runs could start one without.
"""

from __future__ import annotations

from collections.abc import Callable

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.data.atomic import write_text
from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.client import OUT, hospital_folder, partition_of
from fedlab_utils.federated.hospital_keys import HospitalKeys
from fedlab_utils.federated.hospital_state import UNWRITTEN
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.records import Array
from fedlab_utils.federated.screening import METRICS
from fedlab_utils.federated.update_rows import refuse_large, trained_row
from fedlab_utils.privacy import Masker
from fedlab_utils.privacy.masks import ADVERT, Advert

ASKED, MASKED, PEERS = "secure", "masked", "peers"
"""Records: what the server asks for; masked numbers; with whom their masks were made."""

ROUND_STATE, LAST_ROUND = f"{UNWRITTEN}masks", "secure-last-round"
"""Records of a hospital's state: this round's secrets, in memory alone; the last round's name."""

LAST_FILE = "last_secure_round.txt"
"""File in a hospital's folder that holds the last round's name, whatever round it goes back to."""


def masking_mod(keys_of: Callable[[Context], HospitalKeys]) -> Mod:
    """Return the mod.

    Parameters
    ----------
    keys_of
        Called with a message's context where the run's plan is to hide numbers.
    """

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        plan = MaskingPlan.from_config(context.run_config)
        if not plan.secure:
            return call_next(message, context)
        if ASKED not in message.content:
            raise PrivacyError(
                "secure aggregation",
                "the server asks for numbers without masks",
                "Leave the federation, or agree with all hospitals on another plan",
            )
        asked, keys = message.content[ASKED], keys_of(context)
        if asked["stage"] == "advertise":
            masker = _begin(asked, context, keys, plan)
        else:
            masker = _masker(context, keys, plan)
        try:
            if asked["stage"] == "mask":
                content = _train(masker, asked, plan, message, context, call_next)
            else:
                content = RecordDict({ASKED: ConfigRecord(_STAGES[asked["stage"]](masker, asked))})
        finally:
            _remember(masker, context)
        return Message(content, reply_to=message)

    return mod


def _begin(asked: ConfigRecord, context: Context, keys: HospitalKeys, plan: MaskingPlan) -> Masker:
    """Return a new masker. A round's name counts up: of an old one, keys may have been revealed."""
    name = int(asked["round-name"])
    folder = hospital_folder(context.run_config.get(OUT), partition_of(context))
    last = int((context.state.get(LAST_ROUND) or {"name": 0})["name"])
    if folder is not None and (folder / LAST_FILE).is_file():
        last = max(last, int((folder / LAST_FILE).read_text("ascii")))
    if name <= last:
        raise PrivacyError(
            "secure aggregation",
            f"the server names a round {name}, and one was named {last} before",
            "Begin a new round",
        )
    if folder is not None:
        write_text(folder / LAST_FILE, str(name))
    context.state[LAST_ROUND] = ConfigRecord({"name": name})
    return _new(str(name).encode(), context, keys, plan)


def _remember(masker: Masker, context: Context) -> None:
    """Keep a round's secrets for its next question; forget them after the last one."""
    context.state.pop(ROUND_STATE, None)
    if not masker.over:
        known = {"round-name": masker.round_name, **masker.remember()}
        context.state[ROUND_STATE] = ConfigRecord(known)


def _new(name: bytes, context: Context, keys: HospitalKeys, plan: MaskingPlan) -> Masker:
    if len(keys.known) != plan.key_holders:
        raise PrivacyError(
            "secure aggregation",
            f"the run is of {plan.key_holders} hospitals, and {len(keys.known)} agreed on keys",
            "Begin the run anew",
        )
    return Masker(partition_of(context), name, keys.identity, keys.known, plan.needed())


def _masker(context: Context, keys: HospitalKeys, plan: MaskingPlan) -> Masker:
    if ROUND_STATE not in context.state:
        raise PrivacyError(
            "secure aggregation",
            "this hospital knows no round's secrets; it may have started anew",
            "Go on without it, and ask it again in the next round",
        )
    known = context.state[ROUND_STATE]
    return _new(known["round-name"], context, keys, plan).recall(known)


def _advertise(masker: Masker, asked: ConfigRecord) -> dict:  # noqa: ARG001
    advert = masker.advertise()
    return {name: getattr(advert, name) for name in ADVERT}


def _share(masker: Masker, asked: ConfigRecord) -> dict:
    rows = zip(*(asked[name] for name in ADVERT), strict=True)
    adverts = {n: Advert(*row) for n, row in zip(asked["numbers"], rows, strict=True)}
    boxes = masker.share(adverts)
    return {"numbers": list(boxes), "boxes": list(boxes.values())}


def _confirm(masker: Masker, asked: ConfigRecord) -> dict:
    return {"signature": masker.confirm(list(asked["left"]))}


def _reveal(masker: Masker, asked: ConfigRecord) -> dict:
    signed = dict(zip(asked["numbers"], asked["signatures"], strict=True))
    pieces = masker.reveal(signed)
    return {"numbers": list(pieces), "pieces": list(pieces.values())}


_STAGES = {"advertise": _advertise, "share": _share, "confirm": _confirm, "reveal": _reveal}


def _train(
    masker: Masker,
    asked: ConfigRecord,
    plan: MaskingPlan,
    message: Message,
    context: Context,
    call_next: ClientAppCallable,
) -> RecordDict:
    """Let the hospital train; return masked numbers in the place of what came out."""
    masker.expect("mask")
    flat, weight, metrics = trained_row(message, context, call_next)
    refuse_large(flat, plan.number_bound)
    numbers = plan.numbers().encode(flat, weight)
    boxes = dict(zip(asked["numbers"], asked["boxes"], strict=True))
    masked = masker.mask(numbers, boxes)
    return RecordDict(
        {
            MASKED: ArrayRecord({MASKED: Array(masked)}),
            PEERS: ConfigRecord({"numbers": masker.peers()}),
            METRICS: metrics,
        }
    )
