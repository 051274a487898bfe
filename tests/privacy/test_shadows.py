"""Recorded attacks on membership: nothing is found where there is nothing, and simulated leaks are.

Losses are simulated, so that what an attack ought to find is known.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.membership import area, likelihood_ratio, roc
from fedlab_utils.privacy.shadows import (
    ATTACKS,
    FEWEST,
    Attacked,
    area_over,
    attack_recorded,
    leak_of,
    pack,
    standings,
    unpack,
)

POOL, PART = 1200, 120


def _rows(gain: float, deals: int = 3, targets: int = 4, seed: int = 0) -> list[dict]:
    """Return a study of networks whose members' log loss is lower by ``gain`` deviations.

    Patients differ in how hard they are, four times as much as a patient's loss over networks.
    """
    rng = np.random.default_rng(seed)
    hard = rng.normal(-1.0, 0.4, POOL)

    def network(role: str, part: int, order: np.ndarray) -> dict:
        members = np.sort(order[part * PART : (part + 1) * PART])
        log = hard + rng.normal(0, 0.1, POOL)
        log[members] -= 0 if role == "control" else 0.1 * gain
        result = {"members": members.tolist(), "log_loss": pack(log)}
        return {"settings": {"kind": "overfitted", "role": role}, "result": result}

    dealt = [rng.permutation(POOL) for _ in range(deals)]
    shadows = [network("shadow", p, order) for order in dealt for p in range(POOL // PART)]
    order = rng.permutation(POOL)
    some = [network(r, p, order) for r in ("target", "control") for p in range(targets)]
    return shadows + some


@given(st.lists(st.floats(-32, 32), min_size=1, max_size=20))
def test_packed_numbers_come_back_to_the_thousandth(values: list[float]) -> None:
    assert unpack(pack(np.array(values))) == pytest.approx(values, abs=5.01e-4)


@pytest.mark.parametrize("value", [33.0, -np.inf, np.nan])
def test_numbers_that_do_not_fit_are_refused(value: float) -> None:
    with pytest.raises(PrivacyError, match="not between"):
        pack(np.array([0.5, value]))


def test_two_per_patient_are_enough_and_less_is_left_out() -> None:
    rows = _rows(1.0, deals=FEWEST)
    found = attack_recorded(rows)
    assert {kind: len(targets) for kind, targets in found.items()} == {
        "overfitted": 4,
        "control": 4,
    }
    assert attack_recorded(rows[1:]) == {}  # a patient has lost one of two shadows that know it
    assert attack_recorded([r for r in rows if r["settings"]["role"] != "shadow"]) == {}
    assert attack_recorded([]) == {}


def test_shadows_find_what_theory_says_and_a_threshold_hardly_anything() -> None:
    targets = attack_recorded(_rows(2.0, deals=30))["overfitted"]
    blunt, sharp = (area_over(targets, attack) for attack in ATTACKS)
    # Differences of two normals: 2 deviations apart with each patient's own scale known, else 0.5.
    assert sharp.mean == pytest.approx(norm.cdf(2 / np.sqrt(2)), abs=0.02)
    assert blunt.mean == pytest.approx(norm.cdf(2 / np.sqrt(2 * (1 + 16))), abs=0.04)
    found = leak_of(targets, ATTACKS[1]).found
    due = norm.sf(norm.isf(0.01) - 2)
    assert found.low < due < found.high


def test_nothing_is_found_where_targets_know_nobody() -> None:
    """Of 20 studies, 95 % intervals must hold 0.5 nearly as often as they say."""
    held = dict.fromkeys(ATTACKS, 0)
    for seed in range(20):
        targets = attack_recorded(_rows(3.0, seed=seed))["control"]
        for attack in ATTACKS:
            estimate = area_over(targets, attack, resamples=200)
            held[attack] += estimate.low <= 0.5 <= estimate.high
    assert min(held.values()) >= 16


def test_shadows_of_one_kind_only_for_the_others_would_find_what_is_not_there() -> None:
    """The biased comparison that the study avoids: nobody is known, and yet members stand out."""
    rows = _rows(0.0, deals=3, targets=6)
    shadows = [r["result"] for r in rows if r["settings"]["role"] == "shadow"]
    losses = np.exp([unpack(r["log_loss"]) for r in shadows])
    known = np.array([np.isin(np.arange(POOL), r["members"]) for r in shadows])
    left_out, trained = (np.where(which, losses, np.nan) for which in (~known, known))
    areas = []
    for target in attack_recorded(rows)["overfitted"]:
        loss = np.exp(-target.scores[ATTACKS[0]])
        both = likelihood_ratio(loss, trained, left_out)
        centre, spread = np.nanmean(np.log(left_out), 0), 0.1
        offline = norm.logcdf((centre - np.log(loss)) / spread)
        areas.append(area(both[target.members], offline[~target.members]))
    assert np.mean(areas) > 0.6


def test_a_target_that_is_its_own_shadow_would_find_what_is_not_there() -> None:
    rows = _rows(0.0, deals=3, targets=10)
    mine = [r for r in rows if r["settings"]["role"] == "target"]
    twice = [{**r, "settings": r["settings"] | {"role": "shadow"}} for r in mine]
    fair = area_over(attack_recorded(rows)["overfitted"], ATTACKS[1])
    biased = area_over(attack_recorded(rows + twice)["overfitted"], ATTACKS[1])
    assert fair.low < 0.5 < fair.high
    assert biased.low > 0.52


def test_the_curve_over_targets_is_the_mean_of_theirs() -> None:
    targets = attack_recorded(_rows(2.0))["overfitted"]
    for attack in ATTACKS:
        false_alarms, found = roc(*standings(targets, attack))
        at = np.arange(0, 1080, 27) / 1080
        each = []
        for target in targets:
            x, y, _ = roc_curve(target.members, target.scores[attack], drop_intermediate=False)
            each.append(y[np.searchsorted(x, at + 1e-9) - 1])
        ours = found[np.searchsorted(false_alarms, at + 1e-9) - 1]
        assert ours == pytest.approx(np.mean(each, 0), abs=2e-2 if attack == ATTACKS[0] else 1e-9)


def test_the_area_is_scikit_learn_s_mean_and_its_interval_as_wide_as_in_theory() -> None:
    targets = attack_recorded(_rows(2.0, targets=5))["overfitted"]
    due = [roc_auc_score(t.members, t.scores[ATTACKS[1]]) for t in targets]
    estimate = area_over(targets, ATTACKS[1])
    assert estimate.mean == pytest.approx(np.mean(due))
    assert estimate.patients == 5 * PART
    one = area_over(targets[:1], ATTACKS[1])
    assert one.high - one.low == pytest.approx(2 * 1.96 * _delong(targets[0]), rel=0.12)


def test_targets_that_differ_widen_the_interval() -> None:
    known, rng = np.isin(np.arange(POOL), range(PART)), np.random.default_rng(0)
    noise = rng.normal(size=POOL)
    blind, sure = (Attacked("x", known, {"a": noise + lead * known}) for lead in (0, 9))
    both = area_over([blind, sure], "a")
    assert both.low < 0.55 < 0.95 < both.high
    assert both.mean == pytest.approx((area_over([blind], "a").mean + 1) / 2, abs=1e-3)


def _delong(target: Attacked) -> float:
    """Standard error of one area (DeLong et al. 1988, doi:10.2307/2531595)."""
    score, known = target.scores[ATTACKS[1]], target.members
    wins = score[known][:, None] > score[~known]
    return float(np.sqrt(sum(wins.mean(a).var(ddof=1) / wins.shape[1 - a] for a in (0, 1))))


def test_a_leak_counts_members_once_and_the_others_of_one_target() -> None:
    targets = attack_recorded(_rows(3.0))["overfitted"]
    leak = leak_of(targets, ATTACKS[1])
    assert leak.others == POOL - PART
    assert leak.area.patients == 4 * PART
    assert leak.found.false_alarms <= 0.01
    assert leak.found.low < leak.found.rate < leak.found.high
    assert leak.lead > 0.5 > 0.01 > leak.lead_turned
