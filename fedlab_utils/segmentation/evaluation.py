"""Scores of a cohort: every case measured at its files' resolution, means over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import DataError, MissingFileError
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM, is_missed, measure
from fedlab_utils.segmentation.prediction_files import (
    find_prediction,
    read_prediction,
    scheme_name,
)
from fedlab_utils.segmentation.statistics import Estimate, bootstrap_mean

if TYPE_CHECKING:
    from fedlab_utils.data.case import Case
    from fedlab_utils.data.cohort import Cohort
    from fedlab_utils.segmentation.weights import TrainedModel

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
        Cases that could not be scored, and why.
    """

    cases: tuple[dict, ...]
    problems: tuple[DataError, ...] = ()

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
        }

    def as_text(self, institutions: bool = True, names: Sequence[str] = MEASURED) -> str:
        """Return the scores as a table: all patients, then, if wanted, each institution.

        A column per name: all of ``MEASURED`` need a terminal 130 characters wide, the three
        regions fit into a notebook.
        """
        places = (None, *(self.institutions() if institutions else ()))
        lines_of = (row for where in places for row in self._lines(where, names))
        rows = [("", list(names)), *lines_of]
        width = 2 + max(len(label) for label, _ in rows)
        lines = [f"{label:{width}}" + "".join(f"{c:>22}" for c in cells) for label, cells in rows]
        patients = len({case["patient"] for case in self.cases})
        lines.append(
            f"means over {patients} patients, 95 % bootstrap intervals; missed: cases with the "
            f"region in one mask alone, HD95 {MISSED_MM:.0f} mm"
        )
        if self.problems:
            lines.append(f"not counted: {len(self.problems)} that could not be scored")
        return "\n".join(lines)

    def _lines(self, where: str | None, names: Sequence[str]) -> list[tuple[str, list[str]]]:
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


def evaluate_model(
    model: TrainedModel,
    cohort: Cohort,
    flip: bool = False,
    precision: str = "fp32",
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Let a model segment every labelled case of a cohort, and score it.

    Parameters
    ----------
    model, flip, precision
        See :func:`fedlab_utils.segmentation.prediction.predict_probabilities`.
    cohort
        Cases without segmentation are left out.
    progress
        Called with (done, total).

    Raises
    ------
    DataError
        If not one case could be scored.
    """
    from fedlab_utils.segmentation.prediction import predict_labels

    def answer(case: Case) -> np.ndarray:
        return predict_labels(model, case, flip, precision)

    return _evaluate(cohort.labelled(), answer, progress)


def evaluate_predictions(
    folder: Path,
    scheme: str,
    cohort: Cohort,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Score segmentation files that somebody else's program wrote.

    Parameters
    ----------
    folder
        Holds one ``CASE.nii.gz`` or ``CASE.nii`` per case, ``CASE_seg`` and ``CASE-seg`` being
        allowed too. A case without a file is a problem, not a score of 0.
    scheme
        Label scheme of those files, such as ``"brats2023"``, or the data set whose scheme they
        follow, such as ``"brats2018"``; never guessed.
    cohort
        The cases with their true segmentations.
    progress
        Called with (done, total).

    Raises
    ------
    DataError
        If the folder does not exist or not one case could be scored.
    ForeignLabelsError
        If a file holds a value that the scheme does not know: all others are suspect then.
    """
    scheme = scheme_name(scheme)
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingFileError(folder, "there is no such folder", "Name the predictions' folder")

    def answer(case: Case) -> np.ndarray:
        return read_prediction(find_prediction(folder, case.files.case_id), scheme, case)

    return _evaluate(cohort.labelled(), answer, progress)


def _evaluate(
    cohort: Cohort,
    answer: Callable[[Case], np.ndarray],
    progress: Callable[[int, int], None] | None,
) -> Evaluation:
    from fedlab_utils.data.case import load_case

    rows, problems = [], list(cohort.problems)
    for done, files in enumerate(cohort.cases, 1):
        try:
            rows.append(_score(cohort, load_case(files), answer))
        except DataError as problem:
            problems.append(problem)
        if progress:
            progress(done, len(cohort))
    if not rows:
        first = problems[0]
        raise type(first)(
            cohort.root, f"no case could be scored; {first.case}: {first.cause}", first.remedy
        )
    return Evaluation(tuple(rows), tuple(problems))


def _score(cohort: Cohort, case: Case, answer: Callable[[Case], np.ndarray]) -> dict:
    from fedlab_utils.data.case import to_file_grid

    truth = to_file_grid(case.labels, case)
    return {
        "case": case.files.case_id,
        "patient": case.files.patient_id,
        "institution": _institution(cohort, case.files.case_id),
        **measure(answer(case), truth, _file_spacing(case)),
    }


def _file_spacing(case: Case) -> tuple[float, ...]:
    from nibabel.affines import voxel_sizes

    return tuple(float(size) for size in voxel_sizes(case.grid.affine))


def _institution(cohort: Cohort, case_id: str) -> str | None:
    if "institution" not in cohort.table:
        return None
    value = cohort.table.loc[case_id, "institution"]
    return str(value) if isinstance(value, str) and value else None


def _per_patient(rows: list[dict], name: str, score: str) -> list[float]:
    patients: dict[str, list[float]] = {}
    for row in rows:
        patients.setdefault(row["patient"], []).append(row[name][score])
    return [float(np.mean(values)) for values in patients.values()]
