"""Curves of membership inference: their points against counts, and their words."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

from fedlab_utils.ui import membership_curves, membership_plots

MEMBERS, OTHERS = np.array([3.0, 2.0, 5.0, 1.0]), np.array([0.5, 2.5, 1.5, 0.0, 0.2])


def test_each_point_counts_found_and_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    monkeypatch.setattr(membership_plots, "figure", lambda fig, alt: kept.append((fig, alt)))
    membership_curves({"loss": (MEMBERS, OTHERS), "chance": (OTHERS, OTHERS)})
    lines = {line.get_label(): line for line in kept[0][0].axes[0].lines}
    points = dict(zip(*(np.round(v, 9) for v in lines["loss"].get_data()), strict=False))
    for threshold in (4.0, 2.2, 0.3):
        accused, found = (threshold <= OTHERS).mean(), (threshold <= MEMBERS).mean()
        assert points[round(accused, 9)] >= found
    assert set(lines) == {"loss", "chance", "guessing"}
    np.testing.assert_allclose(*lines["guessing"].get_data())
    plt.close(kept[0][0])


def test_words_give_area_lead_and_numbers() -> None:
    alt = membership_curves({"loss": (MEMBERS, OTHERS)}, "live, one seed").alt
    area = np.mean([(m > o) + 0.5 * (m == o) for m in MEMBERS for o in OTHERS])
    assert f"area {area:.2f}" in alt
    assert "4 members and 5 others" in alt
    assert alt.endswith("live, one seed")
