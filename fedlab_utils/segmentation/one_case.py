"""Which case a user means who names a path: a case's folder, or one of its image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.errors import DataError, MissingFileError

if TYPE_CHECKING:
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.cohort import Cohort


def find_case(
    path: Path, layout: str | None = None, sequences: tuple[str, ...] = SEQUENCES
) -> CaseFiles:
    """Return the one case that a path names.

    Parameters
    ----------
    path
        A folder that holds one case, or one of a case's image files. A Decathlon case has no folder
        of its own: name its 4-D file, ``imagesTr/BRATS_001.nii.gz``.
    layout
        Only where it cannot be told.
    sequences
        What the model looks at. The case needs the other sequences all the same, since the brain is
        found from all four; the error that says so tells both.

    Raises
    ------
    MissingFileError
        If nothing is there, or a sequence is missing.
    DataError
        If the path names several cases, or none that can be used.
    """
    from fedlab_utils.data.cohort import load_cohort

    path = Path(path).expanduser()
    names_file = path.is_file() and path.name.lower().endswith((".nii", ".nii.gz"))
    try:
        cohort = load_cohort(path.parent if names_file else path, layout=layout)
        return _with_file(cohort, path) if names_file else _only(cohort)
    except MissingFileError as error:
        if not path.exists() or sequences == SEQUENCES:
            raise
        raise MissingFileError(
            error.case,
            f"{error.cause}; the model looks at {', '.join(sequences)} alone, but the brain is "
            "found from all four sequences",
            error.remedy,
        ) from None


def _only(cohort: Cohort) -> CaseFiles:
    if len(cohort) > 1:
        ids = ", ".join(files.case_id for files in cohort.cases[:3])
        raise DataError(
            cohort.root,
            f"it holds {len(cohort)} cases, {ids} among them",
            "Name the folder of one case, or one of its image files",
        )
    return cohort.cases[0]


def _with_file(cohort: Cohort, path: Path) -> CaseFiles:
    for files in cohort:
        if any(own.exists() and own.samefile(path) for own in files.paths):
            return files
    for problem in cohort.problems:
        if path.name.lower().startswith(problem.case.lower()):
            raise problem
    raise DataError(
        path,
        f"it belongs to none of the {len(cohort)} cases in its folder",
        "Name the folder of one case, or one of its image files",
    )
