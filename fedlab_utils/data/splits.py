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
    cohort: Cohort,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    stratify: str | None = None,
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
    stratify
        A column of the cohort's table, such as ``"grade"`` or ``"institution"``: the patients of
        each of its values are dealt in the same shares, exact to rounding up or down, and so are
        all patients together. Those whose value is unknown count as one more value. A value that
        few patients have cannot be in all parts.

    Raises
    ------
    DataError
        If the fractions are no shares of 1, or the patients cannot be stratified: there is no such
        column, it is empty, a patient's visits disagree, or there are too few patients.
    """
    try:
        shares = np.asarray(fractions, float)
    except (TypeError, ValueError):  # words, or lists of several lengths
        shares = np.empty(0)
    # With "not ... <=" NaN is refused as well.
    if shares.shape != (3,) or (shares < 0).any() or not abs(shares.sum() - 1) <= 1e-6:
        raise DataError(
            "fractions",
            f"{fractions} are not three shares that sum to 1",
            "Pass for example (0.7, 0.15, 0.15)",
        )
    strata = [list(cohort.patients)] if stratify is None else _strata(cohort, stratify)
    rng = np.random.default_rng(seed)
    totals = _counts(len(cohort.patients), shares)
    counts = totals[None] if stratify is None else _stratified(strata, shares, totals, rng)
    parts: tuple[set[str], ...] = (set(), set(), set())
    for patients, ends in zip(strata, counts.cumsum(axis=1), strict=True):
        shuffled = np.array(patients, dtype=object)
        rng.shuffle(shuffled)
        for part, chosen in zip(parts, np.split(shuffled, ends[:-1]), strict=True):
            part.update(chosen)
    return Split(
        *(tuple(case.case_id for case in cohort if case.patient_id in part) for part in parts)
    )


def _counts(patients: int, shares: np.ndarray) -> np.ndarray:
    """Round shares to whole patients by largest remainder, then fill parts that came out empty."""
    exact = shares * patients
    counts = np.floor(exact).astype(int)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: patients - counts.sum()]] += 1
    order = (0, 2, 1)  # training first, then test: a choice without a report is worth less
    for place, part in enumerate(order):
        if shares[part] == 0 or counts[part] > 0:
            continue
        if counts.max() > 1:
            counts[counts.argmax()] -= 1
            counts[part] += 1
        elif donor := next((other for other in order[:place:-1] if counts[other]), None):
            counts[[donor, part]] = counts[[part, donor]]
    return counts


def _strata(cohort: Cohort, column: str) -> list[list[str]]:
    """Return the patients by their value in a column: values and patients sorted, unknown last."""
    if column not in cohort.table.columns:
        names = ", ".join(map(str, cohort.table.columns))
        raise DataError("stratify", f"the table has no column {column!r}", f"Choose among {names}")
    known = cohort.table[column].dropna()
    if known.empty:
        raise DataError(
            "stratify",
            f"the column {column!r} is empty for all {len(cohort)} cases",
            "Stratify by another column, or put the clinical table beside the images",
        )
    values: dict[str, str] = {}
    for case in cohort:
        if case.case_id not in known.index:
            continue
        value = str(known[case.case_id])
        if values.setdefault(case.patient_id, value) != value:
            raise DataError(
                case.patient_id,
                f"its visits have the values {values[case.patient_id]} and {value} in the column "
                f"{column!r}, but one patient goes to one part",
                "Give all visits the same value, or take one visit per patient with subset()",
            )
    strata: dict[str, list[str]] = {value: [] for value in sorted(set(values.values()))}
    unknown = [patient for patient in cohort.patients if patient not in values]
    for patient in sorted(values):
        strata[values[patient]].append(patient)
    return [*strata.values(), unknown] if unknown else list(strata.values())


def _stratified(
    strata: list[list[str]], shares: np.ndarray, totals: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Round ``(strata, 3)`` shares to whole patients, up or down, so that parts have their totals.

    A matrix rounding problem: where to round up is a flow from strata to parts (Bacharach,
    Management Science 12:732-742, 1966). For three parts it has a solution in whole numbers
    whenever the totals are rounded shares too. Random costs choose among the solutions; larger
    remainders cost less.
    """
    from scipy.optimize import linprog

    sizes = np.array([len(patients) for patients in strata])
    exact = np.round(sizes[:, None] * shares, 9)  # 0.15 * 20 may be a hair below 3
    counts = np.floor(exact).astype(int)
    remainder = exact - counts
    whole = np.round(sizes.sum() * shares, 9)
    if (totals < np.floor(whole)).any() or (totals > np.ceil(whole)).any():
        raise DataError(
            "stratify",
            f"{sizes.sum()} patients are too few for three parts of {shares.tolist()}",
            "Split without stratify, or take a larger cohort",
        )
    cells = np.arange(remainder.size).reshape(remainder.shape)
    sums = np.zeros((len(strata) + 3, remainder.size))
    for line, members in enumerate([*cells, *cells.T]):
        sums[line, members] = 1
    up = linprog(
        (rng.exponential(size=remainder.shape) / np.maximum(remainder, 1e-9)).ravel(),
        A_eq=sums,
        b_eq=np.concatenate([sizes - counts.sum(axis=1), totals - counts.sum(axis=0)]),
        bounds=np.stack([np.zeros(remainder.size), (remainder > 0).ravel()], axis=1),
        integrality=1,
    )
    return counts + np.rint(up.x).astype(int).reshape(counts.shape)
