"""One visit of one patient in memory: four sequences and labels on one grid, axes RAS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.affines import corners_apart
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.case_warnings import case_warnings
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.labels import decode_labels
from fedlab_utils.data.naming import MSD_ORDER
from fedlab_utils.data.nifti import StoredVolume, check_intensities, read_file
from fedlab_utils.errors import GeometryError

AFFINE_TOLERANCE = 0.1
"""How far two files may place the same voxel apart, in voxels: headers are rounded."""


@dataclass(frozen=True)
class FileGrid:
    """The voxel grid of a case's files, before axes were turned to RAS.

    Parameters
    ----------
    shape
        Three axis lengths.
    affine
        ``(4, 4)`` voxel to millimetres.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One visit of one patient, as :func:`load_case` returns it.

    Parameters
    ----------
    files
        Where it came from.
    image
        ``(4, X, Y, Z)`` float32 in the order T1, T1ce, T2, FLAIR; axes RAS.
    labels
        ``(X, Y, Z)`` uint8 canonical labels, or None.
    affine
        ``(4, 4)`` voxel to RAS millimetres.
    spacing
        Voxel size in mm along X, Y, Z.
    grid
        The files' own grid, for :func:`to_file_grid`.
    warnings
        What is odd about the case, though it can be used.
    """

    files: CaseFiles
    image: NDArray[np.float32]
    labels: NDArray[np.uint8] | None
    affine: NDArray[np.float64]
    spacing: tuple[float, float, float]
    grid: FileGrid
    warnings: tuple[str, ...] = ()


def load_case(files: CaseFiles) -> Case:
    """Read a case, check it, and turn its axes to RAS by flips and transposes, without resampling.

    Parameters
    ----------
    files
        From :func:`fedlab_utils.data.layouts.find_cases`.

    Raises
    ------
    UnreadableFileError
        A file that is empty, truncated, forbidden or not NIfTI.
    GeometryError
        Shapes or affines that differ between the files.
    IntensityError
        NaN, infinity, or the same value everywhere.
    LabelError
        Label values that do not fit the case's scheme.
    """
    from nibabel.affines import voxel_sizes
    from nibabel.orientations import inv_ornt_aff, io_orientation

    sequences = _read_sequences(files)
    stored = None if files.label is None else read_file(files.label, files.case_id)
    volumes = sequences if stored is None else [*sequences, stored]
    grid = FileGrid(volumes[0].voxels.shape, volumes[0].affine)
    for volume in volumes[1:]:
        other = FileGrid(volume.voxels.shape, volume.affine)
        check_same_grid(grid, volumes[0].name, other, volume.name, files.case_id)

    orientation = io_orientation(grid.affine)
    affine = grid.affine @ inv_ornt_aff(orientation, grid.shape)
    image = _stack_ras(sequences, orientation, files.case_id)
    labels = None
    if stored is not None:
        decoded = decode_labels(stored.voxels, files.scheme, files.case_id)
        labels = np.asfortranarray(_turn(decoded, orientation))
    spacing = tuple(float(size) for size in voxel_sizes(affine))
    warnings = (*_form_warnings(volumes, spacing), *case_warnings(image, labels))
    return Case(files, image, labels, affine, spacing, grid, warnings)


def to_file_grid(array: NDArray, case: Case) -> NDArray:
    """Turn an array from RAS back into the axes of the case's own files.

    Parameters
    ----------
    array
        ``(X, Y, Z)`` or ``(channels, X, Y, Z)`` on the grid of ``case.image``.
    case
        The case it belongs to.

    Returns
    -------
    The same voxels in the files' order of axes; write them with ``case.grid.affine``.

    Raises
    ------
    GeometryError
        If the array is not on the case's grid.
    """
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    if array.shape[-3:] != case.image.shape[-3:]:
        raise GeometryError(
            case.files.case_id,
            f"an array of shape {array.shape} is not on the case's grid {case.image.shape[-3:]}",
            "Restore it to the case's spacing and size first",
        )
    back = ornt_transform(axcodes2ornt("RAS"), io_orientation(case.grid.affine))
    return np.ascontiguousarray(_turn(array, back))


def from_file_grid(array: NDArray, case: Case) -> NDArray:
    """Turn an array from the axes of the case's own files to RAS, the way its images were turned.

    Parameters
    ----------
    array
        ``(X, Y, Z)`` in the files' order of axes, such as a prediction.
    case
        The case it belongs to.

    Raises
    ------
    GeometryError
        If the array is not on the files' grid.
    """
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    if array.shape != tuple(case.grid.shape[:3]):
        raise GeometryError(
            case.files.case_id,
            f"an array of shape {array.shape} is not on the files' grid {case.grid.shape[:3]}",
            "Restore it to the case's spacing and size first",
        )
    turn = ornt_transform(io_orientation(case.grid.affine), axcodes2ornt("RAS"))
    return np.ascontiguousarray(_turn(array, turn))


def _read_sequences(files: CaseFiles) -> list[StoredVolume]:
    """Return the four volumes in the order of SEQUENCES."""
    if isinstance(files.images, Path):
        stored = read_file(files.images, files.case_id, channels=len(SEQUENCES))
        return [
            replace(
                stored,
                name=f"{stored.name} ({sequence})",
                voxels=stored.voxels[..., MSD_ORDER.index(sequence)],
            )
            for sequence in SEQUENCES
        ]
    paths = [files.images[sequence] for sequence in SEQUENCES]
    with ThreadPoolExecutor(len(paths)) as pool:  # zlib lets other threads run while it expands
        return list(pool.map(lambda path: read_file(path, files.case_id), paths))


def check_same_grid(grid: FileGrid, first: str, other: FileGrid, name: str, case_id: str) -> None:
    """Compare shapes, and where the two affines put the eight corners of the volume.

    Raises
    ------
    GeometryError
        If the shapes differ, or a corner by more than ``AFFINE_TOLERANCE`` voxels.
    """
    if other.shape != grid.shape:
        raise GeometryError(
            case_id,
            f"{name} has shape {other.shape}, {first} has {grid.shape}",
            "Take all files of the case from one release",
        )
    apart = corners_apart(grid.shape, grid.affine, other.affine)
    voxel = np.linalg.norm(grid.affine[:3, :3], axis=0).min()
    if apart > AFFINE_TOLERANCE * voxel:
        raise GeometryError(
            case_id,
            f"{name} and {first} place the same voxel up to {apart:.2f} mm apart",
            "Take all files of the case from one release, or register them first",
        )


def _stack_ras(
    volumes: list[StoredVolume], orientation: NDArray, case_id: str
) -> NDArray[np.float32]:
    """Convert each volume once, straight into its place; check it there.

    Memory keeps the files' order, X fastest: seven times quicker to fill, and axial slices are
    contiguous.
    """
    shape = _turn(volumes[0].voxels, orientation).shape
    image = np.empty((len(volumes), *shape[::-1]), np.float32).transpose(0, 3, 2, 1)

    def place(index: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # looked for on the next line
            image[index] = _turn(volumes[index].voxels, orientation)
        check_intensities(image[index], volumes[index].name, case_id)

    with ThreadPoolExecutor(len(volumes)) as pool:
        list(pool.map(place, range(len(volumes))))
    return image


def _turn(array: NDArray, orientation: NDArray) -> NDArray:
    """Flip and transpose the last three axes; a view."""
    from nibabel.orientations import apply_orientation

    spatial_first = np.moveaxis(array, (-3, -2, -1), (0, 1, 2))
    turned = apply_orientation(spatial_first, orientation)
    return np.moveaxis(turned, (0, 1, 2), (-3, -2, -1))


def _form_warnings(
    volumes: list[StoredVolume], spacing: tuple[float, float, float]
) -> tuple[str, ...]:
    worst = max(volumes, key=lambda volume: volume.qform_apart)
    if not worst.qform_apart > AFFINE_TOLERANCE * min(spacing):
        return ()
    return (
        f"sform and qform of {worst.name} place the same voxel up to {worst.qform_apart:.2f} mm "
        "apart; here the sform counts, in another program perhaps the other",
    )
