"""The server's part in secure aggregation: a strategy that learns sums, and no hospital's numbers.

It stands before any of the course's strategies. In a round it writes to hospitals four times more
often than they do: for keys, for boxes, for a signature under who is left, and for the pieces that
take the masks off. What the strategy behind it then averages is the one sum that comes out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from fedlab_utils.errors import PrivacyError
from fedlab_utils.federated.masked_hospital import ASKED, MASKED, PEERS
from fedlab_utils.federated.masking_plan import MaskingPlan
from fedlab_utils.federated.only_sums import OnlySums
from fedlab_utils.federated.records import Array
from fedlab_utils.federated.scaffold import Scaffold
from fedlab_utils.federated.screening import reply_problem
from fedlab_utils.federated.strategies import Screened
from fedlab_utils.privacy import unmasked_sum
from fedlab_utils.privacy.masks import ADVERT, Advert
from fedlab_utils.privacy.unmasking import agreeing


def masked(strategy: Screened, plan: MaskingPlan) -> Screened:
    """Return a strategy that sees its hospitals' sum only.

    Parameters
    ----------
    strategy
        One of the course's; it is changed in place.
    plan
        Of the run.

    Raises
    ------
    PrivacyError
        If there are too few hospitals to hide among, or the strategy looks at single answers.
    """
    kind = type(strategy)
    if kind.add not in (Screened.add, Scaffold.add) or kind.average is not Screened.average:
        raise PrivacyError(
            kind.__name__,
            "it looks at each hospital's numbers, and with masks there is their sum alone",
            "Take one of the course's averages, or no masks",
        )
    strategy.__class__ = type(f"Masked{kind.__name__}", (Masked, kind), {})
    strategy.plan, strategy.threshold = plan, plan.needed()
    return strategy


class Masked(OnlySums):
    """What :func:`masked` puts before a strategy.

    Attributes
    ----------
    overhead
        Bytes of the last round, to and from the server, beside model and masked numbers: keys,
        boxes, signatures and pieces.
    seen
        The last round's masked numbers by partition, all that the server has of a hospital's model;
        eight bytes per number and hospital, for it is known at the end only whose belong together.
    """

    plan: MaskingPlan
    threshold: int

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Exchange keys and boxes, then write to those who are still there."""
        messages = list(super().configure_train(server_round, arrays, config, grid))
        self._grid, self._early, self.overhead = grid, {}, 0
        self._name = time.time_ns()  # counts up, also where a run is resumed
        self.adverts: dict[int, Advert] = {}
        self._boxes: dict[int, dict[int, bytes]] = {}
        for node, said in self._ask("advertise", {"round-name": str(self._name)}).items():
            self.adverts[self._number(node)] = Advert(*(bytes(said[name]) for name in ADVERT))
        if len(self.adverts) >= self.threshold:
            of = sorted(self.adverts.items())
            told = {name: [getattr(a, name) for _, a in of] for name in ADVERT}
            for node, said in self._ask("share", {"numbers": [n for n, _ in of], **told}).items():
                for to, box in zip(said["numbers"], said["boxes"], strict=True):
                    self._boxes.setdefault(to, {})[self._number(node)] = bytes(box)
        if len(self.asked) < self.threshold:
            self._early["server"] = (
                f"{len(self.asked)} hospitals exchanged keys, and {self.threshold} are needed"
            )
            self.asked = []
        return [self._with_boxes(m) for m in messages if m.metadata.dst_node_id in self.asked]

    def _with_boxes(self, message: Message) -> Message:
        mine = self._boxes.get(self._number(message.metadata.dst_node_id), {})
        asked = {"stage": "mask", "numbers": list(mine), "boxes": list(mine.values())}
        self.overhead += _bytes(asked)
        message.content = RecordDict({**message.content, ASKED: ConfigRecord(asked)})
        return message

    def expected(self) -> dict[str, ArrayRecord]:
        """One record: as many masked numbers as the strategy behind it expects numbers."""
        return {MASKED: ArrayRecord({MASKED: Array(np.zeros(self.numbers_due(), np.uint64))})}

    def begin_sum(self) -> None:
        """Get ready for a round's answers."""
        super().begin_sum()
        self.seen: dict[int, np.ndarray] = {}
        self._peers: dict[int, list[int]] = {}

    def add(self, node: int, content: RecordDict) -> None:
        """Keep a hospital's masked numbers; they mean nothing until the masks are off."""
        number = self._number(node)
        self.seen[number] = content[MASKED][MASKED].numpy()
        told, sent = _peers(content), {number, *self._boxes.get(number, {})}
        self._peers[number] = told if sent.issuperset(told) else []  # [] agrees with nobody

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:
        """Agree on who is left, collect pieces, and hand the sum to the strategy behind."""
        left = agreeing(self._peers)
        nodes = [node for node in counted if self._number(node) in left]
        for node in set(counted) - set(nodes):
            member = self.roster.members[node]
            self._early[member.name] = "its masks are not those of the others"
        if len(nodes) < self.fewest:
            raise PrivacyError(
                "secure aggregation",
                f"masks of {len(nodes)} hospitals go together, and a round needs {self.fewest}",
                "Run the round again when more of them answer",
            )
        total = self.plan.numbers().decode(self._unmask(left, nodes))
        self.take(total, nodes, self.plan.number_bound)
        return super().combine(server_round, nodes)

    def _unmask(self, left: list[int], nodes: list[int]) -> np.ndarray:
        self.asked = nodes
        signed = {
            self._number(node): bytes(said["signature"])
            for node, said in self._ask("confirm", {"left": left}).items()
        }
        asked = {"numbers": list(signed), "signatures": list(signed.values())}
        self.asked = [node for node in nodes if self._number(node) in signed]
        revealed = {
            self._number(node): {
                int(n): bytes(p) for n, p in zip(said["numbers"], said["pieces"], strict=True)
            }
            for node, said in self._ask("reveal", asked).items()
        }
        return unmasked_sum(
            str(self._name).encode(),
            self.threshold,
            self.adverts,
            self._peers,
            {number: self.seen[number] for number in left},
            revealed,
        )

    def _ask(self, stage: str, what: Mapping[str, object]) -> dict[int, ConfigRecord]:
        """Ask all in ``asked``; who does not answer as is due is left out from here on."""
        asked = {"stage": stage, **what}
        content = RecordDict({ASKED: ConfigRecord(asked)})
        messages = [Message(content, node, MessageType.TRAIN) for node in self.asked]
        self.overhead += len(messages) * _bytes(asked)
        replies = self._grid.send_and_receive(messages, timeout=self.timeout) if messages else ()
        found = {}
        for node, reply in self._by_partition(replies):
            problem = reply_problem(reply) or _stage_problem(stage, reply.content)
            if problem is None:
                found[node] = reply.content[ASKED]
                self.overhead += _bytes(found[node])
            elif stage in ("advertise", "share"):
                self._early[self.roster.members[node].name] = f"{stage}: {problem}"
        if stage in ("advertise", "share"):
            self.asked = [node for node in self.asked if node in found]
        return found

    def _number(self, node: int) -> int:
        return self.roster.members[node].partition


def _peers(content: RecordDict) -> list[int]:
    """Return with whom a hospital says that it made masks; nobody, where it does not say so."""
    told = content.get(PEERS)
    numbers = told.get("numbers") if isinstance(told, ConfigRecord) else None
    return numbers if isinstance(numbers, list) and all(type(n) is int for n in numbers) else []


_DUE = {
    "advertise": dict.fromkeys(ADVERT, bytes),
    "share": {"numbers": int, "boxes": bytes},
    "confirm": {"signature": bytes},
    "reveal": {"numbers": int, "pieces": bytes},
}


def _stage_problem(stage: str, content: RecordDict) -> str | None:
    """Return in what an answer is not as is due, or None."""
    found = content.get(ASKED)
    due = _DUE[stage]
    if not isinstance(found, ConfigRecord) or set(found) != set(due):
        return "its answer does not hold what was asked for"
    for name, kind in due.items():
        value = found[name]
        several = stage in ("share", "reveal")
        if isinstance(value, list) != several:
            return f"its {name} is {'one value' if several else 'a list'}"
        if not all(type(part) is kind for part in (value if several else [value])):
            return f"its {name} is not of {kind.__name__}"
    if stage in ("share", "reveal") and len({len(found[name]) for name in due}) > 1:
        return "its lists differ in length"
    return None


def _bytes(record: Mapping[str, object]) -> int:
    """Return the bytes of a record's values; a number counts eight."""
    parts = [p for v in record.values() for p in (v if isinstance(v, list) else [v])]
    return sum(len(p) if isinstance(p, (bytes, str)) else 8 for p in parts)
