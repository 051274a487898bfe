"""Gradient inversion: search for the images whose gradient is the one that was sent.

Deep leakage from gradients (Zhu et al. 2019, arXiv:1906.08935) lessens the squared distance of
gradients. Geiping et al. 2020 (arXiv:2003.14053) compare directions instead, ask for little total
variation, and follow only the sign of the search's slope. Both are settings of one search here.

How far it gets depends on the network. On the course's U-Net with honest weights, random or
trained, the gradient jumps where rectifiers bend and pooling changes its mind, and a few hundred
iterations end below both guesses of :mod:`fedlab_utils.privacy.image_scores`. That a search fails
is no proof that nothing leaks: with weights of
:func:`fedlab_utils.privacy.leaky_layers.open_rectifiers` it succeeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.inversion_settings import InversionSettings
from fedlab_utils.privacy.matching import gradient_distance, total_variation
from fedlab_utils.privacy.shared_update import update_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy.shared_update import SharedUpdate

Watch = Callable[[int, "torch.Tensor", float], None]
"""``watch(iteration, images, distance)``, for a live picture."""


@dataclass(frozen=True)
class Inversion:
    """What a search found.

    Attributes
    ----------
    images
        ``(B, C, H, W)``, of the best restart; of a batch in an order of their own.
    target
        ``(B, 3, H, W)``: the one that was known, or what was found, between 0 and 1.
    distances
        Distance of the gradients at each iteration of the best restart.
    restarts
        Last distance of each restart.
    seconds
        All restarts together.
    """

    images: torch.Tensor
    target: torch.Tensor
    distances: tuple[float, ...]
    restarts: tuple[float, ...]
    seconds: float


def invert(
    model: nn.Module,
    shared: SharedUpdate,
    shape: Sequence[int],
    target: torch.Tensor | None = None,
    brain: torch.Tensor | None = None,
    settings: InversionSettings | None = None,
    start: torch.Tensor | None = None,
    watch: Watch | None = None,
    every: int = 25,
) -> Inversion:
    """Search for the images behind an update.

    Parameters
    ----------
    model
        With the weights that the hospital began with. It is left as it is.
    shared
        What was sent.
    shape
        ``(B, C, H, W)`` of the images; a server knows it, or tries several.
    target
        ``(B, 3, H, W)``, where the attacker knows the masks; otherwise they are searched for too.
    brain
        bool ``(B, 1, H, W)``, where the attacker knows it: outside, images are 0.
    settings
        Default :class:`InversionSettings`.
    start
        Where to begin, ``(B, C, H, W)``; by default normal noise. Restarts add noise to it.
    watch, every
        Called after each ``every`` iterations.

    Raises
    ------
    PrivacyError
        If shapes do not fit.
    """
    settings = settings or InversionSettings()
    _check_shapes(shape, shared, target, brain, start)
    began, best, ends = time.monotonic(), None, []
    for turn in range(settings.restarts):
        left = settings.seconds - (time.monotonic() - began)
        if turn and left <= 0:
            break
        run = _Search(model, shared, tuple(shape), target, brain, settings, start, turn)
        run.go(left, watch, every)
        ends.append(run.distances[-1])
        if best is None or ends[-1] < best.distances[-1]:
            best = run
    images, masks = best.current()
    return Inversion(
        images.detach(),
        masks.detach(),
        tuple(best.distances),
        tuple(ends),
        time.monotonic() - began,
    )


class _Search:
    """One search, from one start."""

    def __init__(self, model, shared, shape, target, brain, settings, start, turn) -> None:
        import torch

        weight = next(model.parameters())
        draw = torch.Generator().manual_seed(settings.seed * 1009 + turn)
        noise = torch.randn(shape, generator=draw).to(weight)
        if start is not None:
            noise = start.to(weight) + (noise if turn else 0)
        self.images = noise.clamp(*settings.box).requires_grad_()
        self.free = [self.images]
        self.masks = target
        if target is None:
            self.masks = torch.zeros(shape[0], 3, *shape[2:]).to(weight).requires_grad_()
            self.free.append(self.masks)
        self.known, self.brain, self.model = target is not None, brain, model
        self.shared, self.settings, self.distances = shared, settings, []
        self.optimiser = self._make_optimiser()

    def _make_optimiser(self) -> torch.optim.Optimizer:
        from torch.optim import LBFGS, Adam

        if self.settings.search != "lbfgs":
            return Adam(self.free, self.settings.learning_rate)
        return LBFGS(
            self.free,
            self.settings.learning_rate,
            max_iter=1,
            history_size=50,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

    def current(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images and targets as they are now."""
        images = self.images if self.brain is None else self.images * self.brain
        return images, self.masks if self.known else self.masks.sigmoid()

    def go(self, seconds: float, watch: Watch | None, every: int) -> None:
        began, settings = time.monotonic(), self.settings
        for turn in range(settings.iterations):
            if settings.search != "lbfgs":
                share = 0.5 * (1 + cos(pi * turn / settings.iterations))
                self.optimiser.param_groups[0]["lr"] = settings.learning_rate * share
            self.first = None
            self.optimiser.step(self._slope)
            self.distances.append(self.first)
            self._into_box()
            if watch is not None and (turn + 1) % every == 0:
                watch(turn + 1, self.current()[0].detach().clone(), self.first)
            if time.monotonic() - began >= seconds:
                break

    def _slope(self) -> torch.Tensor:
        """Fill the slopes of what is searched for; return what is lessened."""
        import torch

        images, masks = self.current()
        found = update_of(
            self.model, images, masks, self.shared.schedule, self.shared.learning_rate, True
        )
        distance = gradient_distance(found, self.shared.parts, self.settings.distance)
        value = distance + self.settings.total_variation * total_variation(images)
        for part, slope in zip(self.free, torch.autograd.grad(value, self.free), strict=True):
            part.grad = slope.sign() if self.settings.search == "signed adam" else slope
        if self.first is None:
            self.first = float(distance.detach())
        return value.detach()

    def _into_box(self) -> None:
        import torch

        with torch.no_grad():
            self.images.clamp_(*self.settings.box)


def _check_shapes(shape, shared, target, brain, start) -> None:
    batch, space = shape[0], tuple(shape[2:])
    rows = {row for part in shared.schedule for row in part}
    due = {"target": (batch, 3, *space), "brain": (batch, 1, *space), "start": tuple(shape)}
    given = {"target": target, "brain": brain, "start": start}
    for name, value in given.items():
        if value is not None and tuple(value.shape) != due[name]:
            raise PrivacyError(
                "invert", f"{name} has shape {tuple(value.shape)}", f"Pass {due[name]}"
            )
    if max(rows) >= batch:
        raise PrivacyError(
            "invert",
            f"the update's schedule counts to image {max(rows)}, and {batch} are searched for",
            "Search for as many images as the steps saw",
        )
