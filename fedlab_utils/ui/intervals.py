"""Estimates as matplotlib's error bars want them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fedlab_utils.segmentation.statistics import Estimate


def bars(found: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """Return means ``(n,)``, and how far their intervals reach below and above, ``(2, n)``.

    A bootstrap interval may lie beside its mean by chance; a bar of negative length cannot be
    drawn, and is 0 then.
    """
    mean, low, high = np.array([(one.mean, one.low, one.high) for one in found]).T
    return mean, np.maximum([mean - low, high - mean], 0)
