"""DP-SGD's gradient for the one training loop: clip each patient, add up, add noise, charge first.

Abadi et al. 2016, Deep learning with differential privacy, arXiv:1607.00133, algorithm 1, with a
patient for its *example*: sampled by coin, one gradient whatever number of slices and visits it
gives, and the sum divided by the *expected* number of patients, since the true one is private.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedlab_utils.data.plain_values import make_plain
from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.clipping import clipped_sum, refuse_batch_statistics

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy.ledger import Ledger
    from fedlab_utils.privacy.randomness import Randomness
    from fedlab_utils.segmentation.training import Correction


@dataclass(frozen=True)
class PrivacySettings:
    """How a step is made private.

    Attributes
    ----------
    bound
        Largest length of one patient's gradient, in the loss's units per unit of weight.
    noise
        Noise multiplier: deviation of the noise on each weight's sum, over ``bound``.
    rate
        Probability of each patient to take part in a step.

    Raises
    ------
    PrivacyError
        If a number is out of range.
    """

    bound: float = 1.0
    noise: float = 1.0
    rate: float = 0.1

    def __post_init__(self) -> None:
        make_plain(self, PrivacyError)
        for name, fine, remedy in (
            ("bound", 0 < self.bound < float("inf"), "Pass a number above 0"),
            ("noise", 0 < self.noise < float("inf"), "Pass a number above 0"),
            ("rate", 0 < self.rate <= 1, "Pass a number above 0, up to 1"),
        ):
            if not fine:
                raise PrivacyError(name, f"it is {getattr(self, name)}", remedy)


class PrivateGradient:
    """What :func:`fedlab_utils.segmentation.local_update` takes as ``gradient``.

    Corrections may pull on the weights (FedProx), or turn the gradient by what is public or was
    private before (SCAFFOLD's control variates by option II): they come after the noise. One that
    looks at patients by itself would leave without noise, so a term of the loss that depends on
    batch or logits is refused.

    Parameters
    ----------
    settings
        Bound, noise and sampling rate.
    patients
        Of the hospital, taken as public; with the rate, the expected number in a step.
    ledger
        Charged before each step.
    randomness
        Of the noise; None: the operating system's.

    Attributes
    ----------
    norms, losses : list
        Of the patients of the last step, before clipping. They are private: to look at in a lesson.
    """

    def __init__(
        self,
        settings: PrivacySettings,
        patients: int,
        ledger: Ledger,
        randomness: Randomness | None = None,
    ) -> None:
        from fedlab_utils.privacy.randomness import SystemRandomness

        self.settings, self.ledger = settings, ledger
        self.expected = settings.rate * patients
        self.randomness = randomness or SystemRandomness()
        self.norms: list[float] = []
        self.losses: list[float] = []

    def __call__(
        self,
        model: nn.Module,
        batch: dict[str, torch.Tensor],
        loss: Callable[..., torch.Tensor],
        corrections: Sequence[Correction] = (),
        precision: str = "fp32",
    ) -> torch.Tensor:
        """Fill the parameters' ``grad``.

        Returns
        -------
        torch.Tensor
            Zero: the loss of a batch tells of its patients, and stays here.

        Raises
        ------
        PrivacyBudgetError
            If the ledger does not allow the step; nothing was computed then.
        PrivacyError
            If the network keeps batch statistics, or a correction looks at patients.
        """
        import torch

        refuse_batch_statistics(model)
        settings = self.settings
        self.ledger.charge(settings.noise, settings.rate)
        total, self.norms, self.losses = clipped_sum(model, batch, loss, settings.bound, precision)
        for part in total:
            noise = torch.from_numpy(self.randomness.normal(tuple(part.shape)))
            part.add_(noise.to(part), alpha=settings.noise * settings.bound)
            part.div_(self.expected)
        weights = [p for p in model.parameters() if p.requires_grad]
        for weight, part in zip(weights, total, strict=True):
            weight.grad = part
        for correction in corrections:
            term = _public_term(correction, model)
            if term is not None:
                term.backward()
        return torch.zeros((), device=weights[0].device)


def _public_term(correction: Correction, model: nn.Module) -> torch.Tensor | None:
    """Return a correction's term of the loss, which may look at nothing but the weights."""
    try:
        return correction.loss(model, _NoPatients(), _NoPatients())
    except _LookedError:
        raise PrivacyError(
            type(correction).__name__,
            "its term of the loss looks at patients, outside the clipped gradient",
            "Leave it out of a private training",
        ) from None


class _LookedError(Exception):
    pass


class _NoPatients:
    """A batch, or logits, at which nobody may look."""

    def __getattr__(self, name: str) -> None:
        raise _LookedError(name)

    def __getitem__(self, key: object) -> None:
        raise _LookedError(key)
