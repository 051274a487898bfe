"""Virtual hospitals: the patients of a cohort dealt over a federation, each with its parts.

Hospitals differ in many ways, and a method that copes with one may fail at another. Each kind of
partition makes one way visible, and ``skew`` turns it from nothing (0) to as far as it goes (1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.dealing import ATTRIBUTES, dealing_order, hospital_sizes
from fedlab_utils.data.equipment import REFERENCE
from fedlab_utils.data.institutions import FEWEST, MOST_HOSPITALS, institutions
from fedlab_utils.data.plain_values import plain, plain_seed
from fedlab_utils.data.splits import Split, split_patients
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from fedlab_utils.data.phantom.scanner import Scanner

KINDS = (
    *("iid", "power_law", "dirichlet", *ATTRIBUTES),
    *("institution", "scanner", "missing_sequence"),
)
"""All kinds of partition."""

SCANNER_ORDER = (
    *("3T research", "1.5T thick", "3T clinical", "1.5T noisy"),
    *("1.5T thin", "1.5T old FLAIR", "3T sagittal FLAIR"),
)
"""Whose scanner the first hospital has, the second, and so on; after the last from the start."""


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
    scanner
        What its patients are scanned with instead, in a partition by scanner.
    missing
        The sequence that it does not take, in a partition by missing sequence.
        :func:`fedlab_utils.data.hospital_patients` brings both about.
    """

    name: str
    patients: tuple[str, ...]
    split: Split = field(repr=False)
    scanner: Scanner | None = field(default=None, repr=False)
    missing: str | None = None


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
    merge_small: bool = False,
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
        ``"scanner"``: at random, equal sizes, and the patients of each hospital are scanned with
        its own machine (:data:`SCANNER_ORDER`; phantoms are rendered again, real scans
        transformed, see :mod:`fedlab_utils.data.equipment`). ``"missing_sequence"``: at random,
        equal sizes, and some hospitals do not take one of the four sequences.
    skew
        How far a scanner lies from the one that all share at 0; the share of hospitals that lack a
        sequence; nothing to institutions. For the other kinds 0: as ``"iid"``, 1: as far as it
        goes; between, a patient's place in the order is the weighted mean of a random place and
        the sorted one, and those whose value is unknown keep a random place.
    seed
        Same patients and settings, same hospitals. From 0 to 2**63 - 1.
    fractions
        Shares of each hospital's patients to train on, to choose by and to report on.
    table
        From :meth:`Cohort.with_volumes`, where it is at hand: reading volumes takes seconds. It
        must hold all patients of the cohort, and may hold more.
    merge_small
        Join institutions that are too small, or beyond ``count``, see
        :func:`fedlab_utils.data.institutions.institutions`.

    Raises
    ------
    DataError
        If an argument is of another type or makes no sense, the table lacks a column or a patient,
        a column is empty, or there are too few patients.
    """
    skew, seed = _check_settings(count, kind, skew, seed)
    patients = cohort.patients
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    if kind == "institution":
        groups = institutions(cohort, count, merge_small)
    else:
        _check_enough(cohort, patients, count)
        order = dealing_order(cohort, kind, skew, rng, table)
        ends = np.cumsum(hospital_sizes(len(patients), count, kind, skew, rng))
        digits = len(str(count))
        groups = {
            f"H{number:0{digits}d}": [patients[i] for i in part]
            for number, part in enumerate(np.split(order, ends[:-1]), start=1)
        }
    hospitals = [
        Hospital(name, tuple(sorted(group)), _split(cohort, group, fractions, (seed, number)))
        for number, (name, group) in enumerate(groups.items())
    ]
    return Partition(kind, skew, seed, tuple(_equip(hospitals, kind, skew, rng)))


def _check_settings(count: int | None, kind: str, skew: float, seed: int) -> tuple[float, int]:
    """Return skew and seed as Python's numbers."""
    if kind not in KINDS:
        raise DataError("kind", f"there is no partition {kind!r}", f"Choose of {', '.join(KINDS)}")
    skew, seed = plain("skew", skew, float, DataError), plain_seed(seed, DataError)
    if not 0 <= skew <= 1:
        raise DataError("skew", f"it is {skew}", "Pass a number from 0 to 1")
    if count is None and kind == "institution":
        return skew, seed
    if not isinstance(count, int | np.integer) or not 2 <= count <= MOST_HOSPITALS:
        raise DataError("count", f"it is {count}", f"Pass 2 to {MOST_HOSPITALS} hospitals")
    return skew, seed


def _check_enough(cohort: Cohort, patients: Sequence[str], count: int) -> None:
    if len(patients) < FEWEST * count:
        raise DataError(
            cohort.root,
            f"{len(patients)} patients are too few for {count} hospitals of {FEWEST} or more",
            f"Take {len(patients) // FEWEST} hospitals at most, or more patients",
        )


def _equip(
    hospitals: Sequence[Hospital], kind: str, skew: float, rng: np.random.Generator
) -> list[Hospital]:
    """Give hospitals their scanners, or take a sequence from some of them."""
    if kind == "scanner":
        from fedlab_utils.data.phantom.between import between
        from fedlab_utils.data.phantom.scanner import SCANNERS

        models = [between(SCANNERS[REFERENCE], SCANNERS[name], skew) for name in SCANNER_ORDER]
        return [replace(h, scanner=models[n % len(models)]) for n, h in enumerate(hospitals)]
    if kind == "missing_sequence":
        lack = rng.permutation(len(hospitals))[: round(skew * len(hospitals))]
        turns = rng.permutation(len(SEQUENCES))
        lacking = {int(h): SEQUENCES[turns[n % len(turns)]] for n, h in enumerate(lack)}
        return [replace(h, missing=lacking.get(n)) for n, h in enumerate(hospitals)]
    return list(hospitals)


def _split(
    cohort: Cohort, patients: Sequence[str], fractions: tuple[float, float, float], seed: tuple
) -> Split:
    mine = set(patients)
    part = cohort.subset(case.case_id for case in cohort if case.patient_id in mine)
    return split_patients(part, fractions, np.random.SeedSequence(seed).generate_state(1)[0])
