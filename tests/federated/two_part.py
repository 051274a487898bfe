"""A federation of bowls with all that a checkpoint must hold: layers at home, running averages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.settings import STRATEGIES
from tests.federated.toys import BowlTask, Point

SGD = {"optimiser": "sgd", "learning_rate": 0.05, "weight_decay": 0.0}
EVERY = {
    **{name: {"strategy": name, **SGD} for name in STRATEGIES},
    "adamw kept": {"keep_optimiser": True},
    "momentum kept": {**SGD, "momentum": 0.9, "keep_optimiser": True},
    "half of them": {"strategy": "scaffold", **SGD, "fraction": 0.5},
    "personal": {"personal": "head", **SGD, "fraction": 0.5},
    "tuned": {**SGD, "tune_steps": 2},
    "gradient as variate": {"strategy": "scaffold", **SGD, "option": 1, "fraction": 0.5},
    "cosine": {**SGD, "schedule": "cosine", "momentum": 0.9, "keep_optimiser": True},
    "every other round": {"personal": "head", **SGD, "fraction": 0.5, "evaluate_every": 2},
}


class TwoPart(Point):
    """A point, a second one that may stay at home, and a batch normalisation of both."""

    def __init__(self) -> None:
        super().__init__(torch.zeros(3, dtype=torch.float64))
        self.head = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.norm = torch.nn.BatchNorm1d(3, dtype=torch.float64)

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.at + self.head + 0.1 * self.norm(torch.stack([self.at, self.head])).sum(0)


class TwoPartTask(BowlTask):
    """Bowls around the sum of the parts; noisy, so that a round done otherwise would show."""

    def __post_init__(self) -> None:
        self._network, self.noise = TwoPart(), 0.4

    def initial(self) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in TwoPart().state_dict().items()}

    def evaluate(self, network, hospital, part) -> dict:  # noqa: ARG002
        with torch.no_grad():
            loss = float(self.bowls[hospital].loss(network.eval()(None)))
        return {"num-examples": self.counts[hospital], "score": -loss}


def settings_of(name: str) -> FederationSettings:
    return replace(FederationSettings(rounds=5, local_steps=2, seed=4), **EVERY[name])


def cut_off(task: TwoPartTask, settings: FederationSettings, out: Path, after: int, **how) -> None:
    """Run some rounds and end without the last judgement."""

    class CutError(Exception):
        pass

    def stop(report) -> None:
        if report.round == after:
            raise CutError

    with pytest.raises(CutError):
        federate(task, settings, out, on_round=stop, **how)
