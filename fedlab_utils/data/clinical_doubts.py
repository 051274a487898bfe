"""What cannot be right in clinical tables: odd ages and days, and tables that disagree."""

from __future__ import annotations

from pathlib import Path

from fedlab_utils.data.clinical_values import MAX_AGE, grade, implausible_age, number, unclear_days
from fedlab_utils.errors import ClinicalTableError

Rows = dict[str, dict[str, str]]
"""What one table says, under common column names, by case."""


def take_out_odd(path: Path, rows: Rows) -> list[ClinicalTableError]:
    """Take ages that nobody reaches, and days that are not whole, out of the rows, by case.

    Returns
    -------
    What is wrong, one error for each of the two columns.
    """
    problems = []
    for column, is_odd, told, remedy in (
        (
            "age",
            implausible_age,
            f"{{}} ages are above {MAX_AGE} years",
            "Correct them, or leave them empty where they are not known",
        ),
        (
            "survival_days",
            unclear_days,
            "{} times of survival are not in whole days",
            "Write days without a separator, 1278 where 1.278 was meant so; until then they are "
            "left empty",
        ),
    ):
        odd = {case_id: row[column] for case_id, row in rows.items() if is_odd(row.get(column))}
        for case_id in odd:
            kept = {name: value for name, value in rows[case_id].items() if name != column}
            rows[case_id] = kept
        if odd:
            case_id, value = next(iter(odd.items()))
            cause = f"{told.format(len(odd))}, the first {value} of {case_id}"
            problems.append(ClinicalTableError(path.name, cause, remedy))
    return problems


def tables_apart(tables: list[tuple[str, Rows]]) -> list[ClinicalTableError]:
    """Return where a table says something else of a case than one before it, which counts.

    Parameters
    ----------
    tables
        Names of the tables and their rows, in the order in which they count. Compared are ages and
        days, which may be rounded, grades and sexes; other columns every publisher words in a way
        of its own.
    """
    found = []
    for place, (name, rows) in enumerate(tables):
        for earlier, before in tables[:place]:
            apart = [
                f"{column} {row[column]} of {case_id}, there {before[case_id][column]}"
                for case_id, row in rows.items()
                for column, read in _COMPARED.items()
                if _differ(*(read(of.get(column)) for of in (row, before[case_id])))
            ]
            if apart:
                cause = f"{len(apart)} of its values contradict {earlier}, the first {apart[0]}"
                remedy = f"Correct the table that is wrong; until then {earlier} counts"
                found.append(ClinicalTableError(name, cause, remedy))
    return found


_COMPARED = {
    "age": lambda text: number(text, MAX_AGE),
    "survival_days": number,
    "grade": lambda text: grade(text) if grade(text) in ("HGG", "LGG") else None,
    "sex": lambda text: {"f": "F", "m": "M"}.get((text or "")[:1].casefold()),
}


def _differ(one: float | str | None, other: float | str | None) -> bool:
    if one is None or other is None:
        return False
    return abs(one - other) >= 1 if isinstance(one, float) else one != other
