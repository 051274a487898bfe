"""Virtual hospitals: the patients of a cohort dealt over a federation, each with its parts.

Hospitals differ in many ways, and a method that copes with one may fail at another. Each kind of
partition makes one way visible, and ``skew`` turns it from nothing (0) to as far as it goes (1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.splits import Split, split_patients
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

KINDS = ("iid", "power_law", "dirichlet", *ATTRIBUTES, "institution")
"""All kinds of partition."""

FEWEST = 3
"""Patients that a hospital needs: one each to train on, to choose by and to report on."""

MOST_HOSPITALS = 100


@dataclass(frozen=True)
class Hospital:
    """One member of the federation.

    Attributes
    ----------
    name
        Such as ``"H03"``, or what the data set calls the institution.
    patients
        Ids of its patients, sorted.
    split
        Their cases: to train on, to choose by, to report on. Visits of a patient stay together.
    """

    name: str
    patients: tuple[str, ...]
    split: Split = field(repr=False)


@dataclass(frozen=True)
class Partition:
    """How patients are dealt over hospitals.

    Attributes
    ----------
    kind, skew, seed
        As :func:`make_hospitals`.
    hospitals
        In the order of their numbers, or of the institutions' names.
    """

    kind: str
    skew: float
    seed: int
    hospitals: tuple[Hospital, ...]

    def __len__(self) -> int:
        return len(self.hospitals)

    def sizes(self) -> tuple[int, ...]:
        """Patients of each hospital."""
        return tuple(len(hospital.patients) for hospital in self.hospitals)


def make_hospitals(
    cohort: Cohort,
    count: int | None = 4,
    kind: str = "iid",
    skew: float = 0.0,
    seed: int = 0,
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    table: pd.DataFrame | None = None,
) -> Partition:
    """Deal the patients of a cohort over hospitals: each to one, none left out.

    Parameters
    ----------
    cohort
        Patients with segmentations, where the kind looks at volumes.
    count
        Hospitals, 2 to 100; for ``"institution"`` None, or as many as there are.
    kind
        ``"iid"``: at random, equal sizes. ``"power_law"``: at random, the k-th hospital's size
        falls as ``k ** (-2 * skew)``. ``"dirichlet"``: at random, sizes drawn from a Dirichlet
        distribution of concentration ``(1 - skew) / skew`` (after Hsu et al. 2019,
        arXiv:1909.06335, who draw classes). ``"volume"``, ``"enhancing"``, ``"grade"``, ``"age"``,
        ``"survival"``: equal sizes, patients sorted by the whole tumour's volume, by whether there
        is any enhancing tumour, and so on. ``"institution"``: as the data set says.
    skew
        0: as ``"iid"``. 1: as far as it goes. Between, a patient's place in the order is the
        weighted mean of a random place and the sorted one; those whose value is unknown keep a
        random place.
    seed
        Same patients and settings, same hospitals.
    fractions
        Shares of each hospital's patients to train on, to choose by and to report on.
    table
        From :meth:`Cohort.with_volumes`, where it is at hand: reading volumes takes seconds.

    Raises
    ------
    DataError
        If a setting makes no sense, a column is empty, or there are too few patients.
    """
    _check_settings(count, kind, skew)
    patients = cohort.patients
    if kind == "institution":
        groups = _institutions(cohort, count)
    else:
        _check_enough(cohort, patients, count)
        rng = np.random.default_rng((seed, KINDS.index(kind)))
        order = _order(cohort, patients, kind, skew, rng, table)
        ends = np.cumsum(_sizes(len(patients), count, kind, skew, rng))
        digits = len(str(count))
        groups = {
            f"H{number:0{digits}d}": [patients[i] for i in part]
            for number, part in enumerate(np.split(order, ends[:-1]), start=1)
        }
    hospitals = [
        Hospital(name, tuple(sorted(group)), _split(cohort, group, fractions, (seed, number)))
        for number, (name, group) in enumerate(groups.items())
    ]
    return Partition(kind, float(skew), seed, tuple(hospitals))


def _check_settings(count: int | None, kind: str, skew: float) -> None:
    if kind not in KINDS:
        raise DataError("kind", f"there is no partition {kind!r}", f"Choose of {', '.join(KINDS)}")
    if not 0 <= skew <= 1:
        raise DataError("skew", f"it is {skew}", "Pass a number from 0 to 1")
    if count is None and kind == "institution":
        return
    if not isinstance(count, int | np.integer) or not 2 <= count <= MOST_HOSPITALS:
        raise DataError("count", f"it is {count}", f"Pass 2 to {MOST_HOSPITALS} hospitals")


def _check_enough(cohort: Cohort, patients: Sequence[str], count: int) -> None:
    if len(patients) < FEWEST * count:
        raise DataError(
            cohort.root,
            f"{len(patients)} patients are too few for {count} hospitals of {FEWEST} or more",
            f"Take {len(patients) // FEWEST} hospitals at most, or more patients",
        )


def _institutions(cohort: Cohort, count: int | None) -> dict[str, list[str]]:
    """Patients by the institution that the data set names."""
    names = cohort.table.groupby("patient_id")["institution"]
    unknown = int(names.count().eq(0).sum())
    if unknown:
        raise DataError(
            cohort.root,
            f"the institution of {unknown} of {len(cohort.patients)} patients is unknown",
            "Put the table of institutions beside the images, or take another kind",
        )
    if (several := names.nunique()[names.nunique() > 1]).size:
        raise DataError(
            several.index[0],
            f"its visits are at {several.iloc[0]} institutions, but a patient belongs to one",
            "Take one visit per patient with subset()",
        )
    groups: dict[str, list[str]] = {}
    for patient, name in names.first().sort_index().items():
        groups.setdefault(str(name), []).append(patient)
    groups = dict(sorted(groups.items()))
    small = {name: len(group) for name, group in groups.items() if len(group) < FEWEST}
    if small:
        told = ", ".join(f"{name} has {size}" for name, size in small.items())
        raise DataError(
            cohort.root,
            f"a hospital needs {FEWEST} patients, but {told}",
            "Leave these patients out with subset(), or take another kind",
        )
    if not 2 <= len(groups) <= MOST_HOSPITALS or count not in (None, len(groups)):
        wanted = f"2 to {MOST_HOSPITALS}" if count is None else f"{count}"
        raise DataError(
            cohort.root,
            f"it has {len(groups)} institutions, and {wanted} were asked for",
            "Pass count=None for all there are, or take another kind",
        )
    return groups


def _order(
    cohort: Cohort,
    patients: Sequence[str],
    kind: str,
    skew: float,
    rng: np.random.Generator,
    table: pd.DataFrame | None,
) -> np.ndarray:
    """Return in which order patients are dealt to one hospital after the other."""
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
    by_patient = table.groupby("patient_id")[column].first().reindex(list(patients))
    if kind == "grade":
        by_patient = by_patient.map({"LGG": 0.0, "HGG": 1.0})
    values = by_patient.to_numpy(float)
    if kind == "enhancing":
        values = np.where(np.isfinite(values), values > 0, np.nan)
    if np.unique(values[np.isfinite(values)]).size < 2:
        raise DataError(
            cohort.root,
            f"the column {column!r} does not tell its patients apart",
            "Take another kind, or put a clinical table beside the images",
        )
    return values


def _sizes(
    patients: int, count: int, kind: str, skew: float, rng: np.random.Generator
) -> np.ndarray:
    """Return how many patients each hospital gets, none fewer than it needs."""
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


def _split(
    cohort: Cohort, patients: Sequence[str], fractions: tuple[float, float, float], seed: tuple
) -> Split:
    mine = set(patients)
    part = cohort.subset(case.case_id for case in cohort if case.patient_id in mine)
    return split_patients(part, fractions, np.random.SeedSequence(seed).generate_state(1)[0])
