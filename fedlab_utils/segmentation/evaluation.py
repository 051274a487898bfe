"""Every case of a cohort measured at its files' resolution: a model's answer, or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import ClinicalTableError, DataError, MissingFileError
from fedlab_utils.segmentation.metrics import measure
from fedlab_utils.segmentation.prediction_files import (
    find_prediction,
    read_prediction,
    scheme_name,
    unmatched_files,
)
from fedlab_utils.segmentation.scores import Evaluation

if TYPE_CHECKING:
    from fedlab_utils.data.case import Case
    from fedlab_utils.data.cohort import Cohort
    from fedlab_utils.segmentation.weights import TrainedModel


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
        allowed too. A case without a file is a problem, not a score of 0; a file without a case
        is named in :attr:`Evaluation.unmatched`. A file whose affine places its voxels on the
        case's grid in another order of axes, mirrored for instance, is turned.
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

    result = _evaluate(cohort.labelled(), answer, progress)
    known = [files.case_id for files in cohort.labelled()]
    known += [problem.case for problem in cohort.problems]
    return replace(result, unmatched=unmatched_files(folder, known))


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
        first = next(p for p in problems if not isinstance(p, ClinicalTableError))
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
