"""Canaries: made-up patients of whom an auditor guesses whether they were trained on.

Each pulls at one weight that no other patient touches, and pulls harder than any bound allows. That
is the worst that patients can do to clipping and noise, and an auditor who sees the weights (a
*white box*) can look for each of them where it must be. The audit goes through the one training
loop and whatever ``gradient`` it is given, so that it tries the code that trains, not its formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.privacy.audit import guess_extremes, least_epsilon
from fedlab_utils.privacy.sampling import poisson_sample

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy.randomness import Randomness

PULL = 1000.0
"""Length of a canary's gradient before it is clipped."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    canaries, guesses, correct
        How many there were, of how many a guess was made, and how many guesses were right.
    claimed
        Epsilon that was claimed, for one canary added or removed.
    least
        No smaller epsilon fits the guesses, at 95 % confidence.
    """

    canaries: int
    guesses: int
    correct: int
    claimed: float
    least: float

    @property
    def refuted(self) -> bool:
        """Whether the claim cannot be true, at that confidence."""
        return self.least > self.claimed


def audit_claim(
    train: Callable[[np.ndarray], np.ndarray],
    canaries: int,
    guesses: int,
    claimed: float,
    delta: float,
    randomness: Randomness,
) -> Audit:
    """Toss a coin for each canary, train on those with heads, and guess the coins from the outcome.

    Parameters
    ----------
    train
        Takes who is trained on, bool ``(M,)``; returns a score per canary, the larger the more
        likely it was. See :func:`canary_scores`.
    canaries
        ``M``; at least 500, or the bound has no power.
    guesses
        An even number, decided before; see :func:`fedlab_utils.privacy.audit.guess_extremes`.
    claimed, delta
        The claim.
    randomness
        Of the coins.

    Raises
    ------
    PrivacyError
        If the number of guesses is odd, or larger than that of the canaries.
    """
    included = randomness.uniform(canaries) < 0.5
    said = guess_extremes(train(included), guesses)
    correct = int((said == np.where(included, 1, -1)).sum())
    least = least_epsilon(canaries, guesses, correct, delta)
    return Audit(canaries, guesses, correct, claimed, least)


def canary_scores(
    gradient: Callable[..., torch.Tensor],
    included: np.ndarray,
    rate: float,
    steps: int,
    randomness: Randomness,
) -> np.ndarray:
    """Train on some canaries; return how far each canary's weight was pulled, ``(M,)``.

    Parameters
    ----------
    gradient
        As :func:`fedlab_utils.segmentation.local_update` takes it, such as a
        :class:`fedlab_utils.privacy.PrivateGradient` for as many patients as are included.
    included
        Who is trained on, bool ``(M,)``.
    rate, steps
        Probability of a patient to take part in a step; steps.
    randomness
        Of the draws.
    """
    from fedlab_utils.segmentation import OptimiserSettings, local_update, make_optimiser

    model = _weights(len(included))
    batches = _batches(np.flatnonzero(included), rate, steps, randomness)
    plain = OptimiserSettings("sgd", 1.0, weight_decay=0.0)
    local_update(model, batches, make_optimiser(model, plain), loss=_pull, gradient=gradient)
    return -model.at.detach().numpy()


def _weights(count: int) -> nn.Module:
    """Return a network of so many weights, which gives them back whatever it sees."""
    import torch
    from torch import nn

    class Weights(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.at = nn.Parameter(torch.zeros(count, dtype=torch.float64))

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.at.expand(len(image), count)

    return Weights()


def _pull(logits: torch.Tensor, target: torch.Tensor, patient: torch.Tensor) -> torch.Tensor:
    """Each canary's loss: the weight that is its own, times its pull."""
    del patient
    return PULL * logits.gather(1, target.long())[:, 0]


def _batches(
    who: np.ndarray, rate: float, steps: int, randomness: Randomness
) -> Iterator[dict[str, torch.Tensor]]:
    import torch

    for _ in range(steps):
        chosen = torch.from_numpy(who[poisson_sample(len(who), rate, randomness)])
        yield {"image": chosen[:, None], "target": chosen[:, None], "patient": chosen}
