"""How far hospitals' models lie apart: angles between updates, and the loss on the way across."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.update_geometry import cosines, norms

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.federated.settings import FederationSettings
    from fedlab_utils.federated.task import Task

Weights = Mapping[str, "torch.Tensor"]


def local_models(
    task: Task, settings: FederationSettings, start: Weights, server_round: int = 1
) -> list[dict[str, torch.Tensor]]:
    """Return what each hospital makes of a model in one round, before anything is averaged.

    Parameters
    ----------
    task, settings
        Hospitals, and how they train.
    start
        The server's weights.
    server_round
        Decides the draws.
    """
    from fedlab_utils.segmentation.training import local_update, make_optimiser

    found = []
    for hospital in range(len(task.hospitals)):
        network = task.network()
        network.load_state_dict(start)
        optimiser = make_optimiser(network, settings.local_optimiser(server_round))
        steps = task.batches(hospital, server_round, settings.local_steps)
        local_update(network, steps, optimiser, loss=task.loss, precision=task.precision)
        found.append({n: v.detach().cpu().clone() for n, v in network.state_dict().items()})
    return found


def update_cosines(start: Weights, ends: Sequence[Weights], names: Iterable[str]) -> np.ndarray:
    """Return the cosines between hospitals' updates, ``(hospitals, hospitals)``.

    See :func:`fedlab_utils.federated.update_geometry.cosines`.

    Parameters
    ----------
    start, ends
        The server's weights, and each hospital's after its steps.
    names
        Of the parameters that count.

    Raises
    ------
    FederationError
        If a hospital did not move.
    """
    names = list(names)
    rows = np.array(
        [
            np.concatenate([(end[n] - start[n]).double().numpy().ravel() for n in names])
            for end in ends
        ]
    )
    lengths = norms(rows)
    if not lengths.all():
        raise FederationError(
            "update_cosines",
            f"hospital {int(lengths.argmin()) + 1} did not move, which is no direction",
            "Compare hospitals after at least one step",
        )
    return cosines(rows)


def loss_along(
    network: nn.Module,
    first: Weights,
    second: Weights,
    batches: Mapping[str, Sequence[dict[str, torch.Tensor]]],
    shares: Sequence[float],
) -> dict[str, np.ndarray]:
    """Return each hospital's loss at points on the straight line from one model to another.

    Goodfellow, Vinyals and Saxe 2015 looked so from a network's first weights to its last (ICLR,
    arXiv:1412.6544).

    Parameters
    ----------
    network
        Gets each point's weights; left in evaluation mode with the last ones.
    first, second
        Weights at the shares 0 and 1. Whole numbers are taken from the nearer one.
    batches
        Hospital's name -> batches to measure its loss on, weighted equally.
    shares
        How far along; also outside of 0 to 1.

    Returns
    -------
    dict
        Hospital's name -> mean loss at each share.
    """
    import torch

    from fedlab_utils.segmentation.loss import dice_ce_loss

    network.eval()
    found: dict[str, list[float]] = {name: [] for name in batches}
    for share in shares:
        network.load_state_dict({n: _between(first[n], second[n], share) for n in first})
        with torch.inference_mode():
            for name, of in batches.items():
                losses = [
                    float(dice_ce_loss(network(b["image"]), b["target"], b["patient"]).mean())
                    for b in of
                ]
                found[name].append(float(np.mean(losses)))
    return {name: np.array(values) for name, values in found.items()}


def _between(first: torch.Tensor, second: torch.Tensor, share: float) -> torch.Tensor:
    if not first.is_floating_point():
        return second if share >= 0.5 else first
    return first + share * (second - first)
