"""A cohort: the cases of one data set and the table that describes them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.case import Case, load_case
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.clinical import read_clinical
from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.data.labels import LabelScheme
from fedlab_utils.data.layouts import find_cases, none_usable
from fedlab_utils.data.phantom.embedded import embedded_patients
from fedlab_utils.data.volumes import region_volumes
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Cohort:
    """The cases of one data set.

    Parameters
    ----------
    root
        Its folder.
    layout
        Key in :data:`fedlab_utils.data.naming.LAYOUTS`.
    description
        What was found, in one sentence, then the warnings.
    cases
        Complete cases, sorted by id.
    problems
        What could not be used: cases, folders, tables.
    table
        One row per case, indexed by ``case_id``: ``patient_id``, ``visit``, ``layout``,
        ``labelled`` and the columns of :func:`fedlab_utils.data.clinical.read_clinical`.
    warnings
        A :class:`ClinicalTableError` for each table with rows that name no case in any data set's
        way, and for each spreadsheet that is not read, as
        :func:`fedlab_utils.data.clinical.read_clinical` gives them. They concern the folder, so a
        subset keeps them; what is odd about one case stands in its ``Case.warnings``.
    """

    root: Path
    layout: str
    description: str
    cases: tuple[CaseFiles, ...] = field(repr=False)
    problems: tuple[DataError, ...] = field(repr=False)
    table: pd.DataFrame = field(repr=False)
    warnings: tuple[DataError, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[CaseFiles]:
        return iter(self.cases)

    @property
    def patients(self) -> tuple[str, ...]:
        """Ids of the patients, sorted."""
        return tuple(sorted({case.patient_id for case in self.cases}))

    def files(self, case_id: str) -> CaseFiles:
        """Return the files of a case.

        Raises
        ------
        DataError
            If the cohort has no such case.
        """
        for case in self.cases:
            if case.case_id == case_id:
                return case
        ids = [case.case_id for case in self.cases]
        near = difflib.get_close_matches(case_id, ids, n=3) or ids[:3]
        raise DataError(case_id, f"no such case among {len(ids)}", f"Try {', '.join(near)}")

    def only(self) -> CaseFiles:
        """Return the files of the one case that there is.

        Raises
        ------
        DataError
            If there are several.
        """
        if len(self.cases) > 1:
            ids = ", ".join(case.case_id for case in self.cases[:3])
            cause = f"it holds {len(self.cases)} cases, {ids} among them"
            raise DataError(self.root, cause, "Name the folder of one case")
        return self.cases[0]

    def load(self, case_id: str) -> Case:
        """Read a case; see :func:`fedlab_utils.data.case.load_case` for what it raises."""
        return load_case(self.files(case_id))

    def subset(self, case_ids: Iterable[str]) -> Cohort:
        """Return a cohort of some of the cases, in the order given.

        Raises
        ------
        DataError
            If the cohort has no such case.
        """
        cases = tuple(self.files(case_id) for case_id in dict.fromkeys(case_ids))
        rows = self.table.loc[[case.case_id for case in cases]]
        return replace(self, cases=cases, table=rows)

    def labelled(self) -> Cohort:
        """Return the cases that have a segmentation.

        Raises
        ------
        DataError
            If none has.
        """
        chosen = [case.case_id for case in self.cases if case.label is not None]
        if not chosen:
            raise DataError(
                self.root,
                f"none of its {len(self)} cases has a segmentation",
                "Take the training part of the data set; validation parts come without",
            )
        return self.subset(chosen)

    def readable(
        self, at_most: int, must_pass: Callable[[Case], object] | None = None
    ) -> tuple[list[Case], list[DataError]]:
        """Read the first cases that can be used, and skip those that cannot.

        Parameters
        ----------
        at_most
            How many cases to read.
        must_pass
            Called with each case; one for which it raises a :class:`DataError` is skipped too.

        Returns
        -------
        The cases, in the cohort's order, and why others before the last of them were skipped.

        Raises
        ------
        DataError
            If not one can be used: of the type, and with the cause, that the first one has.
        """
        cases: list[Case] = []
        skipped: list[DataError] = []
        for files in self.cases:
            if len(cases) == at_most:
                break
            try:
                case = load_case(files)
                if must_pass is not None:
                    must_pass(case)
            except DataError as error:
                skipped.append(error)
            else:
                cases.append(case)
        if skipped and not cases:
            raise none_usable(self.root, skipped)
        return cases, skipped

    def with_volumes(self) -> pd.DataFrame:
        """Return the table with the tumour volumes ``volume_{et,tc,wt}_ml`` in millilitres.

        Reads every segmentation, but none twice in a process as long as its file stays the same.
        Empty where there is none, or none that can be read.
        """
        with ThreadPoolExecutor() as pool:
            volumes = list(pool.map(region_volumes, self.cases))
        columns = [f"volume_{region.lower()}_ml" for region in REGIONS]
        return self.table.assign(**dict(zip(columns, np.transpose(volumes), strict=True)))


def load_cohort(
    root: str | os.PathLike[str],
    layout: str | None = None,
    scheme: str | LabelScheme | None = None,
) -> Cohort:
    """Find the cases in a folder and the clinical tables beside them. Opens no image.

    Parameters
    ----------
    root, layout, scheme
        As :func:`fedlab_utils.data.layouts.find_cases`.

    Raises
    ------
    DataError
        If there is not one case that can be used; otherwise what is wrong is in ``problems``.
    """
    found = find_cases(root, layout, scheme)
    if not found.cases:
        raise none_usable(root, found.problems)
    problems = list(found.problems)
    warnings: list[DataError] = []
    clinical = read_clinical(root, found.cases, problems, warnings)
    table = clinical.assign(
        patient_id=[case.patient_id for case in found.cases],
        visit=[case.visit for case in found.cases],
        layout=found.layout,
        labelled=[case.label is not None for case in found.cases],
    )
    first = ["patient_id", "visit", "layout", "labelled"]
    table = table[first + [name for name in table.columns if name not in first]]
    return Cohort(
        root=Path(root),
        layout=found.layout,
        description=" ".join([found.description, *map(str, warnings)]),
        cases=found.cases,
        problems=tuple(problems),
        table=table,
        warnings=tuple(warnings),
    )


def open_cohort(root: str | os.PathLike[str] | None = None) -> Cohort:
    """Open the cohort that lessons work on.

    Parameters
    ----------
    root
        A data set's folder. Without it the one in the environment variable ``FEDLAB_DATA``, read as
        ``FEDLAB_LAYOUT`` and ``FEDLAB_SCHEME`` say where its own names do not, and without that the
        embedded phantom patients, which are made when they are not there yet.

    Raises
    ------
    DataError
        As :func:`load_cohort`.
    """
    if root:
        return load_cohort(root)
    if root := os.environ.get("FEDLAB_DATA"):
        asked = (os.environ.get(name) or None for name in ("FEDLAB_LAYOUT", "FEDLAB_SCHEME"))
        return load_cohort(root, *asked)
    return open_phantom()


def open_phantom() -> Cohort:
    """Open the embedded phantom patients, which are made when they are not there yet."""
    return load_cohort(embedded_patients())
