"""Curves of membership inference: their points against counts, and their words."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy.stats import binomtest

from fedlab_utils.errors import CourseError
from fedlab_utils.privacy.shadows import ATTACKS, Attacked
from fedlab_utils.ui import membership_curves, membership_plots, recorded_membership

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


def _targets(kind: str, lead: float) -> list[Attacked]:
    """Return two targets on 1,050 patients, of whom each knows 50; the second attack is sharper."""
    rng, found = np.random.default_rng(0), []
    for first in (0, 50):
        known = np.isin(np.arange(1050), np.arange(first, first + 50))
        noise = rng.normal(size=1050)
        scores = (noise + lead * known, noise + 2 * lead * known)
        found.append(Attacked(kind, known, dict(zip(ATTACKS, scores, strict=True))))
    return found


def test_a_recorded_curve_has_its_exact_interval_at_one_false_alarm_in_a_hundred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = []
    monkeypatch.setattr(membership_plots, "figure", lambda fig, alt: kept.append((fig, alt)))
    attacked = {kind: _targets(kind, lead) for kind, lead in (("healthy", 0.0), ("overfitted", 2))}
    recorded_membership(attacked, "recorded until then, commit abc")
    [(fig, alt)] = kept
    ax = fig.axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert ax.get_title() == "recorded until then, commit abc"
    lines = {line.get_label() for line in ax.lines}
    assert {f"{kind}, {attack}" for kind in attacked for attack in ATTACKS} | {"guessing"} <= lines
    # By hand: the threshold is the tenth score of each target's thousand others.
    count = sum(
        (t.scores[ATTACKS[0]][t.members] > np.sort(t.scores[ATTACKS[0]][~t.members])[-11]).sum()
        for t in attacked["overfitted"]
    )
    exact = binomtest(int(count), 100).proportion_ci(0.95, "exact")
    words = f"{count / 100:.1%} of 100 members found [{exact.low:.1%}, {exact.high:.1%}]"
    assert f"overfitted, {ATTACKS[0]}: area" in alt
    assert words in alt
    bars = [c.get_segments()[0][:, 1] for c in ax.collections]
    assert any(bar == pytest.approx((exact.low, exact.high)) for bar in bars)
    plt.close(fig)


def test_a_recorded_figure_says_so_and_without_targets_the_way_out_is_named() -> None:
    assert recorded_membership({"control": _targets("control", 0.0)}).alt.endswith("recorded.")
    with pytest.raises(CourseError, match="study membership"):
        recorded_membership({})
