"""Which case a user means who names a path: a case's folder, or one of its image files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.errors import DataError, MissingFileError

if TYPE_CHECKING:
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.layouts import Found


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
    from fedlab_utils.data.layouts import find_cases, none_usable

    path = Path(path).expanduser()
    names_file = path.is_file() and path.name.lower().endswith((".nii", ".nii.gz"))
    try:
        folder = path.parent if names_file else path
        found = find_cases(folder, layout)  # no clinical tables: nobody asks for them here
        if not found.cases:
            raise none_usable(folder, found.problems)
        return _with_file(found, path) if names_file else _only(found, folder)
    except MissingFileError as error:
        if not path.exists() or sequences == SEQUENCES:
            raise
        raise MissingFileError(
            error.case,
            f"{error.cause}; the model looks at {', '.join(sequences)} alone, but the brain is "
            "found from all four sequences",
            error.remedy,
        ) from None


def _only(found: Found, folder: Path) -> CaseFiles:
    if len(found.cases) > 1:
        ids = ", ".join(files.case_id for files in found.cases[:3])
        raise DataError(
            folder,
            f"it holds {len(found.cases)} cases, {ids} among them",
            "Name the folder of one case, or one of its image files",
        )
    return found.cases[0]


def _with_file(found: Found, path: Path) -> CaseFiles:
    for files in found.cases:
        if any(own.exists() and own.samefile(path) for own in files.paths):
            return files
    for problem in found.problems:
        if path.name.lower().startswith(problem.case.lower()):
            raise problem
    raise DataError(
        path,
        f"it belongs to none of the {len(found.cases)} cases in its folder",
        "Name the folder of one case, or one of its image files",
    )
