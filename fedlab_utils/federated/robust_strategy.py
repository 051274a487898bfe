"""A strategy that withstands hostile hospitals: a robust rule in the place of the average.

It stands before any of the course's strategies that average models. What hospitals send becomes
one matrix, a hospital per row, of what the trained parameters moved by; the rule sees nothing else,
least of all what hospitals say of their own size. Buffers, such as running averages, which may not
decide who is trusted, take the median of all hospitals'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict

from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated.robust_plan import RobustPlan
from fedlab_utils.federated.root_training import RootTraining
from fedlab_utils.federated.screening import in_short
from fedlab_utils.federated.strategies import ARRAYS, Screened
from fedlab_utils.federated.update_geometry import norms

IDLE = 0.01
"""A hospital whose update is shorter than this share of the median did not train: SGD and Adam move
every hospital's model by lengths of one order. One that sends noise of a fair length is not found.
"""


def robust(strategy: Screened, plan: RobustPlan, root: RootTraining | None = None) -> Screened:
    """Return a strategy that combines updates by a plan's rule.

    Parameters
    ----------
    strategy
        One of the course's; it is changed in place.
    plan
        Of the run.
    root
        What the same training makes of a model on public patients; for FLTrust alone.

    Raises
    ------
    RobustnessError
        If the strategy does more with answers than to average models.
    """
    kind = type(strategy)
    if kind.add is not Screened.add or kind.average is not Screened.average:
        raise RobustnessError(
            kind.__name__,
            f"it has its own way with answers, which {plan.rule} does not protect",
            "Take a strategy that averages models, without masks or encryption",
        )
    if plan.rule == "fltrust" and root is None:
        raise RobustnessError(plan.rule, "the server has no public data to train on", "Pass root")
    strategy.__class__ = type(f"Robust{kind.__name__}", (Robust, kind), {})
    strategy.robust_plan, strategy.root = plan, root
    return strategy


class Robust(Screened):
    """What :func:`robust` puts before a strategy.

    Hospitals whose answer was garbage, or nothing, are left out. Where the rule then has too few
    updates for ``f`` hostile ones among them, some of the garbage is taken for theirs.

    Attributes
    ----------
    seen
        The last round's updates ``(n, d)``, by partition, of hospitals that the rule judged; until
        the next round begins.
    """

    robust_plan: RobustPlan
    root: RootTraining | None
    seen: np.ndarray | None = None
    _rows: np.ndarray | None = None

    def identity(self) -> dict[str, str]:
        """Name the public patients too, where there are some."""
        public = {"digest of the public patients": self.root.digest()} if self.root else {}
        return super().identity() | public

    def begin(self, trained: Iterable[str], arrays: ArrayRecord) -> None:
        """Note which arrays are parameters, and where in a row they stand."""
        super().begin(trained, arrays)
        names = set(trained)
        sizes = {n: int(np.prod(a.shape, dtype=np.int64)) for n, a in arrays.items() if n in names}
        ends = np.cumsum([0, *sizes.values()]).tolist()
        self._at = {n: slice(*pair) for n, pair in zip(sizes, pairwise(ends), strict=True)}
        self._kind = np.result_type(*(arrays[n].dtype for n in sizes))
        self._length = ends[-1]

    def begin_sum(self) -> None:
        """Make room for a round's answers, as many as were asked for; the last round's is used."""
        super().begin_sum()
        self.seen = None
        if self._rows is None or len(self._rows) < len(self.asked):
            self._rows = np.empty((len(self.asked), self._length), self._kind)
        sent = [self.sent[name].numpy().ravel() for name in self._at]
        self._start = np.concatenate(sent, dtype=self._kind)
        self._buffers: dict[str, list[np.ndarray]] = {n: [] for n in self.sent if n not in self._at}
        self._filled = self._answered = 0

    def _by_partition(self, replies: Iterable[Message]) -> Iterator[tuple[int, Message | None]]:
        """Count who answered at all: whoever then does not count has sent garbage."""
        for node, reply in super()._by_partition(replies):
            self._answered += reply is not None and not reply.has_error()
            yield node, reply

    def add(self, node: int, content: RecordDict) -> None:  # noqa: ARG002
        """Write what a valid answer moved the parameters by into the next row."""
        arrays, row = content[ARRAYS], self._rows[self._filled]
        np.concatenate([arrays[name].numpy().ravel() for name in self._at], out=row)
        row -= self._start
        for name, values in self._buffers.items():
            values.append(arrays[name].numpy())
        self._filled += 1

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Combine the valid answers; a round that the rule could not withstand changes nothing."""
        try:
            return super().aggregate_train(server_round, replies)
        except RobustnessError as error:
            self.trained.left_out["server"] = in_short(str(error))
            return None, None

    def combine(self, server_round: int, counted: list[int]) -> ArrayRecord:
        """Note the round, which decides buckets."""
        self._round = server_round
        return super().combine(server_round, counted)

    def average(self, counted: list[int]) -> dict[str, np.ndarray]:
        """Return the model moved by what the rule makes of the updates."""
        names = [self.roster.members[node].name for node in counted]
        working, rows = self._working(names), self._rows[: len(names)]
        self.seen = rows if len(working) == len(rows) else rows[working]
        names = [names[number] for number in working]
        if len(names) < self.fewest:
            raise RobustnessError(
                "fewest", f"{len(names)} hospitals trained", f"{self.fewest} are needed to go on"
            )
        rng = np.random.default_rng((self.seed, self._round, len(self.asked)))
        plan = self._affordable(len(working))
        found, bucket_of = plan.combine(self.seen, rng, self._root_update())
        for name, weight, score, bucket in zip(
            names, found.weights, found.scores, bucket_of, strict=True
        ):
            told = {"weight": float(weight), "score": float(score)}
            told |= {"bucket": int(bucket)} if self.robust_plan.bucket > 1 else {}
            self.trained.rule[name] = told
        moved = {
            name: np.asarray(array.numpy() + found.update[self._at[name]].reshape(array.shape))
            for name, array in self.sent.items()
            if name in self._at
        }
        model = {name: value.astype(self.sent[name].dtype) for name, value in moved.items()}
        middle = {
            name: np.median(np.stack([values[number] for number in working]), axis=0)
            for name, values in self._buffers.items()
        }
        return model | {name: np.asarray(value) for name, value in middle.items()}

    def _affordable(self, count: int) -> RobustPlan:
        """Return the plan, with fewer hostile ones only where so few updates ask for it.

        Who sent garbage was hostile, or broken: nobody knows. So the assumption is lowered no
        further than the rule needs in order to work at all, and by no more than there was garbage.
        """
        plan, garbage = self.robust_plan, self._answered - count
        for hostile in range(plan.hostile, max(0, plan.hostile - garbage) - 1, -1):
            found = replace(plan, hostile=hostile)
            try:
                found.check_count(count)
            except RobustnessError:
                continue
            return found
        return plan

    def _working(self, names: list[str]) -> list[int]:
        """Return the rows of hospitals that trained; leave out who sent the model back."""
        lengths = norms(self._rows[: len(names)])
        least = IDLE * float(np.median(lengths))
        idle = [number for number, length in enumerate(lengths) if length < least]
        for number in idle:
            self.trained.metrics.pop(names[number], None)
            self.trained.left_out[names[number]] = (
                f"it did not train: its update is of length {lengths[number]:.3g}, and the median "
                f"of all is {least / IDLE:.3g}"
            )
        return [number for number in range(len(names)) if number not in idle]

    def _root_update(self) -> np.ndarray | None:
        if self.robust_plan.rule != "fltrust":
            return None
        trained = self.root(self._round, self.sent)
        return np.concatenate([trained[name].ravel() for name in self._at]) - self._start
