"""How good a segmentation is: Dice and HD95 per region, at the resolution of the patient's files.

Both are defined here once, with what they count for empty masks, since published numbers differ in
exactly these choices (Maier-Hein et al., "Metrics reloaded", Nature Methods 21, 2024,
doi:10.1038/s41592-023-02151-z).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import NECROSIS, OEDEMA, REGIONS
from fedlab_utils.errors import GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MEASURED = (*REGIONS, "oedema", "necrosis")
"""What is measured, in this order: the three nested regions, then two labels by themselves."""

MISSED_MM = 373.12866
"""HD95 where one mask is empty and the other is not: the diagonal of a BraTS volume of
240 x 240 x 155 mm. nnU-Net's re-implementation of the BraTS evaluation counts the same number
(``nnunet/dataset_conversion/Task082_BraTS_2020.py`` in github.com/MIC-DKFZ/nnUNet); BraTS 2023
counts 374 for each lesion that is missed or invented (synapse.org/Synapse:syn51156910)."""


def masks(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Stack what is measured: canonical labels ``(X, Y, Z)`` -> bool ``(5, X, Y, Z)``."""
    from fedlab_utils.data.regions import to_regions

    labels = np.asarray(labels)
    return np.concatenate([to_regions(labels), [labels == OEDEMA], [labels == NECROSIS]])


def dice(prediction: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Twice the shared voxels over the sum of both (Dice 1945, doi:10.2307/1932409).

    Two empty masks count 1; one empty mask counts 0.

    Raises
    ------
    GeometryError
        If the shapes differ.
    """
    _check_same_shape(prediction, truth)
    total = np.count_nonzero(prediction) + np.count_nonzero(truth)
    return float(2 * np.count_nonzero(prediction & truth) / total) if total else 1.0


def hd95(
    prediction: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Sequence[float]
) -> float:
    """Ninety-fifth percentile of the Hausdorff distance, in mm.

    From each surface voxel of one mask the distance to the nearest surface voxel of the other is
    taken; of each direction the 95th percentile, and of the two the larger. This is MONAI's
    definition; medpy takes one percentile of both directions pooled, mostly a smaller number
    (interpolation can make it a little larger). A surface voxel is one that has a face neighbour
    outside its mask. Two empty masks count 0; one empty mask counts :data:`MISSED_MM`.

    Parameters
    ----------
    prediction, truth
        bool ``(X, Y, Z)``.
    spacing
        mm along X, Y and Z.

    Raises
    ------
    GeometryError
        If the shapes differ.
    """
    _check_same_shape(prediction, truth)
    if not prediction.any() or not truth.any():
        return 0.0 if prediction.any() == truth.any() else MISSED_MM
    there, back = _surface(prediction, spacing), _surface(truth, spacing)
    return max(_percentile_distance(there, back), _percentile_distance(back, there))


def is_missed(scores: dict[str, float]) -> bool:
    """Whether a region is in one of the masks alone, from its ``dice`` and ``hd95``."""
    return scores["dice"] == 0 and scores["hd95"] == MISSED_MM


def _surface(mask: NDArray[np.bool_], spacing: Sequence[float]) -> NDArray[np.float64]:
    """Places of the surface voxels in mm: (voxels, 3)."""
    from scipy.ndimage import binary_erosion

    from fedlab_utils.data.brain import bounding_box

    box = tuple(bounding_box(mask))
    padded = np.pad(mask[box], 1)
    edge = padded & ~binary_erosion(padded)
    first = [part.start - 1 for part in box]
    return (np.argwhere(edge) + first) * np.asarray(spacing, float)


def _percentile_distance(start: NDArray[np.float64], goal: NDArray[np.float64]) -> float:
    from scipy.spatial import cKDTree

    distances, _ = cKDTree(goal).query(start)
    return float(np.percentile(distances, 95))


def measure(
    prediction: NDArray[np.uint8], truth: NDArray[np.uint8], spacing: Sequence[float]
) -> dict[str, dict[str, float]]:
    """Measure one patient.

    Parameters
    ----------
    prediction, truth
        Canonical labels ``(X, Y, Z)`` on one grid. A resection cavity belongs to nothing measured.
    spacing
        mm per axis of that grid.

    Returns
    -------
    dict
        ``{"ET": {"dice": ..., "hd95": ...}, ...}`` with the keys of :data:`MEASURED`.
    """
    _check_same_shape(prediction, truth)
    pairs = zip(MEASURED, masks(prediction), masks(truth), strict=True)
    return {name: {"dice": dice(p, t), "hd95": hd95(p, t, spacing)} for name, p, t in pairs}


def _check_same_shape(prediction: NDArray, truth: NDArray) -> None:
    if prediction.shape != truth.shape:
        raise GeometryError(
            "segmentation",
            f"the prediction has shape {prediction.shape}, the truth {truth.shape}",
            "Bring the prediction to the grid of the case's own files first",
        )
