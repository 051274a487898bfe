"""Figures and intervals, on trials whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.comparison import difference, estimate, figure_of, share_of_gain
from fedlab_utils.federated.recorded_trials import (
    chosen,
)
from tests.federated.trials import SEEDS, trial, trials


def test_figures_of_one_trial() -> None:
    one = {"scores": {"H1": [0.2, 0.4], "H2": [0.9, 0.9, 0.9, 0.9]}}
    assert figure_of(one, "worst") == pytest.approx(0.3)
    assert figure_of(one, "mean") == pytest.approx(4.2 / 6)
    with pytest.raises(FederationError, match="best"):
        estimate([one | {"seed": 0}], "best")


@pytest.mark.parametrize("figure", ["mean", "worst"])
def test_intervals_hold_their_mean_and_shrink_to_it_without_spread(figure: str) -> None:
    noisy = estimate(chosen(trials(), "fedavg", "volume"), figure)
    assert noisy.low < noisy.mean < noisy.high
    still = [{"seed": s, "scores": {"H1": [0.3] * 4, "H2": [0.6] * 4}} for s in SEEDS]
    found = estimate(still, figure)
    due = 0.45 if figure == "mean" else 0.3
    assert (found.mean, found.low, found.high) == pytest.approx((due, due, due))


def test_the_interval_of_a_mean_is_about_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0.5, 0.1, 400)
    found = estimate([{"seed": 0, "scores": {"H1": list(values)}}])
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_five_seeds_that_scatter_by_themselves_are_held_by_about_ninety_of_a_hundred() -> None:
    """What lesson 06 says of its own intervals: seeds scatter by 0.018, means of patients by 0.009.

    The truth is 0.5. With forty seeds the same interval is honest, so it is the five that matter.
    """
    rng = np.random.default_rng(3)

    def share(seeds: int, times: int = 300) -> float:
        held = 0
        for _ in range(times):
            of = [
                {"seed": s, "scores": {h: list(rng.normal(mean, 0.1, 32)) for h in "ABCD"}}
                for s, mean in enumerate(rng.normal(0.5, 0.018, seeds))
            ]
            found = estimate(of, resamples=400)
            held += found.low <= 0.5 <= found.high
        return held / times

    assert 0.87 <= share(5) <= 0.93
    assert share(40, 100) >= 0.92


def test_a_difference_is_paired() -> None:
    """Ours is theirs plus 0.05 for each patient, who differ far more among themselves."""
    theirs = chosen(trials(), "fedavg", "volume")
    ours = [
        t | {"scores": {h: [v + 0.05 for v in of] for h, of in t["scores"].items()}} for t in theirs
    ]
    for figure in ("mean", "worst"):
        found = difference(ours, theirs, figure)
        assert (found.mean, found.low, found.high) == pytest.approx((0.05,) * 3)
        back = difference(theirs, ours[:-1], figure)
        assert back.mean == pytest.approx(-0.05)
        assert back.patients == len(SEEDS) - 1


def test_what_cannot_be_paired_is_refused() -> None:
    ours = [trial("a", "IID", 0, 0.1, 0.0, 0.5, 0.5)]
    with pytest.raises(FederationError, match="no seed in common"):
        difference(ours, [trial("b", "IID", 1, 0.1, 0.0, 0.5, 0.5)])
    other = dict(ours[0], scores={"H1": [0.5]})
    with pytest.raises(FederationError, match="patients differ"):
        difference(ours, [other])


def test_the_share_of_a_gain_is_of_means_and_paired() -> None:
    rng = np.random.default_rng(3)
    base = [rng.normal(0.4, 0.1, 60) for _ in SEEDS]

    def of(method: str, gain: float, noise: float = 0.0) -> list[dict]:
        return [
            {"method": method, "seed": n, "scores": {"H1": b + gain + noise * rng.normal(size=60)}}
            for n, b in zip(SEEDS, base, strict=True)
        ]

    nothing, best, half = of("none", 0.0), of("best", 0.2), of("half", 0.1)
    # Patients differ by 0.1, and the same ones are drawn for all three: what is left is no spread.
    found = share_of_gain(half, best, nothing)
    assert (found.mean, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    noisy = share_of_gain(of("half", 0.1, 0.3), best, nothing)
    # Deviation of a mean of n numbers of deviation 0.3, over the gain of 0.2; seeds and patients
    # are both drawn, which counts the patients' share of chance twice.
    expected = 2 * 1.96 * 0.3 / np.sqrt(60 * len(SEEDS)) / 0.2
    assert expected < noisy.high - noisy.low < 1.8 * expected
    assert noisy.low < 0.5 < noisy.high
    with pytest.raises(FederationError, match="no gain"):
        share_of_gain(half, nothing, best)
    with pytest.raises(FederationError, match="no seed"):
        share_of_gain(half, best, [])
