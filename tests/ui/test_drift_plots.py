"""Figures of drift: their words against values worked out by hand."""

from __future__ import annotations

import numpy as np

from fedlab_utils.ui import cosine_matrices, hospital_scores, loss_between


def test_cosines_are_told_without_the_diagonal() -> None:
    matrix = np.array([[1.0, 0.2, -0.4], [0.2, 1.0, 0.5], [-0.4, 0.5, 1.0]])
    alt = cosine_matrices({"apart": matrix, "alike": np.ones((3, 3))}, ["H1", "H2", "H3"]).alt
    assert "apart: mean 0.10, least -0.40" in alt
    assert "alike: mean 1.00, least 1.00" in alt
    assert "H1, H2, H3" in alt


def test_the_loss_of_both_is_told_at_the_ends_and_where_it_is_least() -> None:
    losses = {"skewed": {"H1": np.array([0.2, 0.4, 0.9]), "H2": np.array([1.0, 0.5, 0.3])}}
    alt = loss_between([0.0, 0.5, 1.0], losses, ("H1", "H2")).alt
    assert "skewed: mean loss 0.60 at the one end, 0.60 at the other, least 0.45 at 0.50" in alt


def test_scores_name_the_worst_hospital_of_each_way() -> None:
    scores = {"FedAvg": {"H1": 0.5, "H2": 0.25}, "FedBN": {"H1": 0.4, "H2": 0.45}}
    alt = hospital_scores(scores, "one seed").alt
    assert "FedAvg: H1 0.50, H2 0.25; worst H2" in alt
    assert "FedBN: H1 0.40, H2 0.45; worst H1" in alt
    assert alt.startswith("one seed: mean Dice at each hospital")
