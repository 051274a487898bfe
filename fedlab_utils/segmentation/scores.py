"""Scores of a cohort: means over patients, medians, what was missed; as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.errors import ClinicalTableError, DataError
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM, is_missed
from fedlab_utils.segmentation.statistics import Estimate, bootstrap_mean

SCORES = ("dice", "hd95")


@dataclass(frozen=True)
class Evaluation:
    """Scores of a cohort's cases.

    Attributes
    ----------
    cases
        One row per case: ``case``, ``patient``, ``institution`` (or None), and per name in
        ``MEASURED`` a dict of ``dice`` and ``hd95`` (mm).
    problems
        Cases that could not be scored, and clinical tables that could not be read, and why.
    unmatched
        Names of prediction files that belong to no case with a segmentation.
    """

    cases: tuple[dict, ...]
    problems: tuple[DataError, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def not_scored(self) -> tuple[DataError, ...]:
        """The problems that cost a case its score; a faulty table costs none."""
        return tuple(p for p in self.problems if not isinstance(p, ClinicalTableError))

    def mean(self, institution: str | None = None) -> dict[str, dict[str, Estimate]]:
        """Return means over patients with bootstrap intervals, of all or of one institution.

        A patient's visits are averaged first, so that each patient counts once.
        """
        rows = self._rows(institution)
        return {
            name: {score: bootstrap_mean(_per_patient(rows, name, score)) for score in SCORES}
            for name in MEASURED
        }

    def median_hd95(self, institution: str | None = None) -> dict[str, float]:
        """Return the median HD95 (mm) over patients: what is usual, whatever a missed one costs.

        Patients whose region is missed, or rightly absent, count among them.
        """
        rows = self._rows(institution)
        return {name: float(np.median(_per_patient(rows, name, "hd95"))) for name in MEASURED}

    def missed(self, institution: str | None = None) -> dict[str, int]:
        """Return in how many cases a region is in one of the masks alone: missed or invented."""
        rows = self._rows(institution)
        return {name: sum(is_missed(row[name]) for row in rows) for name in MEASURED}

    def _rows(self, institution: str | None) -> list[dict]:
        return [c for c in self.cases if institution in (None, c["institution"])]

    def institutions(self) -> tuple[str, ...]:
        """Names of the institutions, sorted; empty where the cohort knows none."""
        return tuple(sorted({c["institution"] for c in self.cases if c["institution"]}))

    def as_json(self) -> dict:
        """Return the plain form that ``evaluate --json`` prints; every number is finite.

        A region that is in one of the masks alone has no distance: its ``hd95`` is
        :data:`fedlab_utils.segmentation.metrics.MISSED_MM`, the diagonal of a BraTS volume. Since
        a few of these decide the mean, ``hd95_median`` and ``missed`` (cases) stand beside it.
        """
        return {
            "cases": list(self.cases),
            "mean": self._plain(),
            "institutions": {name: self._plain(name) for name in self.institutions()},
            "problems": [str(problem) for problem in self.problems],
            "unmatched": list(self.unmatched),
        }

    def as_text(self) -> str:
        """Return the scores as a table: all patients, then each institution.

        A column per name of ``MEASURED``: it needs a terminal 130 characters wide.
        """
        lines_of = (row for where in (None, *self.institutions()) for row in self._lines(where))
        rows = [("", list(MEASURED)), *lines_of]
        width = 2 + max(len(label) for label, _ in rows)
        lines = [f"{label:{width}}" + "".join(f"{c:>22}" for c in cells) for label, cells in rows]
        return "\n".join([*lines, "; ".join(self._legend()), *self._not_counted()])

    def regions_as_text(self) -> str:
        """Return the scores of all patients as a table with a row per region, for a notebook.

        It fits into 70 characters, which a window half a screen wide still shows whole.
        """
        rows = [("", ["dice", "hd95 mm", "median", "missed"])]
        for name in REGIONS:
            rows.append((name, [cell for _, (cell,) in self._lines(None, (name,))]))
        widths = (21, 22, 9, 12)
        lines = [
            f"{name:3}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True))
            for name, cells in rows
        ]
        return "\n".join([*lines, *self._legend(), *self._not_counted()])

    def _legend(self) -> list[str]:
        patients = len({case["patient"] for case in self.cases})
        return [
            f"means over {patients} patients, 95 % bootstrap intervals",
            f"missed: cases with the region in one mask alone, HD95 {MISSED_MM:.0f} mm",
        ]

    def _not_counted(self) -> list[str]:
        lacking = len(self.not_scored)
        return [f"not counted: {lacking} that could not be scored"] if lacking else []

    def _lines(
        self, where: str | None, names: Sequence[str] = MEASURED
    ) -> list[tuple[str, list[str]]]:
        """Rows of the table for one place: label, and a cell per name."""
        who, means, cases = where or "all", self.mean(where), len(self._rows(where))
        medians, missed = self.median_hd95(where), self.missed(where)
        return [
            (f"{who} dice", [f"{means[name]['dice']:.3f}" for name in names]),
            (f"{who} hd95 mm", [f"{means[name]['hd95']:.1f}" for name in names]),
            (f"{who} median hd95 mm", [f"{medians[name]:.1f}" for name in names]),
            (f"{who} missed", [f"{missed[name]} of {cases}" for name in names]),
        ]

    def _plain(self, institution: str | None = None) -> dict[str, dict]:
        medians, missed = self.median_hd95(institution), self.missed(institution)
        plain: dict[str, dict] = {}
        for name, scores in self.mean(institution).items():
            plain[name] = {"hd95_median": medians[name], "missed": missed[name]}
            for score, estimate in scores.items():
                plain[name][score] = estimate.mean
                plain[name][f"{score}_interval"] = [estimate.low, estimate.high]
        return plain


def _per_patient(rows: list[dict], name: str, score: str) -> list[float]:
    patients: dict[str, list[float]] = {}
    for row in rows:
        patients.setdefault(row["patient"], []).append(row[name][score])
    return [float(np.mean(values)) for values in patients.values()]
