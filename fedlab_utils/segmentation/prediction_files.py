"""Segmentation files that somebody else's program wrote: which is whose, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import (
    DataError,
    ForeignLabelsError,
    GeometryError,
    LabelError,
    MissingFileError,
)

if TYPE_CHECKING:
    import numpy as np

    from fedlab_utils.data.case import Case


def scheme_name(name: str) -> str:
    """Return a label scheme's name from its own or from that of a data set that follows it.

    Raises
    ------
    LabelError
        If it is neither.
    """
    known = _scheme_names()
    if name in known:
        return known[name]
    by_scheme: dict[str, list[str]] = {}
    for other, scheme in known.items():
        by_scheme.setdefault(scheme, []).extend([other] if other != scheme else [])
    listed = (f"{s} (or {', '.join(o)})" if o else s for s, o in by_scheme.items())
    near = [other for other in known if name and name.casefold() in other]
    raise LabelError(
        "predictions",
        f"there is no label scheme {name!r}"
        + (f", which may be meant for {' or '.join(near)}" if near else ""),
        f"Choose one of {', '.join(listed)}",
    )


def _scheme_names() -> dict[str, str]:
    """Every name that says what labels mean: a scheme's own, or a data set's with one scheme."""
    from fedlab_utils.data.labels import SAME_AS, SCHEMES
    from fedlab_utils.data.naming import LAYOUTS

    followed = {n: layout.scheme for n, layout in LAYOUTS.items() if isinstance(layout.scheme, str)}
    return {name: name for name in SCHEMES} | SAME_AS | followed


def find_prediction(folder: Path, case_id: str) -> Path:
    """Return the file of a case among predictions.

    Raises
    ------
    MissingFileError
        If there is none.
    DataError
        If there are several.
    """
    found = [path for path in _candidates(folder, case_id) if path.is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise DataError(case_id, f"several predictions are there: {names}", "Leave one of them")
    raise MissingFileError(
        case_id, f"{folder} holds no prediction for it", f"Write it to {case_id}.nii.gz there"
    )


def read_prediction(path: Path, scheme: str, case: Case) -> np.ndarray:
    """Read a segmentation file as canonical labels on the grid of a case's own files.

    A file may hold the same voxels in another order of axes, mirrored for instance, as long as its
    affine says so: it is turned, nothing is resampled.

    Raises
    ------
    ForeignLabelsError
        If a value does not fit the scheme.
    GeometryError
        If the file does not lie on the grid of the case's files.
    """
    from fedlab_utils.data.case import FileGrid, check_same_grid
    from fedlab_utils.data.labels import decode_labels
    from fedlab_utils.data.nifti import read_stored

    raw, affine = read_stored(path, case.files.case_id)
    raw, affine, turned = _turn_like(raw, affine, case.grid.affine)
    name = path.name + (", turned to the case's axes," if turned else "")
    here = FileGrid(raw.shape, affine)
    try:
        check_same_grid(case.grid, "the case", here, name, case.files.case_id)
    except GeometryError as error:
        remedy = "Write predictions on the grid of the case's own files, with their affine"
        raise GeometryError(error.case, error.cause, remedy) from None
    try:
        return decode_labels(raw, scheme, path.name)
    except LabelError as error:
        remedy = error.remedy.replace("pass scheme=", "say that they follow ")
        raise ForeignLabelsError(error.case, error.cause, remedy) from None


def _turn_like(
    raw: np.ndarray, affine: np.ndarray, own: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Put a file's axes in the order and direction of the case's own, its affine with them."""
    import numpy as np
    from nibabel.orientations import (
        apply_orientation,
        inv_ornt_aff,
        io_orientation,
        ornt_transform,
    )

    turn = ornt_transform(io_orientation(affine), io_orientation(own))
    if np.array_equal(turn, [[0, 1], [1, 1], [2, 1]]):
        return raw, affine, False
    return apply_orientation(raw, turn), affine @ inv_ornt_aff(turn, raw.shape), True


def unmatched_files(folder: Path, case_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the NIfTI files in a folder of predictions that belong to no case."""
    matched = {path.name for case_id in case_ids for path in _candidates(folder, case_id)}
    there = (path.name for path in folder.iterdir() if path.name.endswith((".nii", ".nii.gz")))
    return tuple(sorted(name for name in there if name not in matched))


def _candidates(folder: Path, case_id: str) -> Iterator[Path]:
    for joint in ("", "_seg", "-seg"):
        for suffix in (".nii.gz", ".nii"):
            yield folder / f"{case_id}{joint}{suffix}"
