"""Split a cohort by patient: visits of one patient are never separated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.errors import DataError


@dataclass(frozen=True)
class Split:
    """Case ids for training, for choosing, and for reporting."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split_patients(
    cohort: Cohort, fractions: tuple[float, float, float] = (0.7, 0.15, 0.15), seed: int = 0
) -> Split:
    """Deal the patients of a cohort at random into training, validation and test.

    Parameters
    ----------
    cohort
        Its order and its other columns do not matter: patients are dealt by their ids.
    fractions
        Shares of patients; they sum to 1. A part with a share gets a patient as long as there are
        enough, in the order training, test, validation.
    seed
        Same patients and seed, same split.

    Raises
    ------
    DataError
        If the fractions are no shares of 1.
    """
    shares = np.asarray(fractions, float)
    if shares.shape != (3,) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
        raise DataError(
            "fractions",
            f"{fractions} are not three shares that sum to 1",
            "Pass for example (0.7, 0.15, 0.15)",
        )
    patients = np.array(cohort.patients, dtype=object)
    np.random.default_rng(seed).shuffle(patients)
    ends = np.cumsum(_counts(len(patients), shares))
    parts = [set(part) for part in np.split(patients, ends[:-1])]
    return Split(
        *(tuple(case.case_id for case in cohort if case.patient_id in part) for part in parts)
    )


def _counts(patients: int, shares: np.ndarray) -> np.ndarray:
    """Round shares to whole patients by largest remainder, then fill parts that came out empty."""
    exact = shares * patients
    counts = np.floor(exact).astype(int)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: patients - counts.sum()]] += 1
    for part in (0, 2, 1):  # training first, then test: a choice without a report is worth less
        if shares[part] > 0 and counts[part] == 0 and counts.max() > 1:
            counts[counts.argmax()] -= 1
            counts[part] += 1
    return counts
