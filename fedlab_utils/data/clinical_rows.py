"""Rows of clinical tables, found by the cases that they describe.

Which column holds the ids is told by the ids of the cases themselves: every publisher calls it
something else, and some write the ids in a way of their own.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.csv_table import column_name
from fedlab_utils.data.naming import LAYOUTS
from fedlab_utils.errors import ClinicalTableError, DataError

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
    "survival_status": ("survival_status", "vital_status", "1_dead_0_alive"),
    "who_grade": ("who_grade", "who_cns_grade"),
    "idh": ("idh", "idh1"),
    "mgmt": ("mgmt", "mgmt_status"),
}
"""Column -> the names it has in published tables, in lower case with ``_`` between words. Where a
table has several of them, the first one counts."""


def key_of(identifier: str) -> str:
    """Return what identifiers of one case share in different tables."""
    key = identifier.strip().casefold()
    # FeTS 2022 is BraTS 2021 under new names, numbers kept.
    key = key.replace("fets2022_", "brats2021_")
    # UCSF-PDGM's table writes three digits, its files four.
    return re.sub(r"^ucsf-pdgm-(\d+)", lambda found: f"ucsf-pdgm-{int(found[1]):04d}", key)


def _is_case(identifier: str) -> bool:
    """Tell whether a text is a case or patient in any of the known data sets."""
    key = key_of(identifier)
    return any(layout.identify(key) or layout.identify(f"{key}_11") for layout in LAYOUTS.values())


def index_by_case(
    path: Path,
    header: list[str],
    rows: list[dict[str, str]],
    cases: list[CaseFiles],
    problems: list[DataError],
    strange: list[DataError],
) -> dict[str, dict[str, str]]:
    """Return the rows by case or patient, under common column names.

    A row that gives days of survival in a table with a column for the status has a
    ``survival_status``, empty where that cell is. Rows that name no case are added to ``strange``,
    as long as the folder's own cases have ids that can be told from such ones. What two rows of one
    case say differently is left out, and added to ``problems``.

    Raises
    ------
    ClinicalTableError
        If no column holds ids of cases, or rows are lost in the header or inside a cell.
    """
    wanted = {key_of(name) for case in cases for name in (case.case_id, case.patient_id)}
    matches = {name: sum(key_of(row.get(name, "")) in wanted for row in rows) for name in header}
    identifier = max(header, key=lambda name: matches[name])
    if not matches[identifier]:
        named = [name for name in header if re.search(r"(^|_|\d)id$|subject|patient|case", name)]
        if any(_is_case(row.get(name, "")) for row in rows for name in named):
            return {}  # a table about other cases, such as the validation set's
        raise ClinicalTableError(
            path.name,
            f"none of its columns ({', '.join(header[:8])}) holds ids of cases"
            + (f"; {named[0]} holds {rows[0].get(named[0], '')[:40]!r}" if named else ""),
            "Add a column with the names of the case folders, or take it out of the folder",
        )
    _refuse_lost_rows(path, header, rows, wanted)
    ids = [row.get(identifier, "") for row in rows]
    foreign = [name for name in ids if name and key_of(name) not in wanted and not _is_case(name)]
    if foreign and all(_is_case(case.case_id) for case in cases):
        cause = (
            f"{len(foreign)} of its {len(rows)} rows name no case, the first {foreign[0][:40]!r}"
        )
        remedy = f"Correct what stands in the column {identifier}, or take these rows out"
        strange.append(ClinicalTableError(path.name, cause, remedy))
    by_key: dict[str, dict[str, str]] = {}
    says_status = not set(ALIASES["survival_status"]).isdisjoint(header)
    for row in rows:
        key = key_of(row.pop(identifier, ""))
        row = _common_names(row, path)
        known = by_key.setdefault(key, row)
        if key in wanted and known is not row:
            problems += _take_out_contradictions(path, key, known, row)
        if says_status and "survival_days" in known:
            known.setdefault("survival_status", "")
    return by_key


def _take_out_contradictions(
    path: Path, key: str, known: dict[str, str], row: dict[str, str]
) -> list[ClinicalTableError]:
    """Take out of ``known`` what another row of the case says differently; say what it was."""
    both = [name for name in ALIASES if known.get(name) and row.get(name)]
    if not (differ := [name for name in both if known[name] != row[name]]):
        return []
    values = ", ".join(f"{name} {known.pop(name)} and {row[name]}" for name in differ)
    return [
        ClinicalTableError(
            path.name,
            f"two rows of {key} contradict each other: {values}",
            "Keep one of the two; until then this is left empty",
        )
    ]


def add_row(known: dict[str, str], row: dict[str, str]) -> None:
    """Add to ``known`` what a table says of a case and no table before it said.

    A status that is left open belongs to the days in its own row: it does not unsettle those of
    another table, and another table may fill it.
    """
    other_days = "survival_days" in known
    for name, value in row.items():
        if name == "survival_status" and not value and other_days:
            continue
        known[name] = known.get(name) or value


def _refuse_lost_rows(
    path: Path, header: list[str], rows: list[dict[str, str]], wanted: set[str]
) -> None:
    """Refuse a table whose first line is a row, not names of columns, or with rows inside a cell.

    The latter are left there by a quote before them that is not closed where it should be.
    """
    as_names = {column_name(key): key for key in wanted}
    if first := next((as_names[name] for name in header if name in as_names), None):
        raise ClinicalTableError(
            path.name,
            f"its first line is the row of {first}, where the names of the columns are due",
            "Add a line with the names of the columns above it",
        )
    for row in rows:
        for name, value in row.items():
            lines = value.splitlines()[1:]
            swallowed = [part for line in lines for part in re.split(r'[,;\t|"]', line)]
            if first := next((part for part in swallowed if key_of(part) in wanted), None):
                raise ClinicalTableError(
                    path.name,
                    f"its row of {first.strip()} lies inside a cell of the column {name}",
                    "Close the quote in the row before it",
                )


def _common_names(row: dict[str, str], path: Path) -> dict[str, str]:
    common = {
        column: row.pop(alias)
        for column, aliases in ALIASES.items()
        for alias in reversed(aliases)
        if alias in row
    }
    if "institution" in common and path.stem.lower().startswith("partitioning_"):
        row[path.stem.lower()] = common["institution"]
    return {**common, **row}
