"""The explorer of hyperparameters against means taken by hand, and what validation chose."""

from __future__ import annotations

import pytest

from fedlab_utils.ui import HyperparameterExplorer, hyperparameters
from fedlab_utils.ui.twin import Picture, figure
from tests.federated.trials import trials
from tests.ui.drive import drive
from tests.ui.test_comparison_plots import NOTE, worst_by_hand


def test_the_explorer_shows_every_setting_and_marks_the_chosen() -> None:
    explorer = HyperparameterExplorer(trials(), NOTE)
    explorer.method.value, explorer.condition.value = "fedprox", "volume"
    explorer.measure.value = "worst"
    shown = explorer.shown
    assert [(r["learning_rate"], r["mu"]) for r in shown["rows"]] == [
        (rate, mu) for rate in (0.1, 0.3) for mu in (0.01, 0.1, 1.0)
    ]
    assert shown["chosen"] == 3
    for row in shown["rows"]:
        due = worst_by_hand("fedprox", "volume", row["learning_rate"], row["mu"])
        assert row["test"].mean == pytest.approx(due)
        assert row["test"].low <= due <= row["test"].high
        assert row["seeds"] == 3
    alt = explorer.twin().alt
    assert "Chosen on validation: 0.3, mu 0.01." in alt
    assert NOTE in alt


def test_settings_are_compared_on_the_seed_that_all_were_tried_on() -> None:
    """The chosen setting's reported seeds have other patients, who would move its figure alone."""
    of = [t | {"tried": t["seed"] == 2} for t in trials()]
    kept = [t for t in of if t["tried"] or (t["learning_rate"] == 0.3 and t["mu"] in (0.0, 0.01))]
    explorer = HyperparameterExplorer(kept, NOTE)
    assert [row["seeds"] for row in explorer.shown["rows"]] == [1, 1]
    alone = HyperparameterExplorer([t for t in trials() if t["seed"] == 2], NOTE)
    due, found = ([row["test"] for row in e.shown["rows"]] for e in (alone, explorer))
    assert found == due


def test_a_method_offers_the_conditions_that_it_was_tried_in() -> None:
    few = [t for t in trials() if t["method"] != "fedbn" or t["condition"] == "volume"]
    explorer = HyperparameterExplorer(few, NOTE)
    explorer.condition.value = "IID"
    explorer.method.value = "fedbn"
    assert tuple(explorer.condition.options) == ("volume",)
    assert (explorer.shown["method"], explorer.shown["condition"]) == ("fedbn", "volume")
    assert "FedBN, volume" in explorer._text.value


def test_no_interval_leaves_the_axis_and_validation_says_what_it_is(monkeypatch) -> None:
    axes = []

    def kept(fig, alt: str) -> Picture:
        axes.append(fig.axes[0])
        return figure(fig, alt)

    monkeypatch.setattr(hyperparameters, "figure", kept)
    explorer = HyperparameterExplorer(trials(), NOTE)
    for measure in ("mean", "worst"):
        explorer.measure.value = measure
        low, high = axes[-1].get_ylim()
        assert 0 <= low < high <= 1
        for row in explorer.shown["rows"]:
            assert low <= row["test"].low <= row["test"].high <= high
            assert low <= row["validation"] <= high
        words = [text.get_text() for text in axes[-1].get_legend().get_texts()]
        assert "validation, mean over patients" in words
    assert "validation is a mean over patients" in explorer.describe()


def test_every_control_moves_without_an_error() -> None:
    explorer = HyperparameterExplorer(trials(), NOTE)
    assert drive(explorer) >= 8
