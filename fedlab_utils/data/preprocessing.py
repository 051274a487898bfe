"""From a case as read to arrays that a network can learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.brain import bounding_box, brain_mask, brain_warnings, robust_zscore
from fedlab_utils.data.nifti_header import MAX_VOXELS
from fedlab_utils.data.resample import axis_weights, resample, resample_labels
from fedlab_utils.errors import DataError, GeometryError, IntensityError

if TYPE_CHECKING:
    from fedlab_utils.data.case import Case

SAME_SPACING = 1e-3
"""Relative difference below which two spacings count as one: headers are rounded."""


@dataclass(frozen=True)
class PreprocessSettings:
    """What preprocessing does to a patient.

    Attributes
    ----------
    spacing
        Edge of the voxels to resample to, in mm, the same along each axis.
    n4
        Correct the coil's bias field first (slow: seconds per sequence).
    percentiles, clip
        See :func:`fedlab_utils.data.brain.robust_zscore`.

    Raises
    ------
    DataError
        If a number makes no sense.
    """

    spacing: float = 2.0
    n4: bool = False
    percentiles: tuple[float, float] = (1.0, 99.0)
    clip: float = 5.0

    def __post_init__(self) -> None:
        if not 0.2 <= self.spacing <= 20:
            raise DataError(
                case="PreprocessSettings",
                cause=f"spacing is {self.spacing} mm",
                remedy="Give the voxels' edge in mm, between 0.2 and 20",
            )
        if len(self.percentiles) != 2 or not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise DataError(
                case="PreprocessSettings",
                cause=f"percentiles are {self.percentiles}",
                remedy="Give a lower and a higher one between 0 and 100, such as (1, 99)",
            )
        if not 0 < self.clip < np.inf:
            raise DataError(
                case="PreprocessSettings",
                cause=f"clip is {self.clip} standard deviations",
                remedy="Give a positive number, such as 5",
            )


@dataclass(frozen=True, eq=False)
class Preprocessed:
    """One patient, ready for a network.

    Attributes
    ----------
    case_id, patient_id
        As in the case's files; visits of one patient share the latter.
    image
        ``(4, X, Y, Z)`` robust z-scores in RAS, 0 outside the brain. float32; float16 when it
        comes from the cache.
    labels
        uint8 ``(X, Y, Z)``, canonical; None if the case has no segmentation.
    brain
        bool ``(X, Y, Z)``.
    affine
        float64 ``(4, 4)``, voxel of these arrays -> RAS mm.
    spacing
        mm per axis.
    native_shape
        Voxels of the case in RAS, before the crop.
    native_spacing
        mm per axis of the case, in RAS.
    box
        ``((x0, x1), (y0, y1), (z0, z1))``: the case's voxels that these arrays cover.
    warnings
        What a reader should know about this patient, one sentence each.
    """

    case_id: str
    patient_id: str
    image: np.ndarray
    labels: np.ndarray | None
    brain: np.ndarray
    affine: np.ndarray
    spacing: tuple[float, float, float]
    native_shape: tuple[int, int, int]
    native_spacing: tuple[float, float, float]
    box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    warnings: tuple[str, ...] = ()


def preprocess(case: Case, settings: PreprocessSettings | None = None) -> Preprocessed:
    """Find the brain, normalise each sequence in it, crop to it and resample.

    Images and labels are resampled with the same weights (see
    :mod:`fedlab_utils.data.resample`): the mean of what a coarser voxel covers, linear
    interpolation for a finer one. Only brain voxels contribute to a voxel at the brain's edge, so
    that no dark rim appears.

    Parameters
    ----------
    case
        From :func:`fedlab_utils.data.load_case`, in RAS.
    settings
        Default :class:`PreprocessSettings`.

    Returns
    -------
    Preprocessed

    Raises
    ------
    IntensityError
        If no brain shows.
    GeometryError
        If so fine a spacing makes more voxels of it than a file may hold.
    """
    settings = settings or PreprocessSettings()
    mask = brain_mask(case.image)
    if not mask.any():
        raise IntensityError(
            case=case.files.case_id,
            cause="no voxel shows signal in half of the sequences",
            remedy="Look at the case in a viewer; its sequences may not be of one patient",
        )
    box = bounding_box(mask if case.labels is None else mask | (case.labels > 0))
    image, mask = case.image[(slice(None), *box)], mask[box]
    _check_size(_new_shape(mask.shape, case.spacing, settings.spacing), case, settings)
    voxel_ml = float(np.prod(case.spacing)) / 1000.0
    warnings = (*case.warnings, *brain_warnings(image, mask, voxel_ml))
    if settings.n4:
        from fedlab_utils.data.n4 import correct_bias

        image = correct_bias(image, mask, case.spacing)
    image = robust_zscore(image, mask, settings.percentiles, settings.clip)
    weights, spacing = _weights(mask.shape, case.spacing, settings.spacing)
    image, brain = _resample_inside(image, mask, weights)
    return Preprocessed(
        case_id=case.files.case_id,
        patient_id=case.files.patient_id,
        image=image,
        labels=None if case.labels is None else resample_labels(case.labels[box], weights),
        brain=brain,
        affine=_cropped_affine(case.affine, box, case.spacing, spacing),
        spacing=spacing,
        native_shape=tuple(int(n) for n in case.image.shape[1:]),
        native_spacing=tuple(float(s) for s in case.spacing),
        box=tuple((int(s.start), int(s.stop)) for s in box),
        warnings=warnings,
    )


def same_spacing(a: float, b: float) -> bool:
    """Tell whether two spacings, in mm, count as one, so that nothing is resampled."""
    return abs(a - b) <= SAME_SPACING * b


def _new_shape(shape: Sequence[int], old: Sequence[float], new: float) -> tuple[int, ...]:
    """Voxels along each axis after resampling."""
    return tuple(
        length
        if same_spacing(step, new)
        else max(1, int(np.ceil(length * step / new - SAME_SPACING)))
        for length, step in zip(shape, old, strict=True)
    )


def _check_size(shape: tuple[int, ...], case: Case, settings: PreprocessSettings) -> None:
    """Refuse, before memory is taken for it, what no machine of the course's kind can hold."""
    if prod(shape) > MAX_VOXELS:
        raise GeometryError(
            case.files.case_id,
            f"at {settings.spacing:g} mm it would have {'x'.join(map(str, shape))} voxels, more "
            f"than {MAX_VOXELS} can be held",
            "Take a coarser spacing, or a network that was trained at one",
        )


def _weights(
    shape: Sequence[int], old: Sequence[float], new: float
) -> tuple[list[np.ndarray | None], tuple[float, float, float]]:
    """One weight matrix and one resulting spacing per axis."""
    weights: list[np.ndarray | None] = []
    spacing = []
    for length, step, new_length in zip(shape, old, _new_shape(shape, old, new), strict=True):
        if same_spacing(step, new):
            weights.append(None)
            spacing.append(float(step))
        else:
            weights.append(axis_weights(length, new / step, new_length))
            spacing.append(float(new))
    return weights, tuple(spacing)


def _resample_inside(
    image: np.ndarray, mask: np.ndarray, weights: Sequence[np.ndarray | None]
) -> tuple[np.ndarray, np.ndarray]:
    """Resample an image that is 0 outside ``mask``, each voxel from its part inside alone."""
    if all(matrix is None for matrix in weights):
        return image, mask
    share = resample(mask, weights)
    brain = share >= 0.5
    divisor = np.where(brain, share, np.inf).astype(np.float32)
    return np.stack([resample(volume, weights) / divisor for volume in image]), brain


def _cropped_affine(
    affine: np.ndarray, box: Sequence[slice], old: Sequence[float], new: Sequence[float]
) -> np.ndarray:
    """Affine of a grid that begins at the box's edge with voxels of another size."""
    step = np.asarray(new, np.float64) / np.asarray(old, np.float64)
    first = np.array([s.start for s in box]) - 0.5 + step / 2
    to_native = np.diag([*step, 1.0])
    to_native[:3, 3] = first
    return np.asarray(affine, np.float64) @ to_native
