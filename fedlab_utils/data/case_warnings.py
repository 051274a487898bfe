"""What is odd about a patient's voxels, though they can be used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fedlab_utils.data.brain import foreground
from fedlab_utils.data.conventions import SEQUENCES

LEAST_COVERAGE = 0.8
"""A sequence that covers less of the brain than this share of the widest one is warned about."""


def case_warnings(image: NDArray[np.float32], labels: NDArray[np.uint8] | None) -> tuple[str, ...]:
    """Say which sequence misses a part of the brain or is flat, and how the tumour lies to it.

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
    for name, volume, signal in zip(SEQUENCES, image, signals, strict=True):
        if _one_value(volume, signal):
            found.append(f"{name} has one value in all of the brain: a mask in place of a scan?")
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


def _one_value(volume: np.ndarray, signal: np.ndarray) -> bool:
    """Whether a sequence is the same wherever it shows signal; mostly every 101st voxel tells."""
    for step in (101, 1):
        values = volume.ravel("F")[::step][signal.ravel("F")[::step]]
        if values.size and values.min() < values.max():
            return False
    return values.size > 1
