"""What a federation leaves behind: its rounds, its best model, and how each hospital fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class RoundReport:
    """One round.

    Attributes
    ----------
    round
        From 1.
    counted
        Whether enough hospitals answered validly, so that the model changed.
    trained
        Hospital's name -> figures of its training (``num-examples``, ``steps``, ``loss``,
        ``samples``; with differential privacy ``epsilon`` in place of the last two).
    left_out
        Hospital's name -> why its training did not count.
    sent, received
        Megabytes from the server and to it for training, see
        :func:`fedlab_utils.federated.traffic.message_bytes`.
    seconds
        Of the whole round, looking at validation included.
    validation
        Hospital's name -> figures on its validation patients; empty if none were asked.
    unjudged
        Hospital's name -> why it did not judge the model.
    score
        Mean of the validation patients' scores over the hospitals in ``validation``; None if there
        are none. Where hospitals come and go, two rounds' scores cannot be compared.
    judging
        Megabytes both ways for the look at validation patients.
    rule
        Hospital's name -> what a robust rule made of its update: ``weight`` and ``score``, see
        :class:`fedlab_utils.federated.robust_rules.Combined`, and its ``bucket`` where there are
        some; empty without a rule.
    """

    round: int
    counted: bool
    trained: dict[str, dict]
    left_out: dict[str, str]
    sent: float
    received: float
    seconds: float
    validation: dict[str, dict] = field(default_factory=dict)
    unjudged: dict[str, str] = field(default_factory=dict)
    score: float | None = None
    judging: float = 0.0
    rule: dict[str, dict] = field(default_factory=dict)

    @property
    def megabytes(self) -> float:
        """All of the round's traffic; changes of a model travel with whatever is asked first."""
        return self.sent + self.received + self.judging

    @property
    def loss(self) -> float:
        """Mean training loss, hospitals weighted by patients; NaN if none told it."""
        rows = [row for row in self.trained.values() if "loss" in row]
        if not rows:
            return float("nan")
        weights = [row["num-examples"] for row in rows]
        return float(np.average([row["loss"] for row in rows], weights=weights))


@dataclass(frozen=True, eq=False)
class Federation:
    """A federation after its last round.

    Attributes
    ----------
    history
        One report per round.
    best_round
        The round whose model scored best on validation patients; the last one if there are none.
        A round takes over if its mean beats the best one's over the hospitals that judged both.
    weights
        The shared weights of that round.
    last
        The shared weights after the last round.
    test
        Hospital's name -> figures of the best round's model on its test patients.
    unjudged
        Hospital's name -> why it did not judge that model.
    """

    history: tuple[RoundReport, ...]
    best_round: int
    weights: dict[str, torch.Tensor] = field(repr=False)
    last: dict[str, torch.Tensor] = field(repr=False)
    test: dict[str, dict] = field(repr=False)
    unjudged: dict[str, str]

    @property
    def validation(self) -> float:
        """Score of the best round on validation patients; NaN if there are none."""
        score = self.history[self.best_round - 1].score
        return float("nan") if score is None else score

    def summary(self, figure: str = "score") -> dict[str, object]:
        """Return a test figure as mean over patients, mean over hospitals, and worst hospital.

        Raises
        ------
        KeyError
            If no hospital gave such a figure.
        """
        return summarise(self.test, figure)


def summarise(rows: Mapping[str, Mapping], figure: str = "score") -> dict[str, object]:
    """Return a figure of all hospitals in three numbers, and who the worst is.

    Parameters
    ----------
    rows
        Hospital's name -> its figures, ``num-examples`` among them.
    figure
        The larger the better.

    Returns
    -------
    dict
        ``patients`` (mean over all patients), ``hospitals`` (mean over hospitals, however small),
        ``worst`` (the lowest hospital's) and ``worst_hospital`` (its name).
    """
    values = {name: float(row[figure]) for name, row in rows.items() if figure in row}
    if not values:
        raise KeyError(figure)
    weights = [rows[name]["num-examples"] for name in values]
    worst = min(values, key=values.get)
    return {
        "patients": float(np.average(list(values.values()), weights=weights)),
        "hospitals": float(np.mean(list(values.values()))),
        "worst": values[worst],
        "worst_hospital": worst,
    }
