"""How a server withstands hostile hospitals: what was settled before a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import RobustnessError
from fedlab_utils.federated.bucketing import bucketed
from fedlab_utils.federated.robust_needs import check_enough
from fedlab_utils.federated.robust_rules import (
    Combined,
    clip_norms,
    coordinate_median,
    fltrust,
    krum,
    multi_krum,
    trimmed_mean,
)
from fedlab_utils.federated.settings import FederationSettings, read_config, write_config

RULES = ("median", "trimmed-mean", "krum", "multi-krum", "clip", "fltrust")


@dataclass(frozen=True)
class RobustPlan:
    """How a server withstands hostile hospitals. All hospitals count equally then.

    Attributes
    ----------
    rule
        One of ``RULES``, see :mod:`fedlab_utils.federated.robust_rules`; empty: none.
    hostile
        ``f``, how many of the hospitals that answer may be hostile: an assumption.
    chosen
        Multi-Krum's ``m``; 0: ``n - f - 2``.
    clip_bound
        Longest update that clipping leaves as it is; 0: the median of their lengths.
    bucket
        Hospitals whose updates are averaged before the rule sees them; 1: none are. See
        :func:`fedlab_utils.federated.bucketing.bucketed`. Who shares a bucket follows from the
        run's seed, so that a run can be repeated and resumed bit for bit. Hospitals have the seed
        too, in their ``run_config``: a hostile one can tell whom it will be averaged with. Outside
        a simulation the server should draw from a secret of its own.
    client_momentum
        Share of its last update that each hospital repeats, see
        :mod:`fedlab_utils.federated.client_momentum`; 0: none.
    root
        FLTrust's public data, a data set's folder; empty where a task is handed over instead.

    Raises
    ------
    RobustnessError
        If a value is of another type, out of range, or says something of no rule.
    """

    rule: str = ""
    hostile: int = 0
    chosen: int = 0
    clip_bound: float = 0.0
    bucket: int = 1
    client_momentum: float = 0.0
    root: str = ""

    def __post_init__(self) -> None:
        make_plain(self, RobustnessError)
        for name, fine, remedy in (
            ("rule", self.rule in ("", *RULES), f"Choose one of {', '.join(RULES)}"),
            ("hostile", self.hostile >= 0, "Pass how many hospitals may be hostile, 0 or more"),
            ("chosen", self.chosen >= 0, "Pass how many updates to average, or 0"),
            ("clip_bound", self.clip_bound >= 0, "Pass a length above 0, or 0 for their median"),
            ("bucket", self.bucket >= 1, "Pass hospitals per bucket, 1 or more"),
            ("client_momentum", 0 <= self.client_momentum < 1, "Pass a number from 0 to below 1"),
        ):
            if not fine:
                raise RobustnessError(name, f"it is {getattr(self, name)!r}", remedy)
        of_one = {"chosen": "multi-krum", "clip_bound": "clip", "root": "fltrust"}
        for field in fields(self):
            due = of_one.get(field.name, self.rule)
            if getattr(self, field.name) != field.default and (not self.rule or self.rule != due):
                raise RobustnessError(
                    field.name,
                    f"it is {getattr(self, field.name)!r}, and the rule is {self.rule!r}",
                    f"Take the rule {due!r} too" if due else "Name a rule too",
                )

    @property
    def on(self) -> bool:
        """Whether there is a rule."""
        return bool(self.rule)

    def check(self, settings: FederationSettings, hospitals: int, root: bool = True) -> None:
        """Refuse, before a run, what this rule cannot withstand in any round.

        Parameters
        ----------
        settings, hospitals
            Of the run.
        root
            Whether the server has public data.

        Raises
        ------
        RobustnessError
            If there are too few hospitals, or no public data for FLTrust.
        """
        if not self.on:
            return
        if self.rule == "fltrust" and not root:
            raise RobustnessError(
                self.rule,
                "the server has no public data to train on",
                "Pass root, a task or a folder of public cases",
            )
        asked = max(settings.fewest, round(settings.fraction * hospitals))
        self.check_count(min(hospitals, asked))

    def check_count(self, count: int) -> None:
        """Refuse so few updates.

        Raises
        ------
        RobustnessError
            If the rule, which sees a row per bucket, needs more, or is to choose too many.
        """
        rows = math.ceil(count / self.bucket)
        try:
            check_enough(self.rule, rows, self.hostile)
        except RobustnessError as error:
            if self.bucket == 1:
                raise
            cause = f"{count} hospitals make {rows} buckets of {self.bucket}; {error.cause}"
            remedy = f"{error.remedy}, or take smaller buckets"
            raise RobustnessError(self.rule, cause, remedy) from None
        most = rows - self.hostile - 2
        if self.chosen and self.chosen > most:
            raise RobustnessError(
                "chosen",
                f"it is {self.chosen}, and of {rows} updates with {self.hostile} hostile ones "
                f"n - f - 2 = {most} may be",
                "Choose fewer, or 0 for so many",
            )

    def combine(
        self, rows: np.ndarray, rng: np.random.Generator, root: np.ndarray | None = None
    ) -> tuple[Combined, np.ndarray]:
        """Apply the rule.

        Parameters
        ----------
        rows
            Updates ``(n, d)``.
        rng
            Draws buckets.
        root
            FLTrust's root update ``(d,)``.

        Returns
        -------
        tuple
            What came out, weights and scores by hospital, those in a bucket having the same; and
            each hospital's bucket.

        Raises
        ------
        RobustnessError
            As the rule does.
        """
        self.check_count(len(rows))
        means, bucket_of = rows, np.arange(len(rows))
        if self.bucket > 1:
            means, bucket_of = bucketed(rows, self.bucket, rng)
        found = {
            "median": lambda: coordinate_median(means, self.hostile),
            "trimmed-mean": lambda: trimmed_mean(means, self.hostile),
            "krum": lambda: krum(means, self.hostile),
            "multi-krum": lambda: multi_krum(means, self.hostile, self.chosen),
            "clip": lambda: clip_norms(means, self.hostile, self.clip_bound),
            "fltrust": lambda: fltrust(means, root),
        }[self.rule]()
        sizes = np.bincount(bucket_of)
        weights = (found.weights / sizes)[bucket_of]
        return replace(found, weights=weights, scores=found.scores[bucket_of]), bucket_of

    def to_config(self) -> dict[str, str | int | float | bool]:
        """Return the plan as part of a Flower ``run_config``."""
        return write_config(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> RobustPlan:
        """Take the plan from a ``run_config`` that may hold more; what is absent is default."""
        return cls(**read_config(cls, config))
