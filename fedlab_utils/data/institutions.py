"""Hospitals as the data set names them: its sites, or the partition of a federated challenge."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fedlab_utils.data.clinical_rows import index_by_case, key_of
from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.csv_table import read_table
from fedlab_utils.data.naming import natural_key
from fedlab_utils.errors import ClinicalTableError, DataError

FEWEST = 3
"""Patients that a hospital needs: one each to train on, to choose by and to report on."""

MOST_HOSPITALS = 100

_NAMED = 3
"""Sites whose names a joint hospital bears; more are only counted."""


def with_partitioning(cohort: Cohort, path: str | os.PathLike[str]) -> Cohort:
    """Return the cohort with institutions as a table says, whatever they were before.

    Parameters
    ----------
    cohort
        Its own order, cases and other columns stay.
    path
        A csv file with a column of case or patient ids and one called ``Partition_ID`` or
        ``institution``, such as ``partitioning_1.csv`` (the real institutions) and
        ``partitioning_2.csv`` (the larger ones cut up by tumour size) of the FeTS challenge (Pati
        et al. 2021, arXiv:2105.05874). A table in the data set's folder is found without this.

    Returns
    -------
    Cohort
        Cases that the table does not name have no institution.

    Raises
    ------
    ClinicalTableError
        If the table cannot be read, contradicts itself, or names no institution of any case.
    """
    path, problems = Path(path), []
    header, rows = read_table(path)
    by_key = index_by_case(path, header, rows, list(cohort.cases), problems, [])
    if problems:
        raise problems[0]
    found = [by_key.get(key_of(c.case_id)) or by_key.get(key_of(c.patient_id), {}) for c in cohort]
    names = [row.get("institution") for row in found]
    if not any(names):
        raise ClinicalTableError(
            path.name,
            f"it names the institution of none of {len(cohort)} cases",
            "Give a table with the columns Subject_ID and Partition_ID, with ids of these cases",
        )
    return replace(cohort, table=cohort.table.assign(institution=names))


def institutions(
    cohort: Cohort, count: int | None = None, merge_small: bool = False
) -> dict[str, list[str]]:
    """Return the patients of each institution, both sorted, site 2 before site 10.

    Parameters
    ----------
    cohort
        Whose table has the column ``institution``.
    count
        How many are due; None: as many as there are.
    merge_small
        Join the smallest institutions to one hospital: those with fewer than 3 patients, and those
        beyond the ``count - 1`` largest. If they are still too few, the smallest of the others
        joins them. A joint hospital's name says whose it is: ``"07+08"``, or ``"9 smaller sites"``.

    Raises
    ------
    DataError
        If an institution is unknown, one patient is at two, or sizes or number do not fit.
    """
    groups = _named(cohort)
    there = len(groups)
    if merge_small:
        groups = _merged(groups, count)
    small = {name: len(group) for name, group in groups.items() if len(group) < FEWEST}
    if small:
        told = ", ".join(f"{name} has {size}" for name, size in small.items())
        raise DataError(
            cohort.root,
            f"a hospital needs {FEWEST} patients, but {told}",
            "Join small sites with merge_small, leave them out with subset(), or take another kind",
        )
    if not 2 <= len(groups) <= MOST_HOSPITALS or count not in (None, len(groups)):
        wanted = f"2 to {MOST_HOSPITALS}" if count is None else f"{count}"
        joined = f", {len(groups)} after joining small ones" if len(groups) != there else ""
        raise DataError(
            cohort.root,
            f"it has {there} institutions{joined}, and {wanted} were asked for",
            "Pass count=None for all there are, or take another kind",
        )
    return groups


def _named(cohort: Cohort) -> dict[str, list[str]]:
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
    return dict(sorted(groups.items(), key=lambda item: natural_key(item[0])))


def _merged(groups: dict[str, list[str]], count: int | None) -> dict[str, list[str]]:
    """Join the smallest ones until none is too small and no more than ``count`` are left."""
    by_size = sorted(groups, key=lambda name: (len(groups[name]), natural_key(name)))
    beyond = len(groups) - count + 1 if count and len(groups) > count else 0
    few = sum(len(group) < FEWEST for group in groups.values())
    joined = by_size[: max(beyond, few)]
    if joined and sum(len(groups[name]) for name in joined) < FEWEST:
        joined = by_size[: len(joined) + 1]
    if len(joined) < 2:
        return groups
    name = (
        "+".join(sorted(joined, key=natural_key))
        if len(joined) <= _NAMED
        else f"{len(joined)} smaller sites"
    )
    others = {other: group for other, group in groups.items() if other not in joined}
    return others | {name: sorted(patient for one in joined for patient in groups[one])}
