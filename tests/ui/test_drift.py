"""The explorer of drift: its fixed point against rounds run by hand, its lines and words."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fedlab_utils.ui.drift import ROUNDS, DriftExplorer
from tests.ui.drive import drive
from tests.ui.oracles import rounds_by_hand


@pytest.mark.parametrize(
    ("method", "steps", "rate", "mu"),
    [("FedAvg", 1, 0.1, 0.0), ("FedAvg", 20, 0.3, 0.0), ("FedProx", 12, 0.2, 2.5)],
)
def test_the_fixed_point_is_where_many_rounds_end(method, steps, rate, mu) -> None:
    explorer = DriftExplorer()
    explorer.method.value, explorer.mu.value = method, mu
    explorer.steps.value, explorer.rate.value = steps, rate
    due = rounds_by_hand(steps, rate, mu, 3000)
    np.testing.assert_allclose(explorer.shown["fixed_point"], due, atol=1e-8)
    [cross] = [t for t in explorer.plot.data if t.name == f"fixed point of {method}"]
    np.testing.assert_allclose([cross.x[0], cross.y[0]], due, atol=1e-8)
    last = rounds_by_hand(steps, rate, mu, ROUNDS)
    np.testing.assert_allclose(explorer.shown["averages"][-1], last, atol=1e-12)


def test_the_optimum_is_the_minimum_of_the_contours() -> None:
    explorer = DriftExplorer()
    across, along, height = explorer._height()
    lowest = np.unravel_index(height.argmin(), height.shape)
    near = np.array([across[lowest[1]], along[lowest[0]]])
    assert np.abs(explorer.shown["optimum"] - near).max() < across[1] - across[0]


def test_the_slider_of_rounds_cuts_the_lines() -> None:
    explorer = DriftExplorer()
    explorer.steps.value = 4
    for rounds in (0, 1, 3):
        explorer.round.value = rounds
        lines = {trace.name: trace for trace in explorer.plot.data}
        assert len(lines["averages"].x) == rounds + 1
        assert len(lines["H2: local steps"].x) == rounds * (4 + 2)  # with start and gap


def test_fewer_steps_less_bias_and_scaffold_nears_the_optimum_where_fedavg_rests() -> None:
    explorer = DriftExplorer()
    biases = []
    for steps in (1, 5, 20):
        explorer.steps.value = steps
        biases.append(explorer.shown["bias"])
    assert biases[0] < 1e-12 < biases[1] < biases[2]
    stands = explorer.shown["away"]
    explorer.method.value = "SCAFFOLD"
    assert explorer.shown["away"] < 0.1 < 1 < stands


def test_the_lessons_figures_of_few_and_many_rounds() -> None:
    explorer = DriftExplorer()
    found = {}
    for steps in (1, 10):
        explorer.steps.value = steps
        for rounds in (10, 60):
            explorer.round.value = rounds
            found[steps, rounds] = round(explorer.shown["away"], 2)
    assert found == {(1, 10): 1.60, (1, 60): 0.04, (10, 10): 1.39, (10, 60): 1.38}
    explorer.rate.value, explorer.steps.value = 0.02, 1
    assert explorer.shown["away"] == pytest.approx(1.41, abs=0.005)


def test_the_lessons_figures_of_fedprox_at_many_and_few_steps() -> None:
    """Its pull helps where walks are long, and can harm where they are short."""
    explorer = DriftExplorer()
    explorer.method.value, explorer.rate.value = "FedProx", 0.1
    found = {}
    for steps in (10, 2):
        explorer.steps.value = steps
        for mu in (0.0, 4.0):
            explorer.mu.value = mu
            found[steps, mu] = round(explorer.shown["bias"], 2)
    assert found == {(10, 0.0): 1.38, (10, 4.0): 0.63, (2, 0.0): 0.16, (2, 4.0): 0.21}


@pytest.mark.parametrize("steps", [1, 10, 20])
def test_at_the_usual_rate_rounds_suffice_to_come_to_rest(steps: int) -> None:
    explorer = DriftExplorer()
    explorer.steps.value, explorer.round.value = steps, ROUNDS
    for method in ("FedAvg", "FedProx", "SCAFFOLD"):
        explorer.method.value = method
        end = "optimum" if method == "SCAFFOLD" else "fixed_point"
        away = explorer.shown["averages"][-1] - explorer.shown[end]
        assert np.linalg.norm(away) < 0.05


def test_words_tell_the_values_shown_and_mu_waits_for_its_method() -> None:
    explorer = DriftExplorer()
    assert explorer.mu.disabled
    explorer.method.value = "FedProx"
    assert not explorer.mu.disabled
    told = explorer.twin().alt
    away, bias = (float(x) for x in re.findall(r"(\d+\.\d\d) from", told))
    assert away == pytest.approx(explorer.shown["away"], abs=0.0051)
    assert bias == pytest.approx(explorer.shown["bias"], abs=0.0051)
    assert "FedProx on three hospitals with 10 local steps" in told


def test_every_control_moves_without_an_error() -> None:
    explorer = DriftExplorer()

    def finite() -> None:
        assert np.isfinite(explorer.shown["averages"]).all()
        assert np.abs(explorer.shown["averages"]).max() < 6

    assert drive(explorer, finite) >= 12
