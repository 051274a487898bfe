"""Where a hospital's steps end in lesson 05: done right, and with each of the likely mistakes."""

from __future__ import annotations

from functools import partial

import numpy as np

from fedlab_utils.course.checks import Wrong


def steps_from(
    task, start: dict, batches: tuple[int, int, int], settings, loss=None, optimiser_of=None
) -> tuple[np.ndarray, float]:
    """Weights and loss after steps from somewhere, written apart from `local_update`.

    ``loss`` and ``optimiser_of`` (parameters -> optimiser) stand in for the right ones.
    """
    import torch

    network = torch.nn.Conv2d(4, 3, 1)
    network.load_state_dict(start)
    losses = []
    make = optimiser_of or partial(torch.optim.SGD, lr=settings.learning_rate)
    optimiser = make(network.parameters())
    loss_of = loss or task.loss
    for batch in task.batches(*batches):
        optimiser.zero_grad()
        value = loss_of(network(batch["image"]), batch["target"], batch["patient"]).mean()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    return in_a_row(network.state_dict()), float(np.mean(losses))


def _other_means(task, server: dict, batches: tuple[int, int, int], settings) -> dict:
    """Diagnosis -> where the right batches lead with another round, loss or optimiser."""
    import torch

    from fedlab_utils.segmentation import OptimiserSettings, dice_ce_loss

    hospital, server_round, steps = batches
    ends = {
        f"You draw the batches of round {other} in round {server_round}: "
        "`task.batches(hospital, server_round, steps)`": steps_from(
            task, server, (hospital, other, steps), settings
        )[0]
        for other in range(server_round + 2)
        if other != server_round
    }
    default, rate = OptimiserSettings(), settings.learning_rate
    optimisers = {
        "the one that comes without settings": partial(
            torch.optim.AdamW, lr=default.learning_rate, weight_decay=default.weight_decay
        ),
        "AdamW, its weight decay included": partial(torch.optim.AdamW, lr=rate),
        "Adam, or AdamW without weight decay": partial(torch.optim.Adam, lr=rate),
        "SGD with momentum": partial(torch.optim.SGD, lr=rate, momentum=0.9),
    }
    for name, make in optimisers.items():
        ends[
            f"You step with another optimiser ({name}); the settings choose it: "
            "`make_optimiser(network, settings.local_optimiser())`"
        ] = steps_from(task, server, batches, settings, optimiser_of=make)[0]
    ends["You train on the loss that `local_update` takes by itself: give it `loss=task.loss`"] = (
        steps_from(task, server, batches, settings, loss=dice_ce_loss)[0]
    )
    return ends


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
        "You take one step; the settings say how many (`settings.local_steps`)": end(
            server, hospital, server_round, 1
        ),
        "You take six steps, as `STEPS` of the notebook has it; the settings say how many "
        "(`settings.local_steps`)": end(server, hospital, server_round, 6),
        "You take ten steps; the settings say how many (`settings.local_steps`)": end(
            server, hospital, server_round, 10
        ),
        "You send back the network as you found it, untrained": in_a_row(left),
    } | _other_means(task, server, batches, settings)


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


def refuse_envelope(error: TypeError) -> None:
    """Say in the lesson's words what Flower does not take for a message or a record."""
    if type(error).__name__ == "MessageInitializationError":  # only federated/ imports Flower
        raise Wrong(
            "A `Message` needs its content and the message that it answers: "
            "`Message(content, reply_to=message)`."
        ) from None
    if "Expected `ArrayRecord`" in str(error):
        raise Wrong(
            "A `RecordDict` holds records, no plain dicts: make the weights one by "
            "`to_record(network.state_dict())`, and the numbers by `MetricRecord({...})`."
        ) from None
