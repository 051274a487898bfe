"""The explorer of budgets, with networks whose drawings are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedlab_utils.data.preprocessing import Preprocessed
from fedlab_utils.ui import BudgetExplorer
from tests.federated.budget_rows import budget_rows
from tests.ui.drive import drive

NOTE = "recorded until 2026-01-02, CPU"


class Threshold(nn.Module):
    """Draws every region where FLAIR is above a level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image[:, 3:4] - self.level).expand(-1, 3, -1, -1)


def patient() -> Preprocessed:
    """A square tumour of 10 x 10 voxels of 4 mm in slice 2, FLAIR 2 in its half and 1 in it all."""
    image, labels = np.zeros((4, 40, 40, 5), np.float32), np.zeros((40, 40, 5), np.uint8)
    image[:] = 0.1
    labels[10:20, 10:20, 2] = 3
    image[3, 10:20, 10:20, 2] = 1
    image[3, 10:20, 10:15, 2] = 2
    brain = np.ones(labels.shape, bool)
    return Preprocessed(
        case_id="P1",
        patient_id="P1",
        image=image,
        labels=labels,
        brain=brain,
        affine=np.diag([4.0, 4, 4, 1]),
        spacing=(4.0, 4.0, 4.0),
        native_shape=labels.shape,
        native_spacing=(4.0, 4.0, 4.0),
        box=((0, 40), (0, 40), (0, 5)),
        warnings=(),
    )


def explorer() -> BudgetExplorer:
    networks = {"public": Threshold(9), "2": Threshold(1.5), "8": Threshold(0.5), "0": Threshold(0)}
    return BudgetExplorer(budget_rows(), networks, {"1.5T thick": patient()}, NOTE)


def test_the_explorer_draws_with_the_network_of_the_budget() -> None:
    shown = explorer()
    cm2 = 0.16
    due = 100 * cm2
    for budget, drawn in (("public", 0.0), ("2", 50 * cm2), ("8", due)):
        shown.budget.value = budget
        assert shown.shown["slice"] == 2
        assert shown.shown["area_cm2"]["WT"] == (pytest.approx(drawn), pytest.approx(due))
    shown.budget.value = "2"
    alt = shown.twin().alt
    assert "epsilon 2 per patient (delta 1e-5)" in alt
    assert NOTE in alt
    shown.budget.value = "public"
    assert "untouched" in shown._text.value


def test_every_control_moves_without_an_error() -> None:
    assert drive(explorer()) >= 3
