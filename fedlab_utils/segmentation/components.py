"""Leave out what is too small to believe: pieces apart from the tumour, specks of enhancement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHARE = 0.1
"""A separate piece smaller than this share of the largest is left out. On 80 validation
phantoms the mean Dice rose by 0.005 for any share from 0.02 to 0.5."""


def drop_small_pieces(regions: NDArray[np.bool_], share: float = SHARE) -> NDArray[np.bool_]:
    """Keep the largest connected piece and those that are not small beside it.

    Most gliomas are one mass. Small satellites exist and are lost here, but specks elsewhere are
    mostly vessels, remains of the skull or the rim of a ventricle. They hardly change Dice; once
    they hold more than 5 % of the predicted surface, they ruin HD95.

    Parameters
    ----------
    regions
        ``(3, X, Y, Z)`` bool in the order ET, TC, WT.
    share
        Between 0 (keep everything) and 1 (keep the largest alone).

    Returns
    -------
    numpy.ndarray
        As ``regions``. Pieces of any region connect through faces, edges and corners.
    """
    from scipy import ndimage

    pieces, count = ndimage.label(regions.any(0), np.ones((3, 3, 3)))
    if share <= 0 or count < 2:
        return regions
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return regions & (sizes >= share * sizes.max())[pieces]


LEAST_ENHANCING_ML = 0.5
"""Predicted enhancing tumour that comes to less than this is none, see
:func:`drop_little_enhancement`. On 32 validation phantoms the first stage of the shipped network
gained 0.13 (random contrasts) and 0.06 (own scanners) of ET's mean Dice by it."""


def drop_little_enhancement(
    labels: NDArray[np.uint8], voxel_ml: float, least_ml: float = LEAST_ENHANCING_ML
) -> NDArray[np.uint8]:
    """Let a trace of enhancing tumour count as the core around it.

    Where a tumour does not enhance at all, as most of low grade, a single voxel of it turns ET's
    Dice from 1 to 0. The rule is that of the winner of BraTS 2020 (Isensee et al. 2020,
    arXiv:2011.00848). It serves the score: a true trace of enhancement is lost by it.

    Parameters
    ----------
    labels
        Canonical, any shape.
    voxel_ml
        Volume of a voxel in millilitres.
    least_ml
        Less than this in all becomes label 1 (necrosis and non-enhancing core).
    """
    from fedlab_utils.data.conventions import ENHANCING, NECROSIS

    enhancing = labels == ENHANCING
    if enhancing.sum() * voxel_ml >= least_ml:
        return labels
    return np.where(enhancing, np.uint8(NECROSIS), labels)
