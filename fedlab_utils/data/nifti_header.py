"""What a NIfTI file announces: read without believing it, before memory is taken for it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.affines import check_affine
from fedlab_utils.errors import GeometryError, UnreadableFileError

if TYPE_CHECKING:
    from nibabel import Nifti1Header

MAX_VOXELS = 512**3
"""Largest 3-D volume that is read: fifteen times a BraTS scan, half a gigabyte as float32."""

GZIP_MAGIC = b"\x1f\x8b"
PADDING = 1 << 16
"""Bytes after the voxels that are put up with."""

AGAIN = "Copy or download it again"

_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
_CHUNK = 1 << 16  # bytes given to zlib at once: what a member leaves over is copied
_MAX_MEMBERS = 1 << 14  # bgzip cuts a Decathlon file into some 2,200


@dataclass(frozen=True)
class VoxelLayout:
    """Where the voxels lie in a file, and what they are."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]
    qform: NDArray[np.float64] | None
    """The second affine of a header that has two; the sform counts."""

    @property
    def end(self) -> int:
        """Byte after the last voxel."""
        return self.offset + int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def read_header(content: bytes, path: Path, case: object) -> VoxelLayout:
    """Read what the header of NIfTI-1 or -2 announces, without believing it.

    Parameters
    ----------
    content
        The file as it lies on disk, compressed or not.
    path, case
        Its name and whose it is, for the error message.

    Raises
    ------
    UnreadableFileError
        If it is no NIfTI file, or its header is damaged or cut off.
    """
    from nibabel import Nifti1Header, Nifti2Header
    from nibabel.spatialimages import HeaderDataError

    head = content[:_HEADER_BYTES]
    if head[:2] == GZIP_MAGIC:
        head = expand(content, _HEADER_BYTES, path, case)[:_HEADER_BYTES]
    kind = Nifti2Header if head[4:7] == b"n+2" else Nifti1Header
    size = 540 if kind is Nifti2Header else 348
    if kind is Nifti1Header and head[344:347] != b"n+1":
        raise _not_nifti(path, case, f"it begins with {head[:8]!r}")
    if len(head) < size:
        raise UnreadableFileError(
            case, f"{path.name} is truncated: its header ends after {len(head)} bytes", AGAIN
        )
    try:
        header = kind(head[:size], check=False)
        slope, intercept = header.get_slope_inter()
        with np.errstate(all="ignore"):
            affine = np.asarray(header.get_best_affine(), np.float64)
            qform = _second_affine(header)
        layout = VoxelLayout(
            tuple(int(n) for n in header.get_data_shape()),
            header.get_data_dtype(),
            int(header["vox_offset"]),
            1.0 if slope is None else float(slope),
            0.0 if intercept is None else float(intercept),
            affine,
            qform,
        )
    except (HeaderDataError, ValueError, OverflowError, KeyError) as error:
        raise _not_nifti(path, case, f"its header is damaged ({error})") from error
    # The header and four bytes that announce extensions come first, as nibabel wants it as well.
    if not size + 4 <= layout.offset <= PADDING * 1024:
        raise UnreadableFileError(
            case,
            f"{path.name} claims that voxels begin at byte {layout.offset}, where {size + 4} is "
            "the first that may hold one",
            AGAIN,
        )
    return layout


def _second_affine(header: Nifti1Header) -> NDArray[np.float64] | None:
    if not (header["sform_code"] > 0 and header["qform_code"] > 0):
        return None
    try:
        with np.errstate(all="ignore"):
            qform = np.asarray(header.get_qform(), np.float64)
    except ValueError:  # no rotation at all; nobody uses it, since the sform counts
        return None
    return qform if np.isfinite(qform).all() else None


def _not_nifti(path: Path, case: object, why: str) -> UnreadableFileError:
    return UnreadableFileError(
        case,
        f"{path.name} is not a NIfTI file: {why}",
        "Name the scan as published, or convert it to NIfTI",
    )


def check_shape(layout: VoxelLayout, channels: int | None, path: Path, case: object) -> VoxelLayout:
    """Check what the header announces, before any memory is taken for it.

    Parameters
    ----------
    layout
        From :func:`read_header`.
    channels
        None where three dimensions are due, else how many volumes there must be.
    path, case
        The file's name and whose it is, for the error message.

    Returns
    -------
    The layout without trailing axes of length 1.

    Raises
    ------
    GeometryError
        If the dimensions are others, the volume is larger than ``MAX_VOXELS``, or the affine does
        not place voxels in millimetres.
    UnreadableFileError
        If a voxel is no number.
    """
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
            "The header is damaged or this is no brain scan; " + AGAIN.lower(),
        )
    if layout.dtype.kind not in "iuf" or layout.dtype.itemsize > 8:
        raise UnreadableFileError(
            case,
            f"{path.name} stores voxels of type {layout.dtype}",
            "Save it as integers or floats, one number per voxel",
        )
    check_affine(layout.affine, path, case)
    return replace(layout, shape=shape)


def expand(content: bytes, size: int, path: Path, case: object) -> bytes:
    """Decompress ``size`` bytes, or fewer if there are no more, and at most a little padding.

    A stream is read to its end where that is near, since zlib compares the checksum there.

    Raises
    ------
    UnreadableFileError
        If the stream is damaged, cut off, or cut into countless pieces.
    """
    parts: list[bytes] = []
    wanted, position, members = size + PADDING, 0, 0
    try:
        while wanted > 0 and content[position : position + 2] == GZIP_MAGIC:
            members += 1  # a file may hold several gzip members, one after the other
            if members > _MAX_MEMBERS:
                raise zlib.error(f"it is cut into more than {_MAX_MEMBERS} pieces")
            stream = zlib.decompressobj(wbits=31)
            while not stream.eof and wanted > 0 and position < len(content):
                chunk = content[position : position + _CHUNK]
                parts.append(stream.decompress(chunk, wanted))
                wanted -= len(parts[-1])
                position += len(chunk) - len(stream.unused_data) - len(stream.unconsumed_tail)
    except zlib.error as error:
        raise UnreadableFileError(case, f"{path.name} is damaged: {error}", AGAIN) from error
    if wanted > 0 and not stream.eof:
        count = sum(map(len, parts))
        raise UnreadableFileError(
            case,
            f"{path.name} is truncated: after {count} bytes of content the rest is missing",
            AGAIN,
        )
    return b"".join(parts)


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
