"""Cosines and losses along a path on models whose updates are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings, federate
from fedlab_utils.federated.drift import local_models, loss_along, update_cosines
from fedlab_utils.segmentation import dice_ce_loss
from tests.federated.toys import BowlTask

SGD = FederationSettings(
    optimiser="sgd", learning_rate=0.1, weight_decay=0.0, rounds=1, local_steps=5
)


def weights(*values: float) -> dict[str, torch.Tensor]:
    a, b, c = values
    return {"one": torch.tensor([a, b]), "two": torch.tensor([[c]]), "buffer": torch.tensor(7)}


def test_cosines_of_known_angles() -> None:
    start = weights(1.0, 1.0, 1.0)
    ends = [
        weights(2, 1, 1),
        weights(3, 1, 1),
        weights(1, 1, 4),
        weights(0, 1, 1),
        weights(2, 2, 1),
    ]
    half = np.sqrt(0.5)
    due = [
        [1, 1, 0, -1, half],
        [1, 1, 0, -1, half],
        [0, 0, 1, 0, 0],
        [-1, -1, 0, 1, -half],
        [half, half, 0, -half, 1],
    ]
    np.testing.assert_allclose(update_cosines(start, ends, ["one", "two"]), due, atol=1e-7)
    with pytest.raises(FederationError, match="hospital 2 did not move"):
        update_cosines(start, [ends[0], start], ["one", "two"])


def test_the_mean_of_local_models_is_the_federation_s_first_round() -> None:
    task = BowlTask()
    ends = local_models(task, SGD, task.initial())
    mean = sum(p * end["at"] for p, end in zip(task.shares, ends, strict=True))
    torch.testing.assert_close(mean, federate(task, SGD).last["at"])


def test_the_loss_on_the_way_is_that_of_the_mixed_network() -> None:
    torch.manual_seed(0)
    nets = [torch.nn.Conv2d(4, 3, 1) for _ in range(3)]
    batch = {
        "image": torch.randn(2, 4, 5, 5),
        "target": (torch.rand(2, 3, 5, 5) < 0.4).float(),
        "patient": torch.tensor([0, 1]),
    }
    shares = [-0.5, 0.0, 0.25, 1.0]
    first, second = (net.state_dict() for net in nets[:2])
    found = loss_along(nets[2], first, second, {"H1": [batch, batch]}, shares)
    for share, value in zip(shares, found["H1"], strict=True):
        # A convolution is linear in its weights, so that logits mix as weights do.
        logits = (1 - share) * nets[0](batch["image"]) + share * nets[1](batch["image"])
        due = dice_ce_loss(logits, batch["target"], batch["patient"]).mean()
        assert value == pytest.approx(due.item(), abs=1e-6)
