"""What a hospital sends after one step or several, as a function of its images.

An attacker who can compute the function can search for images that give what was sent. The same
function serves both sides here: the hospital's, to make what is shared, and the attacker's, with a
graph behind it that leads back to the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError
from fedlab_utils.segmentation.loss import dice_ce_loss

if TYPE_CHECKING:
    import torch
    from torch import nn

Schedule = tuple[tuple[int, ...], ...]
"""For each local step the numbers of the images that it saw."""


@dataclass(frozen=True)
class SharedUpdate:
    """What was sent, and what the server knows of how it came about.

    Attributes
    ----------
    parts
        ``(start - end) / learning_rate`` of each trained parameter, in the model's order: the
        gradient after one step, the sum of the steps' gradients after several.
    schedule
        Which images each local step saw; the server knows it, or guesses it.
    learning_rate
        Of the hospital's SGD.
    """

    parts: tuple[torch.Tensor, ...]
    schedule: Schedule
    learning_rate: float


def update_of(
    model: nn.Module,
    images: torch.Tensor,
    target: torch.Tensor,
    schedule: Sequence[Sequence[int]],
    learning_rate: float,
    graph: bool = False,
) -> list[torch.Tensor]:
    """Return ``(start - end) / learning_rate`` of some steps of plain SGD, each parameter's.

    Every image counts as a patient of its own, and each step minimises the mean over its images
    (as :func:`fedlab_utils.segmentation.local_update` does). The steps are unrolled, so that the
    graph leads through all of them back to the images (Geiping et al. 2020, arXiv:2003.14053,
    section 6).

    Parameters
    ----------
    model
        Its weights are where the steps start; they and their ``grad`` are left as they are.
    images, target
        ``(B, C, H, W)`` and ``(B, 3, H, W)``; targets may lie between 0 and 1.
    schedule
        Image numbers of each step.
    learning_rate
        Of SGD without momentum.
    graph
        Whether to keep the graph, for an attacker's search.
    """
    import torch
    from torch.func import functional_call

    start = {
        name: weight.detach().requires_grad_(weight.requires_grad)
        for name, weight in model.named_parameters()
    }
    names = [name for name, weight in start.items() if weight.requires_grad]
    weights, total = start, None
    for rows in schedule:
        logits = functional_call(model, weights, (images[list(rows)],))
        loss = dice_ce_loss(logits, target[list(rows)]).mean()
        # Without a graph for the attacker, each step starts from plain numbers.
        found = torch.autograd.grad(loss, [weights[name] for name in names], create_graph=graph)
        total = found if total is None else [t + g for t, g in zip(total, found, strict=True)]
        moved = [weights[name] - learning_rate * g for name, g in zip(names, found, strict=True)]
        if not graph:
            moved = [weight.detach().requires_grad_() for weight in moved]
        weights = {**weights, **dict(zip(names, moved, strict=True))}
    return list(total)


def share(
    model: nn.Module,
    images: torch.Tensor,
    target: torch.Tensor,
    steps: int = 1,
    learning_rate: float = 0.1,
    schedule: Sequence[Sequence[int]] | None = None,
) -> SharedUpdate:
    """Return what a hospital without any defence sends.

    Parameters
    ----------
    model, images, target, learning_rate
        See :func:`update_of`.
    steps
        Local steps, each on all images.
    schedule
        Instead of ``steps``: image numbers of each step.

    Raises
    ------
    PrivacyError
        If there is no step, the learning rate is not above 0, or an image does not exist.
    """
    rows = tuple(range(len(images)))
    chosen = (rows,) * steps if schedule is None else tuple(tuple(part) for part in schedule)
    if not chosen or not all(chosen) or not learning_rate > 0:
        raise PrivacyError(
            "share",
            f"{len(chosen)} steps with learning rate {learning_rate}",
            "Take at least one step, with at least one image each, and a rate above 0",
        )
    if not {row for part in chosen for row in part} <= set(rows):
        raise PrivacyError(
            "share", f"the schedule is {chosen}, of {len(rows)} images", "Count images from 0"
        )
    parts = update_of(model, images, target, chosen, learning_rate)
    return SharedUpdate(tuple(p.detach() for p in parts), chosen, learning_rate)


def defended(
    shared: SharedUpdate, bound: float | None = None, noise: float = 0.0, seed: int = 0
) -> SharedUpdate:
    """Return an update after clipping, and with Gaussian noise upon it.

    For looking at what an attack makes of it: the noise is decided by a seed, and no guarantee
    follows. :class:`fedlab_utils.privacy.PrivateGradient` has one that comes with a guarantee.

    Parameters
    ----------
    shared
        From :func:`share`.
    bound
        Largest length of the whole update; None leaves it as it is.
    noise
        Deviation of the noise on each number, as a part of the update's root mean square (after
        clipping): 1 buries it in as much noise as there is signal.
    seed
        Decides the noise.

    Raises
    ------
    PrivacyError
        If the bound is not above 0 or the noise is below.
    """
    import torch

    if (bound is not None and not bound > 0) or not noise >= 0:
        raise PrivacyError(
            "defended", f"the bound is {bound} and the noise {noise}", "Pass numbers above 0"
        )
    length = float(torch.nn.utils.get_total_norm(shared.parts))
    factor = 1.0 if bound is None else min(1.0, bound / length)
    deviation = noise * factor * length / sum(p.numel() for p in shared.parts) ** 0.5
    draw = torch.Generator().manual_seed(seed)
    parts = [
        factor * p + deviation * torch.randn(p.shape, generator=draw, dtype=p.dtype).to(p.device)
        for p in shared.parts
    ]
    return replace(shared, parts=tuple(parts))
