"""The server's part in encrypted averaging: a strategy that adds ciphertexts, and holds no key.

It stands before any of the course's strategies. Hospitals send ciphertexts, the server adds them
up, and one of the hospitals decrypts the sum: the server cannot. What the strategy behind it then
averages is that sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.array_screening import arrays_problem
from fedlab_utils.federated.client import partition_of
from fedlab_utils.federated.combinations import check_combination
from fedlab_utils.federated.encrypted_hospital import (
    ASKED,
    DECRYPTED,
    ENCRYPTED,
    EncryptionPlan,
    encrypting_mod,
    packed,
    shared_key,
    unpacked,
)
from fedlab_utils.federated.federation import federate
from fedlab_utils.federated.history import Federation
from fedlab_utils.federated.methods import methods_of
from fedlab_utils.federated.only_sums import OnlySums
from fedlab_utils.federated.records import Array, of_kind
from fedlab_utils.federated.screening import in_short, reply_problem
from fedlab_utils.federated.server import make_strategy
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import Screened
from fedlab_utils.federated.task import Task
from fedlab_utils.privacy import Adder


def encrypted(strategy: Screened, plan: EncryptionPlan, public: bytes) -> Screened:
    """Return a strategy that adds what it cannot read.

    Parameters
    ----------
    strategy
        One of the course's; it is changed in place.
    plan
        As the hospitals have it.
    public
        From :meth:`fedlab_utils.privacy.KeyHolder.public`.

    Raises
    ------
    PrivacyError
        If it is handed the secret key, or TenSEAL is missing.
    """
    Adder(public, plan.ckks, 0)  # refuses a secret key
    kind = type(strategy)
    strategy.__class__ = type(f"Encrypted{kind.__name__}", (Encrypted, kind), {})
    strategy.plan, strategy.public = plan, public
    return strategy


class Encrypted(OnlySums):
    """What :func:`encrypted` puts before a strategy.

    Attributes
    ----------
    public
        All that the server has of the encryption: parameters.
    overhead
        Bytes of the last round's decryption, to hospitals and back.
    decrypted_by
        Name of the hospital whose word the last sum is. It could have said anything: the server
        cannot tell.
    """

    plan: EncryptionPlan
    public: bytes

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write to the hospitals that are drawn."""
        self._grid, self._early, self.overhead, self.decrypted_by = grid, {}, 0, ""
        return super().configure_train(server_round, arrays, config, grid)

    def content(self, arrays: ArrayRecord, config: ConfigRecord) -> RecordDict:
        """Return what a training message holds: that ciphertexts are due, besides."""
        found = super().content(arrays, config)
        found[ASKED] = ConfigRecord({"stage": "encrypt"})
        return found

    def expected(self) -> dict[str, ArrayRecord]:
        """One record: rows of bytes, as many as ciphertexts are due."""
        shape = (len(self.plan.ckks.sizes(self.numbers_due())), self.plan.row_bytes)
        return {ENCRYPTED: ArrayRecord({ENCRYPTED: Array(np.zeros(shape, np.uint8))})}

    def begin_sum(self) -> None:
        """Get ready for a round's answers."""
        super().begin_sum()
        self._adder = Adder(self.public, self.plan.ckks, self.numbers_due())

    def add(self, node: int, content: RecordDict) -> None:
        """Add a hospital's ciphertexts; one that sent none is left out."""
        try:
            self._adder.add(unpacked(content[ENCRYPTED][ENCRYPTED].numpy()))
        except PrivacyError as error:
            self._early[self.roster.members[node].name] = in_short(str(error))

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:
        """Have the sum decrypted, and hand it to the strategy behind."""
        nodes = [n for n in counted if self.roster.members[n].name not in self._early]
        least = max(self.plan.least, self.fewest)
        if len(nodes) < least:
            raise PrivacyError(
                "encrypted averaging",
                f"{len(nodes)} hospitals are in the sum, and {least} are needed",
                "Run the round again when more of them answer",
            )
        self.take(self._decrypted(nodes), nodes, self.plan.ckks.bound)
        return super().combine(server_round, nodes)

    def _decrypted(self, nodes: list[int]) -> np.ndarray:
        """Ask one hospital after the other, by partition, until one decrypts the sum."""
        count, problem = self.numbers_due(), ""
        due = ArrayRecord({DECRYPTED: Array(np.zeros(count))})
        sent = packed(self._adder.total(), self.plan)
        asked = ConfigRecord({"stage": "decrypt", "count": count, "summed": len(nodes)})
        for node in nodes:
            content = RecordDict({ENCRYPTED: ArrayRecord({ENCRYPTED: Array(sent)}), ASKED: asked})
            message = Message(content, node, MessageType.TRAIN)
            replies = list(self._grid.send_and_receive([message], timeout=self.timeout))
            self.overhead += sent.nbytes
            reply = next((r for r in replies if r.metadata.src_node_id == node), None)
            problem = reply_problem(reply) or _decryption_problem(reply.content, due)
            if problem is None:
                self.overhead += 8 * count
                self.decrypted_by = self.roster.members[node].name
                return reply.content[DECRYPTED][DECRYPTED].numpy()
        raise PrivacyError(
            "encrypted averaging",
            f"no hospital decrypted the sum; the last one: {in_short(problem)}",
            "Run the round again",
        )


def _decryption_problem(content: RecordDict, due: ArrayRecord) -> str | None:
    found = of_kind(content, ArrayRecord)
    if set(found) != {DECRYPTED}:
        return f"it sent the records {sorted(found)}, and {DECRYPTED} was due"
    return arrays_problem(found[DECRYPTED], due)


def federate_encrypted(
    task: Task,
    settings: FederationSettings | None = None,
    encryption: EncryptionPlan | None = None,
    mods: Sequence = (),
    strategy_of: Callable[[FederationSettings], Screened] = make_strategy,
    **more: object,
) -> Federation:
    """Train over hospitals in this process as :func:`federate` does, with encrypted averaging.

    The key is made anew for each call, also where a run is resumed, and lives in memory alone.

    Parameters
    ----------
    task, settings, strategy_of, more
        As :func:`fedlab_utils.federated.federate` takes them.
    encryption
        Default :class:`EncryptionPlan`.
    mods
        Flower's modifiers, between the hospitals' own training and its encryption.

    Raises
    ------
    PrivacyError
        If there are fewer hospitals than a sum needs, they are to mask or compress their numbers
        too, or TenSEAL is missing.
    """
    plan, hospitals = encryption or EncryptionPlan(), len(task.hospitals)
    how = settings or FederationSettings()
    plans = ("privacy", "masking", "compression", "hospital_privacy", "robust", "attack")
    check_combination({"encryption", *methods_of(how, *map(more.get, plans))})
    if hospitals < plan.least:
        raise PrivacyError(
            "encrypted averaging",
            f"there are {hospitals} hospitals, and {plan.least} must be in a sum",
            "Take more hospitals",
        )
    holders = shared_key(plan, hospitals)
    mod = encrypting_mod(lambda context: holders[partition_of(context)], plan)
    return federate(
        task,
        settings,
        mods=[mod, *mods],
        strategy_of=lambda how: encrypted(strategy_of(how), plan, holders[0].public()),
        **more,
    )
