"""A federation between two rounds, as one file that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.array_file import digest_of, read_arrays, unreadable, write_arrays
from fedlab_utils.federated.history import RoundReport
from fedlab_utils.federated.records import to_arrays, to_record
from fedlab_utils.federated.settings import FederationSettings

if TYPE_CHECKING:
    import torch

    from fedlab_utils.federated.strategies import Screened

NAME = "checkpoint.safetensors"

_FREE = {"out", "resume", "rounds", "root"}
"""Keys of a ``run_config`` in which a resumed run may differ from how it began.

Where FLTrust's public patients lie does not matter; who they are is part of :func:`identity_of`.
With a schedule, a round's learning rate depends on how many there will be; then it may not. Nor may
the rounds where the last one was looked at out of turn, or would have been.
"""


@dataclass
class Checkpoint:
    """All that the next round depends on, at the server.

    Attributes
    ----------
    config
        The run's ``run_config``.
    history
        Rounds so far.
    best_round, best_score
        Of the validation patients; 0 and minus infinity before the first look.
    weights, best
        The shared model now, and at the best round.
    strategy
        What the strategy remembers.
    test, unjudged
        Judgement on the test patients, once the last round is over.
    members
        ``[partition, name, patients]`` of every hospital that ever enrolled.
    judging
        ``[partition, part, patients]``: on how many each hospital judged a part.
    identity
        What :func:`identity_of` says of the strategy, its public patients and the first weights;
        empty where it was written without.
    """

    config: dict[str, object]
    weights: dict[str, np.ndarray]
    history: list[RoundReport] = field(default_factory=list)
    best_round: int = 0
    best_score: float = float("-inf")
    best: dict[str, np.ndarray] = field(default_factory=dict)
    strategy: dict[str, np.ndarray] = field(default_factory=dict)
    test: dict[str, dict] = field(default_factory=dict)
    unjudged: dict[str, str] = field(default_factory=dict)
    members: list[list] = field(default_factory=list)
    judging: list[list] = field(default_factory=list)
    identity: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path | None) -> None:
        """Write it; nothing happens without a folder."""
        if folder is None:
            return
        groups = {"weights": self.weights, "best": self.best, "strategy": self.strategy}
        about = {
            "config": self.config,
            "history": [asdict(report) for report in self.history],
            "best": [self.best_round, self.best_score],
            "test": self.test,
            "unjudged": self.unjudged,
            "members": self.members,
            "judging": self.judging,
            "identity": self.identity,
        }
        write_arrays(folder / NAME, groups, about)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read a federation's checkpoint.

    Raises
    ------
    FederationError
        If there is none, or it cannot be read.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        raise FederationError(path, "there is no such file", "Name the folder of a federation")
    groups, about = read_arrays(path)
    try:
        best_round, best_score = about["best"]
        found = Checkpoint(
            config=dict(about["config"]),
            history=[RoundReport(**row) for row in about["history"]],
            best_round=int(best_round),
            best_score=float(best_score),
            test=dict(about["test"]),
            unjudged=dict(about["unjudged"]),
            members=[[int(number), str(name), int(n)] for number, name, n in about["members"]],
            judging=[[int(number), str(part), int(n)] for number, part, n in about["judging"]],
            identity=dict(about.get("identity", {})),
            **groups,
        )
        _check_rounds(found)
        return found
    except (KeyError, ValueError, TypeError) as error:
        raise unreadable(path, error) from None


def _check_rounds(found: Checkpoint) -> None:
    rounds, best = [report.round for report in found.history], found.best_round
    if rounds != list(range(1, len(rounds) + 1)):
        raise ValueError(f"its rounds are {rounds}")
    if not 0 <= best <= len(rounds):
        raise ValueError(f"its best round is {best} of {len(rounds)}")


def identity_of(strategy: Screened, initial: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """Return what tells two runs with the same ``run_config`` apart, in words and short digests.

    Parameters
    ----------
    strategy
        The server's, which tells of public patients too.
    initial
        The weights that the run begins with.
    """
    digest = digest_of(to_arrays(to_record(initial)))
    return {
        **strategy.identity(),
        "digest of the first weights": digest[:16],
    }


def take_up(
    folder: Path | None,
    config: Mapping[str, object],
    resume: bool,
    identity: Mapping[str, str] | None = None,
) -> Checkpoint | None:
    """Return the checkpoint to go on from, None to begin.

    Where rounds are left and no validation patient has judged any, there is no best round yet.

    Parameters
    ----------
    folder, config, resume
        The run's, of now.
    identity
        From :func:`identity_of`; without it only settings are compared.

    Raises
    ------
    FederationError
        If the folder holds a run and resuming was not asked for, or one with other settings,
        another class of strategy, other first weights or other public patients, or one that
        another number of rounds would have led elsewhere.
    """
    if folder is None or not (folder / NAME).is_file():
        return None
    if not resume:
        raise FederationError(folder, "it holds a federation", "Pass resume, or name a new folder")
    found = read_checkpoint(folder)
    free = _FREE if config.get("schedule", "constant") == "constant" else _FREE - {"rounds"}
    _check_same(
        folder,
        {k: v for k, v in found.config.items() if k not in free},
        {k: v for k, v in json.loads(json.dumps(dict(config))).items() if k not in free},
        "Resume with the same settings, or name a new folder",
    )
    if identity and found.identity:
        remedy = "Resume with the same strategy, task and public patients, or name a new folder"
        _check_same(folder, found.identity, identity, remedy)
    asked = _check_asked(folder, found, config)
    if asked > len(found.history) and found.best_score == float("-inf"):
        found.best_round, found.best = 0, {}
    return found


def _check_same(
    folder: Path, before: Mapping[str, object], now: Mapping[str, object], remedy: str
) -> None:
    if other := sorted(k for k in before.keys() | now.keys() if before.get(k) != now.get(k)):
        raise FederationError(
            folder,
            f"it holds a run with another {other[0]}: {before.get(other[0])!r}, and now "
            f"{now.get(other[0])!r}",
            remedy,
        )


def _check_asked(folder: Path, found: Checkpoint, config: Mapping[str, object]) -> int:
    """Return how many rounds are asked for, if those done are as they would be in such a run."""
    done, asked = len(found.history), int(config.get("rounds", FederationSettings.rounds))
    if done > asked:
        raise FederationError(
            folder,
            f"it holds {done} rounds, and {asked} are asked for",
            f"Ask for {done} or more, or name a new folder",
        )
    before = int(found.config.get("rounds", FederationSettings.rounds))
    every = int(config.get("evaluate-every", FederationSettings.evaluate_every))
    if before != asked and done in (before, asked) and done % every:
        looked = "was" if done == before else "was not"
        raise FederationError(
            folder,
            f"its round {done} {looked} judged on validation patients in a run of {before} rounds "
            f"with a look every {every}, and {asked} are asked for",
            f"Ask for {before}, or name a new folder",
        )
    return asked
