"""A hospital's part in secure aggregation, as a Flower mod around its training.

The mod answers the server's five questions of a round (see :mod:`fedlab_utils.privacy.masking`).
At the third one it lets the hospital train, and puts masked numbers in the place of what came out.
A hospital that is to hide its numbers refuses to train for a server that does not ask for masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.hospital_keys import HospitalKeys
from fedlab_utils.federated.hospital_state import UNWRITTEN
from fedlab_utils.federated.records import Array
from fedlab_utils.federated.screening import METRICS, MOST_PATIENTS
from fedlab_utils.federated.settings import read_config, write_config
from fedlab_utils.federated.update_rows import trained_row
from fedlab_utils.privacy import FixedPoint, Masker
from fedlab_utils.privacy.masking import ADVERT, FEWEST, Advert, check_numbers

ASKED, MASKED, PEERS = "secure", "masked", "peers"
"""Records: what the server asks for; masked numbers; with whom their masks were made."""

ROUND_STATE, LAST_ROUND = f"{UNWRITTEN}masks", "secure-last-round"
"""Records of a hospital's state: this round's secrets, in memory alone; the last round's name."""


@dataclass(frozen=True)
class MaskingPlan:
    """How hospitals hide their numbers from the server. It is part of what they agreed on.

    Attributes
    ----------
    secure
        Whether they do.
    key_holders
        Hospitals that agreed on each other's keys; set when a run begins.
    threshold
        Hospitals that must be left in a round; 0: the least that is over half of all.
    number_bound, fraction_bits
        Of the numbers, see :class:`fedlab_utils.privacy.FixedPoint`.

    Raises
    ------
    PrivacyError
        If a value is of another type, or out of range.
    """

    secure: bool = False
    key_holders: int = 0
    threshold: int = 0
    number_bound: float = 256.0
    fraction_bits: int = 32

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name in ("key_holders", "threshold"):
            if getattr(self, name) < 0:
                raise PrivacyError(name, f"it is {getattr(self, name)}", "Pass 0 or more")
        self.numbers()

    def needed(self) -> int:
        """Return how many hospitals must be left.

        Raises
        ------
        PrivacyError
            If there are too few hospitals, or the threshold is not over half of them.
        """
        threshold = self.threshold or self.key_holders // 2 + 1
        check_numbers(self.key_holders, threshold)
        return threshold

    def numbers(self) -> FixedPoint:
        """Return how numbers are written; patients are whole numbers, and so weights are."""
        holders = max(self.key_holders, FEWEST)
        return FixedPoint(self.number_bound, self.fraction_bits, holders, MOST_PATIENTS)

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> MaskingPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))


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
            context.state[ROUND_STATE] = ConfigRecord(
                {"round-name": masker.round_name, **masker.remember()}
            )
        return Message(content, reply_to=message)

    return mod


def _begin(asked: ConfigRecord, context: Context, keys: HospitalKeys, plan: MaskingPlan) -> Masker:
    """Return a new masker. A round's name counts up: of an old one, keys may have been revealed."""
    name = int(asked["round-name"])
    last = context.state.get(LAST_ROUND) or {"name": 0}
    if name <= last["name"]:
        raise PrivacyError(
            "secure aggregation",
            f"the server names a round {name}, and one was named {last['name']} before",
            "Begin a new round",
        )
    context.state[LAST_ROUND] = ConfigRecord({"name": name})
    return _new(str(name).encode(), context, keys, plan)


def _new(name: bytes, context: Context, keys: HospitalKeys, plan: MaskingPlan) -> Masker:
    if len(keys.known) != plan.key_holders:
        raise PrivacyError(
            "secure aggregation",
            f"the run is of {plan.key_holders} hospitals, and {len(keys.known)} agreed on keys",
            "Begin the run anew",
        )
    number = int(context.node_config["partition-id"])
    return Masker(number, name, keys.identity, keys.known, plan.needed())


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
    flat, weight, metrics = trained_row(message, context, call_next)
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
