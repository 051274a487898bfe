"""One visit of one patient in memory: four sequences and labels on one grid, axes RAS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.brain import foreground
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.labels import decode_labels
from fedlab_utils.data.naming import MSD_ORDER
from fedlab_utils.data.nifti import check_intensities, read_stored
from fedlab_utils.errors import GeometryError

AFFINE_TOLERANCE = 0.1
"""How far two files may place the same voxel apart, in voxels: headers are rounded."""

LEAST_COVERAGE = 0.8
"""A sequence that covers less of the brain than this share of the widest one is warned about."""


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

    volumes, names, affines = _read_sequences(files)
    raw_labels = None
    if files.label is not None:
        raw_labels, affine = read_stored(files.label, files.case_id)
        volumes, names, affines = (
            [*volumes, raw_labels],
            [*names, files.label.name],
            [*affines, affine],
        )
    grid = FileGrid(volumes[0].shape, affines[0])
    for volume, name, affine in zip(volumes, names, affines, strict=True):
        check_same_grid(grid, names[0], FileGrid(volume.shape, affine), name, files.case_id)

    orientation = io_orientation(grid.affine)
    affine = grid.affine @ inv_ornt_aff(orientation, grid.shape)
    image = _stack_ras(volumes[: len(SEQUENCES)], names, orientation, files.case_id)
    labels = None
    if raw_labels is not None:
        decoded = decode_labels(raw_labels, files.scheme, files.case_id)
        labels = np.asfortranarray(_turn(decoded, orientation))
    spacing = tuple(float(size) for size in voxel_sizes(affine))
    return Case(files, image, labels, affine, spacing, grid, _warnings(image, labels))


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


def _read_sequences(files: CaseFiles) -> tuple[list[NDArray], list[str], list[NDArray]]:
    """Return the four volumes in the order of SEQUENCES, their names and affines."""
    if isinstance(files.images, Path):
        stored, affine = read_stored(files.images, files.case_id, channels=len(SEQUENCES))
        volumes = [stored[..., MSD_ORDER.index(sequence)] for sequence in SEQUENCES]
        names = [f"{files.images.name} ({sequence})" for sequence in SEQUENCES]
        return volumes, names, [affine] * len(SEQUENCES)
    paths = [files.images[sequence] for sequence in SEQUENCES]
    with ThreadPoolExecutor(len(paths)) as pool:  # zlib lets other threads run while it expands
        read = list(pool.map(lambda path: read_stored(path, files.case_id), paths))
    return [volume for volume, _ in read], [path.name for path in paths], [a for _, a in read]


def check_same_grid(grid: FileGrid, first: str, other: FileGrid, name: str, case_id: str) -> None:
    """Compare shapes, and where the two affines put the eight corners of the volume."""
    if other.shape != grid.shape:
        raise GeometryError(
            case_id,
            f"{name} has shape {other.shape}, {first} has {grid.shape}",
            "Take all files of the case from one release",
        )
    corners = np.array([(*corner, 1) for corner in product(*((0, n - 1) for n in grid.shape))])
    apart = np.linalg.norm((corners @ (other.affine - grid.affine).T)[:, :3], axis=1).max()
    voxel = np.linalg.norm(grid.affine[:3, :3], axis=0).min()
    if apart > AFFINE_TOLERANCE * voxel:
        raise GeometryError(
            case_id,
            f"{name} and {first} place the same voxel up to {apart:.2f} mm apart",
            "Take all files of the case from one release, or register them first",
        )


def _stack_ras(
    volumes: list[NDArray], names: list[str], orientation: NDArray, case_id: str
) -> NDArray[np.float32]:
    """Convert each volume once, straight into its place; check it there.

    Memory keeps the files' order, X fastest: seven times quicker to fill, and axial slices are
    contiguous.
    """
    shape = _turn(volumes[0], orientation).shape
    image = np.empty((len(volumes), *shape[::-1]), np.float32).transpose(0, 3, 2, 1)

    def place(index: int) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # looked for on the next line
            image[index] = _turn(volumes[index], orientation)
        check_intensities(image[index], names[index], case_id)

    with ThreadPoolExecutor(len(volumes)) as pool:
        list(pool.map(place, range(len(volumes))))
    return image


def _turn(array: NDArray, orientation: NDArray) -> NDArray:
    """Flip and transpose the last three axes; a view."""
    from nibabel.orientations import apply_orientation

    spatial_first = np.moveaxis(array, (-3, -2, -1), (0, 1, 2))
    turned = apply_orientation(spatial_first, orientation)
    return np.moveaxis(turned, (0, 1, 2), (-3, -2, -1))


def _warnings(image: NDArray[np.float32], labels: NDArray[np.uint8] | None) -> tuple[str, ...]:
    found = []
    signals = [foreground(volume) for volume in image]
    covered = np.array([np.count_nonzero(signal) for signal in signals])
    for name, share in zip(SEQUENCES, covered / covered.max(initial=1), strict=True):
        if share < LEAST_COVERAGE:
            found.append(f"{name} covers only {share:.0%} of the brain that other sequences show")
    if labels is not None:
        tumour = np.flatnonzero(labels.ravel("F"))  # views: image and labels lie in this order
        inside = np.zeros(tumour.size, bool)
        for signal in signals:
            inside |= signal.ravel("F")[tumour]
        if not tumour.size:
            found.append("the segmentation marks no tumour")
        elif outside := int(np.count_nonzero(~inside)):
            found.append(
                f"{outside} tumour voxels lie outside the brain, where every scan is background"
            )
    return tuple(found)
