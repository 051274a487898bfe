"""What a server sees: every array in its panel, and words that tell a picture from noise."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

from fedlab_utils.ui import aggregation_plots, server_view

BUMP = np.exp(-((np.mgrid[-12:12, -12:12] / 6.0) ** 2).sum(0)) * 5
NOISE = np.random.default_rng(0).uniform(-1e14, 1e14, (24, 24))


def test_every_array_is_in_its_panel_and_empty_ones_are_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = []
    monkeypatch.setattr(aggregation_plots, "figure", lambda fig, alt: kept.append((fig, alt)))
    images = {f"hospital {n}": BUMP + n for n in range(6)}
    server_view(images)
    fig = kept[0][0]
    panels = [ax for ax in fig.axes if ax.get_label() != "<colorbar>"]
    shown = {ax.get_title(): ax.images[0].get_array() for ax in panels if ax.get_visible()}
    assert list(shown) == list(images)
    for title, image in images.items():
        np.testing.assert_allclose(shown[title], image[::-1, ::-1].T)  # as in radiology
    assert sum(not ax.get_visible() for ax in panels) == 4
    plt.close(fig)


def test_words_tell_noise_from_a_picture() -> None:
    alt = server_view({"a map": BUMP, "what arrives": NOISE, "nothing": np.zeros((4, 4))}).alt
    assert f"a map: from {BUMP.min():.3g} to 5;" in alt
    assert "what arrives: from -9.99e+13 to 9.99e+13, noise;" in alt
    assert "nothing: from 0 to 0." in alt
