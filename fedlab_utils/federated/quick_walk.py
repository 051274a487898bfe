"""A walk over bowls written out as its formulas, for a picture that follows a slider.

The steps are those of :func:`fedlab_utils.federated.quadratics.walk`, which takes them in the
training loop and needs seconds for a thousand; a test compares the two point by point.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.quadratics import WALKS, QuadraticTask, Walk
from fedlab_utils.federated.settings import FederationSettings


def quick_walk(task: QuadraticTask, settings: FederationSettings) -> Walk:
    """Walk as :func:`fedlab_utils.federated.quadratics.walk` does, in milliseconds.

    Parameters
    ----------
    task
        Bowls without noise.
    settings
        Plain SGD at a constant learning rate, without weight decay and momentum.

    Raises
    ------
    FederationError
        If strategy, optimiser or task are others: take ``walk`` then.
    """
    plain = settings.optimiser == "sgd" and settings.schedule == "constant"
    plain = plain and not (settings.weight_decay or settings.momentum or task.noise)
    if settings.strategy not in WALKS or not plain:
        cause = f"it knows {', '.join(WALKS)} with plain SGD on bowls without noise"
        raise FederationError("quick_walk", cause, "Take walk(), or federate()")
    eta, count = settings.learning_rate, settings.local_steps
    mu = settings.mu if settings.strategy == "fedprox" else 0.0
    curvature = np.stack([bowl.curvature.numpy() for bowl in task.quadratics])
    bottom = np.stack([bowl.bottom.numpy() for bowl in task.quadratics])
    shares, at = task.shares, task.initial()["at"].numpy()
    server, own = np.zeros_like(at), np.zeros_like(bottom)
    averages, paths = [at], []
    for _ in range(settings.rounds):
        here = np.tile(at, (len(bottom), 1))
        path = [here]
        for _ in range(count):
            slope = (curvature @ (here - bottom)[..., None])[..., 0]
            here = here - eta * (slope + mu * (here - at) + server - own)
            path.append(here)
        if settings.strategy == "scaffold":
            change = (at - here) / (count * eta) - server
            own, server = own + change, server + shares @ change
        at = shares @ here
        averages.append(at)
        paths.append(np.stack(path, axis=1))
    return Walk(np.array(averages), np.array(paths))
