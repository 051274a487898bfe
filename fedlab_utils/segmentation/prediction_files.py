"""Segmentation files that somebody else's program wrote: which is whose, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.errors import DataError, ForeignLabelsError, LabelError, MissingFileError

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
    from fedlab_utils.data.labels import get_scheme
    from fedlab_utils.data.naming import LAYOUTS

    layout = LAYOUTS.get(name)
    followed = layout.scheme if layout and isinstance(layout.scheme, str) else name
    return get_scheme(followed, "predictions").name


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
    """Read a segmentation file on a case's own grid as canonical labels.

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
    here = FileGrid(raw.shape, affine)
    check_same_grid(case.grid, "the case", here, path.name, case.files.case_id)
    try:
        return decode_labels(raw, scheme, path.name)
    except LabelError as error:
        remedy = error.remedy.replace("pass scheme=", "say that they follow ")
        raise ForeignLabelsError(error.case, error.cause, remedy) from None


def _candidates(folder: Path, case_id: str) -> Iterator[Path]:
    for joint in ("", "_seg", "-seg"):
        for suffix in (".nii.gz", ".nii"):
            yield folder / f"{case_id}{joint}{suffix}"
