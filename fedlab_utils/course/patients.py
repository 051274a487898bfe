"""The patients that a lesson works on: those of FEDLAB_DATA as far as they serve, or phantoms."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data import open_cohort
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    from fedlab_utils.data import Case, Cohort, PreprocessSettings

_NAMED = 5
_MADE_AGAIN = "Remove the folder: the phantom patients are then made again"


def open_patients(
    at_most: int = 1, must_pass: Callable[[Case], object] | None = None
) -> tuple[Cohort, list[Case]]:
    """Open the cohort, read some of its patients, and print what was found and what was left out.

    What keeps the folder in FEDLAB_DATA from serving is said, with the way out: it is no data set,
    it has not one segmentation, or no case can be used. The phantom patients then take its place,
    so that the lesson goes on.

    Parameters
    ----------
    at_most
        How many cases to read: one of each institution first, then a second of each, and so on.
    must_pass
        What the lesson will do with each case, such as
        :func:`fedlab_utils.data.preprocess`: a case for which it raises a :class:`DataError` is
        left out as one that cannot be read is.

    Returns
    -------
    The cohort of all cases with a segmentation, and the cases that were read, at least one. A case
    that cannot be used is skipped; another takes its place.

    Raises
    ------
    DataError
        If FEDLAB_DATA is not set and not one phantom can be used.
    """
    if os.environ.get("FEDLAB_DATA"):
        try:
            return _opened(open_cohort(), at_most, must_pass)
        except DataError as error:
            print(f"{error}\nUntil then this lesson goes on with the phantom patients.")
    from fedlab_utils.data.cohort import open_phantom

    phantom = open_phantom()
    try:
        return _opened(phantom, at_most, must_pass)
    except DataError as error:
        raise type(error)(error.case, error.cause, _MADE_AGAIN) from None


def several_patients(
    at_most: int, settings: PreprocessSettings, fewest: int = 24, seed: int = 3
) -> Cohort:
    """Open enough patients to deal to hospitals: those of FEDLAB_DATA, or phantoms; say which.

    They are drawn by :func:`draw_patients` and preprocessed, into the cache. Cases for which that
    fails are left out.

    Parameters
    ----------
    at_most
        Scans.
    settings
        Of the preprocessing.
    fewest
        Patients that the data set must have; with fewer the phantoms take their place.
    seed
        Of the draw.
    """
    from fedlab_utils.data import build_cache
    from fedlab_utils.data.cohort import open_phantom

    cohort, _ = open_patients(at_most=1)
    if len(cohort.patients) < fewest:
        print("Too few patients to deal to hospitals: the phantoms take their place.")
        cohort = open_phantom()
    some = draw_patients(cohort, at_most, seed)
    unusable = {problem.case for problem in build_cache(some.cases, settings)}
    return some.subset(case.case_id for case in some if case.case_id not in unusable)


def draw_patients(cohort: Cohort, at_most: int, seed: int) -> Cohort:
    """Draw patients of a large cohort at random, with all their scans, for a lesson to work on.

    Each institution has its share among the patients drawn, to about one patient, and a patient of
    a small one is as likely to be drawn as one of a large one: its patients are placed at even
    distances between 0 and 1, in a random order and from a random start, and of all institutions'
    patients those placed lowest are drawn. An unknown institution counts as one more.

    Parameters
    ----------
    cohort
        Its order does not matter.
    at_most
        Scans. One patient is drawn even if they have more.
    seed
        Same patients and seed, same sample.

    Returns
    -------
    Cohort
        The patients drawn, in the cohort's order.
    """
    rng = np.random.default_rng(seed)
    known = cohort.table.get("institution")
    scans: dict[str, list[str]] = {}
    strata: dict[str, list[str]] = {}
    for case in sorted(cohort, key=lambda case: case.case_id):
        if case.patient_id not in scans:
            value = None if known is None else known[case.case_id]
            strata.setdefault(value if isinstance(value, str) else "", []).append(case.patient_id)
        scans.setdefault(case.patient_id, []).append(case.case_id)
    places = {}
    for _, patients in sorted(strata.items()):
        order = rng.permutation(len(patients)) + rng.random()
        places |= dict(zip(patients, order / len(patients), strict=True))
    drawn: set[str] = set()
    for patient in sorted(places, key=places.get):
        if drawn and len(drawn) + len(scans[patient]) > at_most:
            break
        drawn.update(scans[patient])
    return cohort.subset(case.case_id for case in cohort if case.case_id in drawn)


def _opened(
    everyone: Cohort, at_most: int, must_pass: Callable[[Case], object] | None
) -> tuple[Cohort, list[Case]]:
    cohort = everyone.labelled()
    turn = cohort.table.groupby("institution", dropna=False).cumcount()
    in_turn = cohort.subset(turn.sort_values(kind="stable").index)
    cases, skipped = in_turn.readable(at_most, must_pass)
    print(cohort.description)
    _print_problems([*cohort.problems, *skipped])
    return cohort, cases


def _print_problems(problems: Sequence[DataError]) -> None:
    for error in problems[:_NAMED]:
        print(f"Left out: {error}")
    if len(problems) > _NAMED:
        more = len(problems) - _NAMED
        print(f"and {more} more. In a terminal, `fedlab validate FOLDER` lists them all.")
