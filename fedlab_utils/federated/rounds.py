"""A federation under way: rounds, each with its checkpoint, and the judgement at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message
from flwr.serverapp import Grid

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_screening import arrays_problem
from fedlab_utils.federated.checkpoint import Checkpoint, identity_of, take_up
from fedlab_utils.federated.client import OUT
from fedlab_utils.federated.corrections import trained
from fedlab_utils.federated.history import Federation, RoundReport
from fedlab_utils.federated.layers import personal_names
from fedlab_utils.federated.private_training import PrivacyPlan
from fedlab_utils.federated.records import averaged, to_arrays, to_record, to_tensors
from fedlab_utils.federated.roster import Member, Roster
from fedlab_utils.federated.settings import FederationSettings
from fedlab_utils.federated.strategies import Screened, weighted_means
from fedlab_utils.federated.task import Task
from fedlab_utils.federated.traffic import MEGABYTE, Metered

RESUME = "resume"
"""Key of a ``run_config``: whether to go on with what the folder holds."""


class Server:
    """A federation under way.

    Parameters
    ----------
    grid, context
        Flower's.
    task, settings, strategy
        What is learned, and how.

    Raises
    ------
    FederationError
        If the folder holds another run, see :func:`fedlab_utils.federated.checkpoint.take_up`.
    """

    def __init__(
        self,
        grid: Grid,
        context: Context,
        task: Task,
        settings: FederationSettings,
        strategy: Screened,
    ) -> None:
        self.grid, self.settings, self.strategy = grid, settings, strategy
        self.link = Metered(grid)
        config = dict(context.run_config)
        self.folder = Path(str(config[OUT])) if config.get(OUT) else None
        self.timeout = strategy.timeout = settings.timeout or None
        network = task.network()
        home, initial = personal_names(network, settings), task.initial()
        shared = to_record({n: v for n, v in initial.items() if n not in home})
        identity = identity_of(strategy, initial)
        found = take_up(self.folder, config, bool(config.get(RESUME)), identity)
        if found is None:
            found = Checkpoint(config, to_arrays(shared))
        else:
            self._check_model(found, shared)
        self.roster = Roster(Member(*row) for row in found.members)
        private = PrivacyPlan.from_config(config)
        if private.on:
            private.steps(settings)  # refuses, before anyone trains, what no noise covers
        strategy.join(self.roster, settings.seed, settings.fewest, private.epsilon)
        strategy.begin([name for name in trained(network) if name not in home], shared)
        found.config, found.identity = config, identity
        self.state = found
        if found.history:
            strategy.load_state(found.strategy)
        strategy.judging = {(number, part): count for number, part, count in found.judging}

    def _check_model(self, found: Checkpoint, shared: ArrayRecord) -> None:
        for arrays in (found.weights, found.best) if found.best_round else (found.weights,):
            if problem := arrays_problem(to_record(arrays), shared):
                raise FederationError(
                    self.folder,
                    f"its model does not fit: {problem}",
                    "Resume with the network it began with, or name a new folder",
                )

    def _write(self) -> None:
        state, roster = self.state, self.roster
        members = (roster.known[number] for number in sorted(roster.known))
        state.members = [list(astuple(member)) for member in members]
        state.judging = [[*whose, count] for whose, count in sorted(self.strategy.judging.items())]
        state.write(self.folder)

    def run(self, on_round: Callable[[RoundReport], None] | None = None) -> Federation:
        """Run the rounds that are left, then judge the best round's model on test patients."""
        state = self.state
        while len(state.history) < self.settings.rounds:
            report = self._round(len(state.history) + 1)
            state.history.append(report)
            state.test, state.unjudged = {}, {}
            state.strategy = self.strategy.state()
            self._write()
            if on_round is not None:
                on_round(report)
        if not state.best_round:
            state.best, state.best_round = dict(state.weights), len(state.history)
        if not state.test:
            self.roster.enrol(self.grid, self.timeout)
            judged = self._judge(state.best, self.settings.rounds + 1, "test")
            state.test, state.unjudged = judged.metrics, judged.left_out
            self._write()
        return Federation(
            tuple(state.history),
            state.best_round,
            to_tensors(to_record(state.best)),
            to_tensors(to_record(state.weights)),
            state.test,
            state.unjudged,
        )

    def _round(self, number: int) -> RoundReport:
        began = time.monotonic()
        self.roster.enrol(self.grid, self.timeout)
        self.link = Metered(self.grid)
        self.state.weights, counted = self._train(number)
        report = RoundReport(
            number,
            counted,
            self.strategy.trained.metrics,
            self.strategy.trained.left_out,
            self.link.sent / MEGABYTE,
            self.link.received / MEGABYTE,
            0.0,
            rule=self.strategy.trained.rule,
        )
        if number % self.settings.evaluate_every == 0 or number == self.settings.rounds:
            report = self._validate(report)
        return replace(report, seconds=round(time.monotonic() - began, 3))

    def _train(self, number: int) -> tuple[dict[str, np.ndarray], bool]:
        """Write, wait, average. The model stays as it was where that gives no sound one."""
        before, memory = self.state.weights, self.strategy.state()
        arrays, config = to_record(before), ConfigRecord()
        messages = self.strategy.configure_train(number, arrays, config, self.link)
        record, _ = self.strategy.aggregate_train(number, self._send(messages))
        arrays = before if record is None else averaged(before, record)
        remembered = self.strategy.state().values()  # Adam's spread may overflow, and never move
        if not all(np.isfinite(value).all() for value in (*arrays.values(), *remembered)):
            self.strategy.load_state(memory)
            self.strategy.trained.left_out["server"] = "the average was not finite"
            arrays, record = before, None
        return arrays, record is not None

    def _validate(self, report: RoundReport) -> RoundReport:
        self.link = Metered(self.grid)
        judged = self._judge(self.state.weights, report.round, "validation")
        judging = (self.link.sent + self.link.received) / MEGABYTE
        report = replace(report, unjudged=judged.left_out, judging=judging)
        rows = {name: row for name, row in judged.metrics.items() if "score" in row}
        if not rows:
            return replace(report, validation=judged.metrics)
        score = weighted_means(rows)["score"]
        if self._better(rows):
            self.state.best_round, self.state.best_score = report.round, score
            self.state.best = dict(self.state.weights)
        return replace(report, validation=rows, score=score)

    def _better(self, rows: dict[str, dict]) -> bool:
        """Whether a round beats the best so far, at the hospitals that judged both models."""
        if self.state.best_score == float("-inf"):
            return True
        before = self.state.history[self.state.best_round - 1].validation
        both = {name: row for name, row in rows.items() if name in before}
        then = {name: row | {"score": before[name]["score"]} for name, row in both.items()}
        return bool(both) and weighted_means(both)["score"] > weighted_means(then)["score"]

    def _judge(self, arrays: dict[str, np.ndarray], number: int, part: str):
        config = ConfigRecord({"part": part, "best-round": self.state.best_round})
        messages = self.strategy.configure_evaluate(number, to_record(arrays), config, self.link)
        self.strategy.aggregate_evaluate(number, self._send(messages))
        return self.strategy.evaluated

    def _send(self, messages: Iterable[Message]) -> Iterable[Message]:
        messages = list(messages)
        return self.link.send_and_receive(messages, timeout=self.timeout) if messages else ()
