"""How patients are dealt to hospitals: in which order, and how many to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.institutions import FEWEST
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

ATTRIBUTES = {
    "volume": "volume_wt_ml",
    "enhancing": "volume_et_ml",
    "grade": "grade",
    "age": "age",
    "survival": "survival_days",
}
"""Kinds that sort patients, and the column of :meth:`Cohort.with_volumes` that they sort by."""


def dealing_order(
    cohort: Cohort,
    kind: str,
    skew: float,
    rng: np.random.Generator,
    table: pd.DataFrame | None = None,
) -> np.ndarray:
    """Return in which order patients are dealt to one hospital after the other.

    Parameters
    ----------
    cohort, kind, skew, table
        As :func:`fedlab_utils.data.hospitals.make_hospitals`.
    rng
        Source of the random places.

    Returns
    -------
    numpy.ndarray
        ``(patients,)``: places in ``cohort.patients``.

    Raises
    ------
    DataError
        If the table lacks the column that patients are sorted by, or some of the patients, or the
        column does not tell them apart.
    """
    patients = cohort.patients
    place = rng.permutation(len(patients)) / len(patients)
    if kind not in ATTRIBUTES:
        return np.argsort(place)
    values = _values(cohort, patients, kind, table)
    known = np.isfinite(values)
    # Ties in random order: equal patients are not told apart by their ids.
    sorted_place = np.lexsort((place, values)).argsort() / max(known.sum(), 1)
    return np.argsort(np.where(known, (1 - skew) * place + skew * sorted_place, place))


def _values(
    cohort: Cohort, patients: Sequence[str], kind: str, table: pd.DataFrame | None
) -> np.ndarray:
    """Return what patients are sorted by, NaN where unknown; of several visits the first counts."""
    column = ATTRIBUTES[kind]
    if table is None:
        table = cohort.with_volumes() if column.startswith("volume_") else cohort.table
    else:
        _check_table(table, patients, column)
    by_patient = table.groupby("patient_id")[column].first().reindex(list(patients))
    if kind == "grade":
        by_patient = by_patient.map({"LGG": 0.0, "HGG": 1.0})
    try:
        values = by_patient.to_numpy(float)
    except (TypeError, ValueError):
        raise _unfit(f"its column {column!r} holds what is no number") from None
    if kind == "enhancing":
        values = np.where(np.isfinite(values), values > 0, np.nan)
    if np.unique(values[np.isfinite(values)]).size < 2:
        raise DataError(
            cohort.root,
            f"the column {column!r} does not tell its patients apart",
            "Take another kind, or put a clinical table beside the images",
        )
    return values


def _check_table(table: pd.DataFrame, patients: Sequence[str], column: str) -> None:
    columns = getattr(table, "columns", None)
    if columns is None:
        raise _unfit(f"it is a {type(table).__name__}")
    for name in ("patient_id", column):
        if name not in columns:
            raise _unfit(f"it has no column {name!r}")
    known = set(table["patient_id"])
    if lacking := [patient for patient in patients if patient not in known]:
        raise _unfit(
            f"it lacks {len(lacking)} of the cohort's {len(patients)} patients, {lacking[0]} "
            "among them"
        )


def _unfit(cause: str) -> DataError:
    return DataError("table", cause, "Pass what with_volumes() of this cohort returns, or none")


def hospital_sizes(
    patients: int, count: int, kind: str, skew: float, rng: np.random.Generator
) -> np.ndarray:
    """Return how many patients each hospital gets ``(count,)``, none fewer than it needs.

    ``"power_law"`` and ``"dirichlet"`` as :func:`fedlab_utils.data.hospitals.make_hospitals` says;
    any other kind deals equal numbers.
    """
    shares = np.full(count, 1 / count)
    if kind == "power_law":
        shares = np.arange(1, count + 1) ** (-2.0 * skew)
    elif kind == "dirichlet" and skew > 0:
        concentration = np.clip((1 - skew) / max(skew, 1e-9), 1e-3, 1e9)
        shares = rng.dirichlet(np.full(count, concentration))
    shares = shares / shares.sum()
    wanted = np.maximum(shares * patients, FEWEST)
    for _ in range(count):  # what small hospitals need is taken from those that have more
        free = wanted > FEWEST
        excess = wanted.sum() - patients
        if abs(excess) < 1e-9:
            break
        wanted[free] = np.maximum(wanted[free] * (1 - excess / wanted[free].sum()), FEWEST)
    sizes = np.floor(wanted + 1e-9).astype(int)
    sizes[np.argsort(sizes - wanted, kind="stable")[: patients - sizes.sum()]] += 1
    return sizes
