"""What is odd about a patient's voxels, though they can be used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.brain import foreground
from fedlab_utils.data.conventions import SEQUENCES

LEAST_COVERAGE = 0.8
"""A sequence that covers less of the brain than this share of the widest one is warned about."""


def case_warnings(image: NDArray[np.float32], labels: NDArray[np.uint8] | None) -> tuple[str, ...]:
    """Say which sequence misses a part of the brain, and how the tumour lies to it.

    Parameters
    ----------
    image
        ``(4, X, Y, Z)`` in the order T1, T1ce, T2, FLAIR.
    labels
        ``(X, Y, Z)`` canonical labels, or None.

    Returns
    -------
    One sentence each, without a full stop; empty if all is well.
    """
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
