"""The quick walk against the one that the training loop takes, point by point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings
from fedlab_utils.federated.quadratics import QuadraticTask, walk
from fedlab_utils.federated.quick_walk import quick_walk
from fedlab_utils.ui.drift import three_bowls

SETTINGS = FederationSettings(
    rounds=6, local_steps=4, optimiser="sgd", learning_rate=0.2, weight_decay=0.0, mu=1.5
)


@pytest.mark.parametrize("strategy", ["fedavg", "fedprox", "scaffold"])
def test_every_point_is_where_the_training_loop_goes(strategy: str) -> None:
    task = QuadraticTask(three_bowls().quadratics, (1, 4, 2))
    settings = replace(SETTINGS, strategy=strategy)
    due, found = walk(task, settings), quick_walk(task, settings)
    np.testing.assert_allclose(found.averages, due.averages, atol=1e-12)
    np.testing.assert_allclose(found.paths, due.paths, atol=1e-12)


@pytest.mark.parametrize(
    ("noise", "more"),
    [
        (0.1, {}),
        (0.0, {"optimiser": "adamw"}),
        (0.0, {"weight_decay": 0.1}),
        (0.0, {"momentum": 0.9}),
        (0.0, {"schedule": "cosine"}),
        (0.0, {"strategy": "fedadam"}),
    ],
)
def test_what_its_formulas_do_not_hold_for_is_refused(noise: float, more: dict) -> None:
    task = QuadraticTask(three_bowls().quadratics, (1, 1, 1), noise)
    with pytest.raises(FederationError, match="Take walk"):
        quick_walk(task, replace(SETTINGS, **more))
