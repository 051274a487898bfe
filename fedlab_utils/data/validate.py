"""Read every case of a folder and report what is wrong with each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedlab_utils.data.case import load_case
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.labels import LabelScheme
from fedlab_utils.data.layouts import find_cases
from fedlab_utils.data.workers import spread
from fedlab_utils.errors import DataError

Progress = Callable[[int, int], None]

WORTH_PROCESSES = 12
"""From so many cases on, workers save more time than they take to start."""


@dataclass(frozen=True)
class CaseReport:
    """What :func:`validate_folder` found out about one case, folder or table.

    Parameters
    ----------
    case
        Case id, or the name of a folder or table.
    layout
        Key in :data:`fedlab_utils.data.naming.LAYOUTS`.
    problems
        Why it cannot be used; empty if it can.
    warnings
        What is odd about it, though it can be used.
    is_case
        Whether it is a case that was found, and not a folder or table.
    """

    case: str
    layout: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_case: bool = True


def validate_folder(
    root: str | os.PathLike[str],
    layout: str | None = None,
    scheme: str | LabelScheme | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[CaseReport]:
    """Read every case in a folder, several at a time.

    Parameters
    ----------
    root, layout, scheme
        As :func:`fedlab_utils.data.layouts.find_cases`.
    workers
        Processes; by default one per core, or none for a few cases. 1 reads in this process.
    progress
        Called with the number of cases done and their total.

    Returns
    -------
    One report per case, sorted by name.

    Raises
    ------
    LayoutError, MissingFileError
        If the folder is no data set at all.
    """
    from fedlab_utils.data.clinical import read_clinical

    found = find_cases(root, layout, scheme)
    problems = list(found.problems)
    warnings: list[DataError] = []
    read_clinical(root, found.cases, problems, warnings)
    reports = [
        CaseReport(error.case, found.layout, (_say(error),), is_case=_is_case(error))
        for error in problems
    ]
    for warning in warnings:
        said = f"{warning.cause}. {warning.remedy}."
        reports.append(CaseReport(warning.case, found.layout, warnings=(said,), is_case=False))
    total = len(reports) + len(found.cases)
    if workers is None and len(found.cases) < WORTH_PROCESSES:
        workers = 1
    for report in spread(check_case, found.cases, workers, _killed):
        reports.append(report)
        if progress is not None:
            progress(len(reports), total)
    return sorted(reports, key=lambda report: report.case)


def check_case(files: CaseFiles) -> CaseReport:
    """Read one case and report on it; no file it may hold makes this raise."""
    try:
        case = load_case(files)
    except DataError as error:
        return CaseReport(files.case_id, files.layout, (_say(error),))
    except (Exception, MemoryError) as error:
        cause = f"reading it failed in an unknown way ({type(error).__name__}: {error})"
        return CaseReport(files.case_id, files.layout, (cause,))
    return CaseReport(files.case_id, files.layout, warnings=case.warnings)


def _is_case(error: DataError) -> bool:
    """Tell a case from a folder, which is named with its path, and from a table."""
    from fedlab_utils.data.clinical import SPREADSHEETS

    place = Path(error.case)
    return len(place.parts) == 1 and place.suffix.lower() not in (".csv", *SPREADSHEETS)


def _killed(files: CaseFiles) -> CaseReport:
    return CaseReport(files.case_id, files.layout, ("reading it killed the process that tried",))


def _say(error: DataError) -> str:
    return f"{type(error).__name__}: {error.cause}. {error.remedy}."
