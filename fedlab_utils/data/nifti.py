"""NIfTI files in and out: everything that can be wrong with a file is found here.

Files come from strangers. A header is checked before memory is taken for what it announces, and a
compressed file is never expanded beyond it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.affines import corners_apart
from fedlab_utils.data.atomic import write_bytes
from fedlab_utils.data.nifti_header import (
    AGAIN,
    GZIP_MAGIC,
    PADDING,
    VoxelLayout,
    check_shape,
    expand,
    read_header,
)
from fedlab_utils.errors import IntensityError, UnreadableFileError

_HEAD = 1 << 20
"""Bytes read before what the header announces is checked."""


@dataclass(frozen=True)
class StoredVolume:
    """One file's voxels, as they are stored, and where they lie.

    Parameters
    ----------
    name
        The file's name.
    voxels
        ``(X, Y, Z)`` or ``(X, Y, Z, channels)`` in the file's own axes.
    affine
        ``(4, 4)`` voxel to millimetres.
    qform_apart
        How far the header's second affine, which is not used, places a voxel from there, in mm.
    """

    name: str
    voxels: NDArray
    affine: NDArray[np.float64]
    qform_apart: float = 0.0


def read_stored(
    path: Path, case: object, channels: int | None = None
) -> tuple[NDArray, NDArray[np.float64]]:
    """Return voxels and affine of :func:`read_file`."""
    stored = read_file(path, case, channels)
    return stored.voxels, stored.affine


def read_file(path: Path, case: object, channels: int | None = None) -> StoredVolume:
    """Read the voxels in the type they are stored in.

    Parameters
    ----------
    path
        A ``.nii`` or ``.nii.gz`` file; what it is is told by its content.
    case
        Whose file it is, for the error message.
    channels
        None for a 3-D volume, else how many volumes a 4-D file must hold.

    Returns
    -------
    Its voxels are read-only and in Fortran order; float32 or float64 if the header asks for
    scaling.

    Raises
    ------
    UnreadableFileError
        Empty, truncated, forbidden, not NIfTI, or more than the header announces.
    GeometryError
        Another number of dimensions, a size out of all reason, a singular or sheared affine.
    """
    path = Path(path)
    layout, content = _read_bytes(path, channels, case)
    if content[:2] == GZIP_MAGIC:
        content = expand(content, layout.end, path, case)
        if len(content) >= layout.end + PADDING:
            raise UnreadableFileError(
                case,
                f"{path.name} expands to more than the {layout.end} bytes its header announces",
                "Its header or its content is damaged; " + AGAIN.lower(),
            )
    if len(content) < layout.end:
        raise UnreadableFileError(
            case,
            f"{path.name} is truncated: {len(content)} of {layout.end} bytes are there",
            AGAIN,
        )
    voxels = np.frombuffer(content, layout.dtype, int(np.prod(layout.shape)), layout.offset)
    voxels = voxels.reshape(layout.shape, order="F")
    if (layout.slope, layout.intercept) != (1.0, 0.0):
        kind = np.float64 if layout.dtype.itemsize > 4 else np.float32
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for NaN and infinity
            voxels = voxels.astype(kind) * kind(layout.slope) + kind(layout.intercept)
    apart = 0.0
    if layout.qform is not None:
        apart = corners_apart(layout.shape, layout.affine, layout.qform)
    return StoredVolume(path.name, voxels, layout.affine, apart)


def check_intensities(volume: NDArray[np.floating], name: str, case: object) -> None:
    """Refuse NaN, infinity, and one value everywhere. Negative values are allowed.

    Parameters
    ----------
    volume
        ``(X, Y, Z)``, any unit.
    name, case
        The file and whose it is, for the error message.

    Raises
    ------
    IntensityError
        If the volume holds such values.
    """
    lowest, highest = volume.min(), volume.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = ~np.isfinite(volume)
        raise IntensityError(
            case,
            f"{name} holds {int(bad.sum())} voxels that are no number, the first {volume[bad][0]}",
            "Take the scan as published, or convert it again from the scanner's own files",
        )
    if lowest == highest:
        what = f"the value {lowest:g}" if lowest else "zeros"
        raise IntensityError(case, f"{name} holds nothing but {what}", AGAIN)


def write_nifti(path: Path, array: NDArray, affine: NDArray[np.floating]) -> None:
    """Write an array as NIfTI-1: whole or not at all, the same bytes for the same array.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``. Its folder is made if needed; a file of that name is
        replaced.
    array
        ``(X, Y, Z)`` or ``(X, Y, Z, channels)``; stored in its own dtype, bool as uint8.
    affine
        ``(4, 4)`` voxel to millimetres.
    """
    from nibabel import Nifti1Image

    path = Path(path)
    array = np.asarray(array)
    if array.dtype == bool:
        array = array.view(np.uint8)
    image = Nifti1Image(array, np.asarray(affine, np.float64))
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    if path.suffix == ".gz":
        content = gzip.compress(content, compresslevel=1, mtime=0)
    write_bytes(path, content)


def _read_bytes(path: Path, channels: int | None, case: object) -> tuple[VoxelLayout, bytes]:
    """Read a file as it lies on disk, compressed or not, and no more than its header announces."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableFileError(case, f"{path.name} is not a file", "Name a NIfTI file")
        with path.open("rb") as file:
            head = file.read(_HEAD)
            if not head:
                raise UnreadableFileError(case, f"{path.name} is empty (0 bytes)", AGAIN)
            layout = check_shape(read_header(head, path, case), channels, path, case)
            if size <= _HEAD:
                return layout, head
            file.seek(0)
            if head[:2] != GZIP_MAGIC:
                return layout, file.read(layout.end)
            if size > _HEAD + 2 * layout.end:  # what cannot be compressed grows, but by far less
                raise UnreadableFileError(
                    case,
                    f"{path.name} has {size} bytes, for {layout.end} that its header announces",
                    "Its header or its content is damaged; " + AGAIN.lower(),
                )
            return layout, file.read()
    except OSError as error:
        raise UnreadableFileError(
            case,
            f"{path.name} cannot be opened ({error.strerror})",
            "Check the file's permissions, links and disk",
        ) from error
