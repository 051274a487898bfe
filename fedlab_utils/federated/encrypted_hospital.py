"""A hospital's part in encrypted averaging, as a Flower mod around its training.

All hospitals hold one secret key (:mod:`fedlab_utils.privacy.encryption`). The mod answers two
questions of the server: at the first it lets the hospital train, and encrypts what came out; at the
second it decrypts the sum, and returns it with its last digits drowned in noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable, Mod

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.hospital_state import UNWRITTEN
from fedlab_utils.federated.records import Array
from fedlab_utils.federated.screening import METRICS
from fedlab_utils.federated.update_rows import refuse_large, trained_row
from fedlab_utils.privacy import FOR_PUBLICATION, CkksSettings, KeyHolder, publish

ASKED, ENCRYPTED, DECRYPTED = "encryption", "encrypted", "decrypted"
"""Records: what the server asks for; ciphertexts; the sum that one hospital decrypted."""

MAY_DECRYPT = f"{UNWRITTEN}encryption"
"""Record of a hospital's state: that it trained, and has decrypted nothing since."""

LENGTH = 4
"""Bytes before each ciphertext in a row of them: how long it is."""


@dataclass(frozen=True)
class EncryptionPlan:
    """How hospitals encrypt, and how few may be in a sum. It is part of what they agreed on.

    Attributes
    ----------
    ckks
        Parameters; the sum must be fit to be published.
    least
        Hospitals in a sum, at the least: with two, each takes its own update off the average and
        has the other's.

    Raises
    ------
    PrivacyError
        If fewer than three hospitals are to be enough, or more are than fit into a sum.
    """

    ckks: CkksSettings = FOR_PUBLICATION
    least: int = 3

    def __post_init__(self) -> None:
        if not 3 <= self.least <= self.ckks.summands:
            raise PrivacyError(
                "encrypted averaging",
                f"{self.least} hospitals are to be enough for a sum",
                f"Take 3 to {self.ckks.summands}",
            )
        publish(np.zeros(0), self.ckks, self.ckks.summands)  # refuses too small a scale

    @property
    def row_bytes(self) -> int:
        """Bytes of a ciphertext as it travels: each takes as many, so that arrays have a shape."""
        return LENGTH + self.ckks.part_bytes


def encrypting_mod(holder_of: Callable[[Context], KeyHolder], plan: EncryptionPlan) -> Mod:
    """Return the mod.

    What it gives away, and to whom: the server gets the average, as it does without encryption, and
    no update. But the mod decrypts once per training *whatever it is sent*, since a sum looks like
    a single hospital's ciphertexts. A server that keeps to the rules learns averages alone; one
    that sends a hospital's ciphertexts in the sum's place gets that hospital's update. Masks do
    not have this weakness: hospitals sign there whose sum it is. And any hospital reads any
    other's ciphertexts, if it gets at them.

    Parameters
    ----------
    holder_of
        Called with a message's context; the key is the same at all hospitals.
    plan
        The same at all.
    """

    def mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
        if ASKED not in message.content:
            raise PrivacyError(
                "encrypted averaging",
                "the server asks for numbers without encryption",
                "Leave the federation, or agree with all hospitals on another plan",
            )
        asked, holder = message.content[ASKED], holder_of(context)
        if asked["stage"] == "encrypt":
            row, weight, metrics = trained_row(message, context, call_next)
            refuse_large(weight * row, holder.settings.bound)
            sent = packed(holder.encrypt(row, weight), plan)
            content = RecordDict({ENCRYPTED: ArrayRecord({ENCRYPTED: Array(sent)})})
            content[METRICS] = metrics
            context.state[MAY_DECRYPT] = ConfigRecord({"times": 1})
        else:
            if context.state.pop(MAY_DECRYPT, None) is None:
                raise PrivacyError(
                    "encrypted averaging",
                    "this hospital is asked to decrypt, and has not trained since it last did",
                    "Decrypt one sum per round, with hospitals that took part",
                )
            parts = unpacked(message.content[ENCRYPTED][ENCRYPTED].numpy())
            summed = int(asked["summed"])
            if summed < plan.least:
                raise PrivacyError(
                    "encrypted averaging",
                    f"{summed} hospitals are said to be in the sum, and {plan.least} are needed",
                    "Wait for more hospitals",
                )
            total = holder.decrypt(parts, int(asked["count"]), summed)
            told = publish(total, plan.ckks, summed)
            content = RecordDict({DECRYPTED: ArrayRecord({DECRYPTED: Array(told)})})
        return Message(content, reply_to=message)

    return mod


def shared_key(plan: EncryptionPlan, hospitals: int) -> list[KeyHolder]:
    """Return as many holders of one new key."""
    first = KeyHolder(plan.ckks)
    return [first, *(KeyHolder(plan.ckks, first.secret()) for _ in range(hospitals - 1))]


def packed(parts: list[bytes], plan: EncryptionPlan) -> np.ndarray:
    """Return ciphertexts as rows of one length, uint8: each with its length before it."""
    rows = np.zeros((len(parts), plan.row_bytes), np.uint8)
    for row, part in zip(rows, parts, strict=True):
        content = len(part).to_bytes(LENGTH, "big") + part
        row[: len(content)] = np.frombuffer(content, np.uint8)
    return rows


def unpacked(rows: np.ndarray) -> list[bytes]:
    """Return the ciphertexts of such rows; what they hold is not looked at."""
    return [r[LENGTH : LENGTH + int.from_bytes(r[:LENGTH], "big")] for r in map(bytes, rows)]
