"""Scores of a cohort: every case measured at its files' resolution, means over patients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import DataError, MissingFileError
from fedlab_utils.segmentation.metrics import MEASURED, measure
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
        rows = [c for c in self.cases if institution in (None, c["institution"])]
        return {
            name: {score: bootstrap_mean(_per_patient(rows, name, score)) for score in SCORES}
            for name in MEASURED
        }

    def institutions(self) -> tuple[str, ...]:
        """Names of the institutions, sorted; empty where the cohort knows none."""
        return tuple(sorted({c["institution"] for c in self.cases if c["institution"]}))

    def as_json(self) -> dict:
        """Return the plain form that ``evaluate --json`` prints; every number is finite.

        A region that is in one of the masks alone has no distance: its ``hd95`` is
        :data:`fedlab_utils.segmentation.metrics.MISSED_MM`, as the BraTS challenges count it.
        """
        return {
            "cases": list(self.cases),
            "mean": _plain(self.mean()),
            "institutions": {name: _plain(self.mean(name)) for name in self.institutions()},
            "problems": [str(problem) for problem in self.problems],
        }

    def as_text(self, institutions: bool = True) -> str:
        """Return the means as a table: all patients, then, if wanted, each institution."""
        head = f"{'':14}" + "".join(f"{name:>26}" for name in MEASURED)
        lines = [head]
        for where in (None, *(self.institutions() if institutions else ())):
            means = self.mean(where)
            for score, unit in (("dice", ""), ("hd95", " mm")):
                label = f"{where or 'all'} {score}{unit}"
                cells = "".join(f"{means[name][score]!s:>26}" for name in MEASURED)
                lines.append(f"{label:14}{cells}")
        patients = next(iter(self.mean().values()))["dice"].patients
        lines.append(f"means over {patients} patients, 95 % bootstrap intervals")
        return "\n".join(lines)


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


def _plain(means: dict[str, dict[str, Estimate]]) -> dict:
    return {
        name: {
            key: value
            for score, estimate in scores.items()
            for key, value in (
                (score, estimate.mean),
                (f"{score}_interval", [estimate.low, estimate.high]),
            )
        }
        for name, scores in means.items()
    }
