"""Bars reach as far as intervals do."""

from __future__ import annotations

import numpy as np

from fedlab_utils.segmentation.statistics import Estimate
from fedlab_utils.ui.intervals import bars


def test_bars_end_where_intervals_do_and_none_is_shorter_than_0() -> None:
    mean, reach = bars([Estimate(0.5, 0.4, 0.7, 9), Estimate(0.3, 0.31, 0.35, 9)])
    np.testing.assert_allclose(mean, [0.5, 0.3])
    np.testing.assert_allclose(reach, [[0.1, 0.0], [0.2, 0.05]])
