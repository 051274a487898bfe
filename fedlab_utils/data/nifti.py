"""NIfTI files in and out: everything that can be wrong with a file is found here.

Files come from strangers. A header is checked before memory is taken for what it announces, and a
compressed file is never expanded beyond it.
"""

from __future__ import annotations

import gzip
import os
import uuid
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.errors import GeometryError, IntensityError, UnreadableFileError

MAX_VOXELS = 512**3
"""Largest 3-D volume that is read: eighteen times a BraTS scan, half a gigabyte as float32."""

_GZIP_MAGIC = b"\x1f\x8b"
_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
_PADDING = 1 << 16  # bytes after the voxels that are put up with
_AGAIN = "Copy or download it again"


@dataclass(frozen=True)
class _Layout:
    """Where the voxels lie in a file, and what they are."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]

    @property
    def end(self) -> int:
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def read_stored(
    path: Path, case: object, channels: int | None = None
) -> tuple[NDArray, NDArray[np.float64]]:
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
    Array ``(X, Y, Z)`` or ``(X, Y, Z, channels)`` in the file's own axes, read-only, Fortran order;
    float32 or float64 if the header asks for scaling. Affine ``(4, 4)``, voxel to millimetres.

    Raises
    ------
    UnreadableFileError
        Empty, truncated, forbidden, not NIfTI, or more than the header announces.
    GeometryError
        Another number of dimensions, a size out of all reason, a singular affine.
    """
    path = Path(path)
    content = _read_bytes(path, case)
    layout = _read_header(content, path, case)
    layout = _check_shape(layout, channels, path, case)
    if content[:2] == _GZIP_MAGIC:
        content = _expand(content, layout.end, path, case)
        if len(content) >= layout.end + _PADDING:
            raise UnreadableFileError(
                case,
                f"{path.name} expands to more than the {layout.end} bytes its header announces",
                "Its header or its content is damaged; " + _AGAIN.lower(),
            )
    if len(content) < layout.end:
        raise UnreadableFileError(
            case,
            f"{path.name} is truncated: {len(content)} of {layout.end} bytes are there",
            _AGAIN,
        )
    voxels = np.frombuffer(content, layout.dtype, int(np.prod(layout.shape)), layout.offset)
    voxels = voxels.reshape(layout.shape, order="F")
    if (layout.slope, layout.intercept) != (1.0, 0.0):
        kind = np.float64 if layout.dtype.itemsize > 4 else np.float32
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for NaN and infinity
            voxels = voxels.astype(kind) * kind(layout.slope) + kind(layout.intercept)
    return voxels, layout.affine


def read_volume(
    path: Path, case: object, channels: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Read one scan as float32, and refuse voxels that no scanner makes.

    Parameters and errors as :func:`read_stored`, and

    Raises
    ------
    IntensityError
        NaN, infinity, or nothing but zeros.
    """
    stored, affine = read_stored(path, case, channels)
    with np.errstate(over="ignore", invalid="ignore"):
        voxels = stored.astype(np.float32)
    volumes = [voxels] if channels is None else np.moveaxis(voxels, -1, 0)
    for index, volume in enumerate(volumes):
        name = Path(path).name if channels is None else f"{Path(path).name}, volume {index}"
        check_intensities(volume, name, case)
    return voxels, affine


def check_intensities(volume: NDArray[np.floating], name: str, case: object) -> None:
    """Refuse NaN, infinity, and nothing but zeros. Negative values are allowed."""
    lowest, highest = volume.min(), volume.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = ~np.isfinite(volume)
        raise IntensityError(
            case,
            f"{name} holds {int(bad.sum())} voxels that are no number, the first {volume[bad][0]}",
            "Take the scan as published, or convert it again from the scanner's own files",
        )
    if lowest == highest == 0:
        raise IntensityError(case, f"{name} holds nothing but zeros", _AGAIN)


def write_nifti(path: Path, array: NDArray, affine: NDArray[np.floating]) -> None:
    """Write an array as NIfTI-1: whole or not at all, the same bytes for the same array.

    Parameters
    ----------
    path
        Ends in ``.nii`` or ``.nii.gz``. Its folder must exist; a file of that name is replaced.
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
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read_bytes(path: Path, case: object) -> bytes:
    """Read the whole file as it lies on disk, compressed or not."""
    limit = 5 * MAX_VOXELS * 8
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnreadableFileError(case, f"{path.name} is not a file", "Name a NIfTI file")
        if size > limit:
            raise UnreadableFileError(
                case, f"{path.name} has {size} bytes, more than any scan", _AGAIN
            )
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(
            case,
            f"{path.name} cannot be opened ({error.strerror})",
            "Check the file's permissions, links and disk",
        ) from error
    if not content:
        raise UnreadableFileError(case, f"{path.name} is empty (0 bytes)", _AGAIN)
    return content


def _read_header(content: bytes, path: Path, case: object) -> _Layout:
    """Read what the header announces, without believing it."""
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    head = content[:_HEADER_BYTES]
    if head[:2] == _GZIP_MAGIC:
        head = _expand(content, _HEADER_BYTES, path, case)[:_HEADER_BYTES]
    kind = Nifti2Header if head[4:7] == b"n+2" else Nifti1Header
    size = 540 if kind is Nifti2Header else 348
    if kind is Nifti1Header and head[344:347] != b"n+1":
        raise _not_nifti(path, case, f"it begins with {head[:8]!r}")
    if len(head) < size:
        raise UnreadableFileError(
            case, f"{path.name} is truncated: its header ends after {len(head)} bytes", _AGAIN
        )
    try:
        header = kind(head[:size], check=False)
        slope, intercept = header.get_slope_inter()
        with np.errstate(all="ignore"):
            affine = np.asarray(header.get_best_affine(), np.float64)
        return _Layout(
            tuple(int(n) for n in header.get_data_shape()),
            header.get_data_dtype(),
            int(header["vox_offset"]),
            1.0 if slope is None else float(slope),
            0.0 if intercept is None else float(intercept),
            affine,
        )
    except (HeaderDataError, ValueError, OverflowError, KeyError) as error:
        raise _not_nifti(path, case, f"its header is damaged ({error})") from error


def _not_nifti(path: Path, case: object, why: str) -> UnreadableFileError:
    return UnreadableFileError(
        case,
        f"{path.name} is not a NIfTI file: {why}",
        "Name the scan as published, or convert it to NIfTI",
    )


def _check_shape(layout: _Layout, channels: int | None, path: Path, case: object) -> _Layout:
    """Check what the header announces, before any memory is taken for it."""
    shape = layout.shape
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    due = 3 if channels is None else 4
    if len(shape) != due or min(shape) < 1 or (channels and shape[3] != channels):
        wanted = "three dimensions" + ("" if channels is None else f" and {channels} volumes")
        raise GeometryError(
            case,
            f"{path.name} has shape {_times(layout.shape)} where {wanted} are due",
            "Save one volume per sequence, or name the layout that the folder has",
        )
    voxels = int(np.prod(shape[:3], dtype=object))
    if voxels > MAX_VOXELS:
        raise GeometryError(
            case,
            f"{path.name} announces {_times(shape)} voxels, more than {MAX_VOXELS} can be held",
            "The header is damaged or this is no brain scan; " + _AGAIN.lower(),
        )
    if layout.dtype.kind not in "iuf" or layout.dtype.itemsize > 8:
        raise UnreadableFileError(
            case,
            f"{path.name} stores voxels of type {layout.dtype}",
            "Save it as integers or floats, one number per voxel",
        )
    if layout.offset < 0 or layout.offset > _PADDING * 1024:
        raise UnreadableFileError(
            case, f"{path.name} claims that voxels begin at byte {layout.offset}", _AGAIN
        )
    matrix = layout.affine[:3, :3]
    if not np.isfinite(layout.affine).all() or abs(np.linalg.det(matrix)) < 1e-9:
        raise GeometryError(
            case,
            f"{path.name} has an affine that is singular or no number: {matrix.tolist()}",
            "Take the scan as published; its header has lost the voxel size",
        )
    return replace(layout, shape=shape)


def _expand(content: bytes, size: int, path: Path, case: object) -> bytes:
    """Decompress ``size`` bytes, or fewer if there are no more, and at most a little padding.

    A stream is read to its end where that is near, since zlib compares the checksum there.
    """
    parts: list[bytes] = []
    wanted = size + _PADDING
    try:
        while content[:2] == _GZIP_MAGIC and wanted > 0:  # a file may hold several gzip members
            stream = zlib.decompressobj(wbits=31)
            parts.append(stream.decompress(content, wanted))
            wanted -= len(parts[-1])
            content = stream.unused_data
    except zlib.error as error:
        raise UnreadableFileError(case, f"{path.name} is damaged: {error}", _AGAIN) from error
    if wanted > 0 and not stream.eof:
        count = sum(map(len, parts))
        raise UnreadableFileError(
            case, f"{path.name} is truncated: its compressed data break off at byte {count}", _AGAIN
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
