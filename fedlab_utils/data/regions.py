"""The nested regions ET, TC and WT: from canonical labels and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fedlab_utils.data.conventions import BACKGROUND, ENHANCING, NECROSIS, OEDEMA


def to_regions(labels: ArrayLike) -> NDArray[np.bool_]:
    """Stack the nested evaluation regions of canonical labels.

    ET is enhancing tumour, TC adds the necrotic or non-enhancing core, WT adds the oedema. A
    resection cavity belongs to none (Menze et al. 2015, doi:10.1109/TMI.2014.2377694; for the
    cavity de Verdier et al. 2024, arXiv:2405.18368).

    Parameters
    ----------
    labels
        ``(X, Y, Z)`` canonical labels (any shape works).

    Returns
    -------
    ``(3, X, Y, Z)`` bool in the order ET, TC, WT.
    """
    labels = np.asarray(labels)
    regions = np.empty((3, *labels.shape), bool)
    np.equal(labels, ENHANCING, out=regions[0])
    np.logical_or(regions[0], labels == NECROSIS, out=regions[1])
    np.logical_or(regions[1], labels == OEDEMA, out=regions[2])
    return regions


def from_regions(regions: ArrayLike) -> NDArray[np.uint8]:
    """Turn regions into canonical labels, the inverse of :func:`to_regions` without a cavity.

    Where predicted regions are not nested, the inner region wins: ET over TC over WT.

    Parameters
    ----------
    regions
        ``(3, X, Y, Z)`` bool in the order ET, TC, WT.

    Returns
    -------
    ``(X, Y, Z)`` uint8 canonical labels.
    """
    enhancing, core, whole = np.asarray(regions, bool)
    labels = np.where(whole, np.uint8(OEDEMA), np.uint8(BACKGROUND))
    labels[core] = NECROSIS
    labels[enhancing] = ENHANCING
    return labels
