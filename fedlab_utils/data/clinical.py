"""Clinical tables that lie beside the images, joined into one table by case.

Every publisher has other column names, identifiers and ways to say that nothing is known. What is
read here is text from strangers: nothing in it is executed, and a damaged table is one problem,
not the end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.clinical_doubts import Rows, tables_apart, take_out_odd
from fedlab_utils.data.clinical_rows import add_row, index_by_case, key_of
from fedlab_utils.data.clinical_values import MAX_AGE, grade, number, resection, survival
from fedlab_utils.data.csv_table import read_table
from fedlab_utils.data.folders import open_root, walk
from fedlab_utils.data.naming import LAYOUTS
from fedlab_utils.errors import ClinicalTableError, DataError

if TYPE_CHECKING:
    import pandas as pd

TABLES = (
    # In this order: where two tables differ, the first one counts.
    r"partitioning_.*",
    r"name_mapping.*",
    r"survival_(data|info|evaluation).*",
    r"upenn-gbm_clinical_info.*",
    r"ucsf-pdgm-metadata.*",
    r"clinical.*",
)
"""Names of the tables that are read, without ``.csv``."""

SPREADSHEETS = (".xlsx", ".xls", ".ods")
"""Endings of tables that some publishers offer beside csv, and that are not read."""

COLUMNS = ("grade", "age", "survival_days", "survival_censored", "resection", "institution", "sex")
"""Columns that are always there, empty where no table knows."""

_NUMERIC = ("age", "survival_days")


def read_clinical(
    root: str | os.PathLike[str],
    cases: Iterable[CaseFiles],
    problems: list[DataError] | None = None,
    warnings: list[DataError] | None = None,
) -> pd.DataFrame:
    """Join all clinical tables in a folder.

    Parameters
    ----------
    root
        Folder of the data set.
    cases
        The cases to look up, by case id, else by patient id.
    problems
        Where to put errors about tables; None raises the first one.
    warnings
        Where to put a :class:`ClinicalTableError` for each table with rows that name no case in
        any data set's way, and for each spreadsheet that lies in the folder without a csv file of
        the same name: neither is read, though it may hold what is missing. Also for each table
        that contradicts one before it about the same case: the earlier in ``TABLES`` counts.

    Returns
    -------
    One row per case, indexed by ``case_id``. ``grade`` (HGG or LGG; WHO grades 3 and 4 count as
    HGG), ``age`` in years, ``survival_days`` (until death, or until last seen alive where
    ``survival_censored``; where that is empty, the table has a column of the status and does not
    say it), ``resection`` (GTR, STR, ...), ``institution``, ``sex`` (F or M), then whatever else
    the tables hold. Where no table names the institution, the site in the case id, or in the id
    that the case had in an earlier release (BraTS 2020's name mapping).

    Raises
    ------
    ClinicalTableError
        If a table cannot be read or has no column of case ids; if it has ages that nobody reaches,
        survival in other than whole days, or rows of one case that contradict each other, all of
        which stay empty.
    """
    cases = list(cases)
    problems_found: list[DataError] = []
    strange: list[DataError] = []
    collected: dict[str, dict[str, str]] = {case.case_id: {} for case in cases}
    tables: list[tuple[str, Rows]] = []
    files = walk(open_root(root)).files
    for path in _find_tables(files):
        try:
            header, rows = read_table(path)
            by_key = index_by_case(path, header, rows, cases, problems_found, strange)
        except ClinicalTableError as error:
            problems_found.append(error)
            continue
        found = {
            case.case_id: by_key.get(key_of(case.case_id))
            or by_key.get(key_of(case.patient_id), {})
            for case in cases
        }
        problems_found += take_out_odd(path, found)
        tables.append((path.name, found))
        for case_id, row in found.items():
            add_row(collected[case_id], row)
    if problems is None and problems_found:
        raise problems_found[0]
    if problems is not None:
        problems += problems_found
    if warnings is not None:
        warnings += _spreadsheets(files) + strange + tables_apart(tables)
    return _tidy(collected, cases)


def _find_tables(files: list[Path]) -> list[Path]:
    ranked = [(_rank(path), path.name, path) for path in files if path.suffix.lower() == ".csv"]
    return [path for rank, _, path in sorted(ranked) if rank < len(TABLES)]


def _rank(path: Path) -> int:
    """Return a name's place in TABLES, or their number for a foreign name."""
    known = (rank for rank, name in enumerate(TABLES) if re.fullmatch(name, path.stem, re.I))
    return next(known, len(TABLES))


def _spreadsheets(files: list[Path]) -> list[ClinicalTableError]:
    there = {(path.parent, path.name.casefold()) for path in files}
    found = []
    for path in files:
        # What begins with ~$ Excel leaves beside a table that is open.
        if path.suffix.lower() not in SPREADSHEETS or path.name.startswith("~$"):
            continue
        remedy, name = "Save it as csv", f"{path.stem}.csv"
        if _rank(path) == len(TABLES):
            remedy, name = f"If it describes the patients, {remedy.lower()}", f"clinical_{name}"
        saved = {(path.parent, csv.casefold()) for csv in (name, f"{path.stem}.csv")}
        if not saved & there:
            found.append(
                ClinicalTableError(path.name, "spreadsheets are not read", f"{remedy}: {name}")
            )
    return found


def _former_site(row: dict[str, str]) -> str | None:
    """Return the site in the newest of a case's ids in other releases, in a name mapping."""
    for name in sorted(row, reverse=True):
        if re.fullmatch(r"brats_20\d\d_subject_id", name):
            groups = LAYOUTS["brats2018"].identify(row[name]) or {}
            if site := groups.get("site"):
                return site
    return None


def _tidy(collected: dict[str, dict[str, str]], cases: list[CaseFiles]) -> pd.DataFrame:
    import pandas as pd

    records = {}
    for case in cases:
        row = dict(collected[case.case_id])
        days, alive = survival(row.get("survival_days"), row.pop("survival_status", None))
        records[case.case_id] = {
            "grade": grade(row.pop("grade", None) or row.get("who_grade")) or case.grade,
            "age": number(row.pop("age", None), MAX_AGE),
            "survival_days": days,
            "survival_censored": alive,
            "resection": resection(row.pop("resection", None)),
            "institution": row.pop("institution", None) or case.site or _former_site(row),
            "sex": {"f": "F", "m": "M"}.get(row.pop("sex", "")[:1].casefold()),
            **{name: value for name, value in row.items() if name not in COLUMNS},
        }
    table = pd.DataFrame.from_dict(records, orient="index")
    table.index.name = "case_id"
    for name in table.columns.difference(COLUMNS):
        numbers = pd.to_numeric(table[name], errors="coerce")
        if numbers.notna().equals(table[name].notna()):
            table[name] = numbers
    table = table.reindex(columns=[*COLUMNS, *table.columns.difference(COLUMNS)])
    kinds = {"survival_censored": "boolean", **dict.fromkeys(_NUMERIC, "float64")}
    return table.astype(kinds)
