"""The patients that a lesson works on: those of FEDLAB_DATA as far as they serve, or phantoms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fedlab_utils.data import open_cohort
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    from fedlab_utils.data import Case, Cohort

_NAMED = 5
_PHANTOM = "To follow this lesson on the phantom patients, unset FEDLAB_DATA"
_MADE_AGAIN = "Remove the folder: the phantom patients are then made again"


def open_patients(at_most: int = 1) -> tuple[Cohort, list[Case]]:
    """Open the cohort, read some of its patients, and print what was found and what was left out.

    A folder without one segmentation is named, and the phantom patients take its place.

    Parameters
    ----------
    at_most
        How many cases to read: one of each institution first, then a second of each, and so on.

    Returns
    -------
    The cohort of all cases with a segmentation, and the cases that were read, at least one. A case
    that cannot be read is skipped; another takes its place.

    Raises
    ------
    DataError
        If the folder is no data set, or not one of its cases can be read.
    """
    cohort = _labelled()
    turn = cohort.table.groupby("institution", dropna=False).cumcount()
    try:
        cases, skipped = cohort.subset(turn.sort_values(kind="stable").index).readable(at_most)
    except DataError as error:
        way_out = f"{error.remedy}. {_PHANTOM}" if os.environ.get("FEDLAB_DATA") else _MADE_AGAIN
        raise type(error)(error.case, error.cause, way_out) from None
    print(cohort.description)
    _print_problems([*cohort.problems, *skipped])
    return cohort, cases


def _labelled() -> Cohort:
    cohort = open_cohort()
    try:
        return cohort.labelled()
    except DataError as error:
        from fedlab_utils.data.cohort import open_phantom

        print(f"{error}\nUntil then this lesson goes on with the phantom patients.")
        return open_phantom().labelled()


def _print_problems(problems: Sequence[DataError]) -> None:
    for error in problems[:_NAMED]:
        print(f"Left out: {error}")
    if len(problems) > _NAMED:
        more = len(problems) - _NAMED
        print(f"and {more} more. In a terminal, `fedlab validate FOLDER` lists them all.")
