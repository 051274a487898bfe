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
from fedlab_utils.data.csv_table import read_table
from fedlab_utils.data.folders import open_root, walk
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

ALIASES = {
    "grade": ("grade",),
    "age": ("age", "age_at_mri", "age_at_scan_years"),
    "survival_days": (
        "survival_days",
        "survival",
        "os",
        "survival_from_surgery_days_updated",
        "survival_from_surgery_days",
    ),
    "resection": (
        "resection",
        "resectionstatus",
        "extent_of_resection",
        "eor",
        "gtr_over90percent",
    ),
    "institution": ("institution", "institution_name", "institutionname", "partition_id"),
    "sex": ("sex", "gender"),
    "survival_status": ("survival_status", "1_dead_0_alive"),
    "who_grade": ("who_grade", "who_cns_grade"),
    "idh": ("idh", "idh1"),
    "mgmt": ("mgmt", "mgmt_status"),
}
"""Column -> the names it has in published tables, in lower case with ``_`` between words."""

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
        Where to put a :class:`ClinicalTableError` for each spreadsheet that lies in the folder
        without a csv file of the same name: it is not read, though it may hold what is missing.

    Returns
    -------
    One row per case, indexed by ``case_id``. ``grade`` (HGG or LGG; WHO grades 3 and 4 count as
    HGG), ``age`` in years, ``survival_days`` (until death, or until last seen alive where
    ``survival_censored``), ``resection`` (GTR, STR, ...), ``institution``, ``sex`` (F or M), then
    whatever else the tables hold. Where no table names the institution, the site in the case id.

    Raises
    ------
    ClinicalTableError
        If a table cannot be read or has no column of case ids.
    """
    cases = list(cases)
    collected: dict[str, dict[str, str]] = {case.case_id: {} for case in cases}
    files = walk(open_root(root)).files
    if warnings is not None:
        warnings += _spreadsheets(files)
    for path in _find_tables(files):
        try:
            header, rows = read_table(path)
            by_key = _index_by_case(path, header, rows, cases)
        except ClinicalTableError as error:
            if problems is None:
                raise
            problems.append(error)
            continue
        for case in cases:
            row = by_key.get(_key(case.case_id)) or by_key.get(_key(case.patient_id), {})
            for name, value in row.items():
                collected[case.case_id].setdefault(name, value)
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


def _key(identifier: str) -> str:
    """Return what identifiers of one case share in different tables."""
    key = identifier.strip().casefold()
    # FeTS 2022 is BraTS 2021 under new names, numbers kept.
    key = key.replace("fets2022_", "brats2021_")
    # UCSF-PDGM's table writes three digits, its files four.
    return re.sub(r"^ucsf-pdgm-(\d+)", lambda found: f"ucsf-pdgm-{int(found[1]):04d}", key)


def _index_by_case(
    path: Path, header: list[str], rows: list[dict[str, str]], cases: list[CaseFiles]
) -> dict[str, dict[str, str]]:
    """Return the rows by case or patient, under common column names."""
    wanted = {_key(name) for case in cases for name in (case.case_id, case.patient_id)}
    matches = {name: sum(_key(row.get(name, "")) in wanted for row in rows) for name in header}
    identifier = max(header, key=lambda name: matches[name])
    if not matches[identifier]:
        if any(re.search(r"(^|_|\d)id$|subject|patient|case", name) for name in header):
            return {}  # a table about other cases, such as the validation set's
        raise ClinicalTableError(
            path.name,
            f"none of its columns ({', '.join(header[:8])}) holds ids of cases",
            "Add a column with the names of the case folders, or take it out of the folder",
        )
    by_key: dict[str, dict[str, str]] = {}
    for row in rows:
        by_key.setdefault(_key(row.pop(identifier, "")), _common_names(row, path))
    return by_key


def _common_names(row: dict[str, str], path: Path) -> dict[str, str]:
    common = {
        column: row.pop(alias)
        for column, aliases in ALIASES.items()
        for alias in aliases
        if alias in row
    }
    if "institution" in common and path.stem.lower().startswith("partitioning_"):
        row[path.stem.lower()] = common["institution"]
    return {**common, **row}


def _tidy(collected: dict[str, dict[str, str]], cases: list[CaseFiles]) -> pd.DataFrame:
    import pandas as pd

    records = {}
    for case in cases:
        row = dict(collected[case.case_id])
        days, alive = _survival(row.get("survival_days"), row.pop("survival_status", None))
        records[case.case_id] = {
            "grade": _grade(row.pop("grade", None) or row.get("who_grade")) or case.grade,
            "age": _number(row.pop("age", None)),
            "survival_days": days,
            "survival_censored": alive,
            "resection": _resection(row.pop("resection", None)),
            "institution": row.pop("institution", None) or case.site,
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


def _number(text: str | None) -> float | None:
    """Return the first number in a text, or None; a negative age or survival is unknown."""
    found = re.search(r"-?\d+(?:[.,]\d+)?", text or "")
    number = float(found[0].replace(",", ".")) if found else -1.0
    return number if number >= 0 else None


def _survival(text: str | None, status: str | None) -> tuple[float | None, bool | None]:
    """Return days, and whether the patient was alive then: ``ALIVE (361 days later)``."""
    days = _number(text)
    if days is None:
        return None, None
    if status is not None:
        return days, status.casefold() not in ("deceased", "dead", "1")
    return days, "alive" in text.casefold()


def _grade(text: str | None) -> str | None:
    if text is None:
        return None
    word = text.upper().removeprefix("WHO").removeprefix("GRADE").strip()
    ranks = {"IV": "HGG", "III": "HGG", "II": "LGG", "I": "LGG", "4": "HGG", "3": "HGG"}
    ranks |= {"2": "LGG", "1": "LGG", "4.0": "HGG", "3.0": "HGG", "2.0": "LGG"}
    return ranks.get(word, word)


def _resection(text: str | None) -> str | None:
    """Return GTR, STR or what else is written; UPENN-GBM says whether over 90 % was removed."""
    return {"Y": "GTR", "N": "STR"}.get(text, text) if text else None
