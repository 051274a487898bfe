"""The matrix of networks and hospitals: its numbers, its frames and its words."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt

from fedlab_utils.errors import CourseError
from fedlab_utils.ui import matrix_plots, transfer_matrix

DICE = np.arange(18).reshape(3, 2, 3) / 20


def drawn(monkeypatch: pytest.MonkeyPatch, *how) -> plt.Figure:
    """The matplotlib figure that the picture is made of."""
    kept = []
    monkeypatch.setattr(matrix_plots, "figure", lambda fig, alt: kept.append((fig, alt)))
    transfer_matrix(*how)
    return kept[0][0]


def test_every_number_stands_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    fig = drawn(monkeypatch, DICE, ["H1", "H2", "all"], ["H1", "H2"], [4, 5])
    for number, ax in enumerate(fig.axes[:3]):
        texts = {t.get_position(): t.get_text() for t in ax.texts}
        for (row, column), value in np.ndenumerate(DICE[..., number]):
            assert texts[column, row] == f"{value:.2f}"
        np.testing.assert_allclose(ax.images[0].get_array(), DICE[..., number])
        frames = [(p.get_x() + 0.47, p.get_y() + 0.44) for p in ax.patches]
        np.testing.assert_allclose(frames, [(0, 0), (1, 1)], atol=1e-9)
        assert [t.get_text() for t in ax.get_xticklabels()] == ["H1\n(4)", "H2\n(5)"]
    plt.close(fig)


def test_words_tell_home_elsewhere_and_the_others() -> None:
    alt = transfer_matrix(DICE, ["H1", "H2", "all"], ["H1", "H2"], [4, 5]).alt
    et = DICE[..., 0]
    home, away, everyone = (et[0, 0] + et[1, 1]) / 2, (et[0, 1] + et[1, 0]) / 2, et[2].mean()
    assert f"ET: at home {home:.2f}, elsewhere {away:.2f}, all {everyone:.2f}" in alt


def test_shapes_must_fit() -> None:
    with pytest.raises(CourseError, match=r"\(3, 2, 3\) for 2 networks"):
        transfer_matrix(DICE, ["H1", "H2"], ["H1", "H2"], [4, 5])
