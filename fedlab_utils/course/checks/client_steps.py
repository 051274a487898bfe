"""Where a hospital's steps end in lesson 05: done right, and with each of the likely mistakes."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong


def steps_from(
    task, start: dict, batches: tuple[int, int, int], settings
) -> tuple[np.ndarray, float]:
    """Weights and loss after steps from somewhere, written apart from `local_update`."""
    import torch

    network = torch.nn.Conv2d(4, 3, 1)
    network.load_state_dict(start)
    losses = []
    optimiser = torch.optim.SGD(network.parameters(), settings.learning_rate)
    for batch in task.batches(*batches):
        optimiser.zero_grad()
        loss = task.loss(network(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return in_a_row(network.state_dict()), float(np.mean(losses))


def wrong_ends(task, server: dict, left: dict, batches: tuple[int, int, int], settings) -> dict:
    """Diagnosis -> the weights at which a client with that mistake ends."""
    hospital, server_round, steps = batches

    def end(start: dict, *what: int) -> np.ndarray:
        return steps_from(task, start, what, settings)[0]

    return {
        "You return the arrays as they came: take the weights after `local_update`": in_a_row(
            server
        ),
        "You train whatever the last user left in the network: load the server's arrays first": end(
            left, *batches
        ),
        "You begin with the first weights of all, `task.initial()`, not with the server's": end(
            task.initial(), *batches
        ),
        "You train on another hospital's patients": end(server, 0, server_round, steps),
        "You mix up hospital and round: `task.batches(hospital, server_round, steps)`": end(
            server, server_round % 3, hospital, steps
        ),
        "You draw the same batches in every round": end(
            server, hospital, server_round % 2 + 1, steps
        ),
        "You take one step; the settings say how many (`settings.local_steps`)": end(
            server, hospital, server_round, 1
        ),
        "You take ten steps; the settings say how many (`settings.local_steps`)": end(
            server, hospital, server_round, 10
        ),
        "You send back the network as you found it, untrained": in_a_row(left),
    }


def in_a_row(arrays: dict, like: dict | None = None) -> np.ndarray:
    """All weights in one row, in the order of the model's names."""
    names = sorted(like or arrays)
    if sorted(arrays) != names:
        raise Wrong(
            f"Your arrays are named {sorted(arrays)}; the model's are {names}. Send "
            "`network.state_dict()` as it is."
        )
    values = [arrays[n].numpy() if hasattr(arrays[n], "numpy") else arrays[n] for n in names]
    if like is not None:
        for name, value in zip(names, values, strict=True):
            if tuple(value.shape) != tuple(like[name].shape):
                raise Wrong(f"`{name}` has the shape {value.shape}, not that of the model.")
    return np.concatenate([np.asarray(value).ravel() for value in values])
