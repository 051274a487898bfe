"""One attack from end to end, with what a lesson slides over: batch, local steps, noise, bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.image_scores import against_guesses
from fedlab_utils.privacy.inversion import invert
from fedlab_utils.privacy.shared_update import defended, share

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.privacy.inversion import Inversion, Watch
    from fedlab_utils.privacy.inversion_settings import InversionSettings


@dataclass(frozen=True)
class Trial:
    """What an attack found, and whether that counts.

    Attributes
    ----------
    inversion
        Images, distances and seconds.
    table
        Of :func:`fedlab_utils.privacy.image_scores.against_guesses`: two guesses, and the attack
        last.
    """

    inversion: Inversion
    table: list[dict[str, object]]

    @property
    def counts(self) -> bool:
        """Whether the attack beats all guesses in both scores."""
        return bool(self.table[-1]["counts"])


def try_inversion(
    model: nn.Module,
    images: torch.Tensor,
    target: torch.Tensor,
    public: torch.Tensor,
    batch: int = 1,
    steps: int = 1,
    learning_rate: float = 0.01,
    bound: float | None = None,
    noise: float = 0.0,
    masks_known: bool = True,
    brain: torch.Tensor | None = None,
    settings: InversionSettings | None = None,
    start: torch.Tensor | None = None,
    watch: Watch | None = None,
    guesses: Mapping[str, torch.Tensor] | None = None,
) -> Trial:
    """Let a hospital share an update of its first patients, attack it, and score what comes back.

    Parameters
    ----------
    model
        That the server sent.
    images, target
        The hospital's, ``(N, C, H, W)`` and ``(N, 3, H, W)``.
    public
        Other patients' images ``(M, C, H, W)``, for the guesses.
    batch
        How many of the hospital's images take part, each in every step.
    steps, learning_rate
        Local steps of SGD, and their length.
    bound, noise
        See :func:`fedlab_utils.privacy.shared_update.defended`.
    masks_known
        Whether the attacker has the targets.
    brain
        bool ``(N, 1, H, W)``, if the attacker knows where the brain is.
    settings, start, watch
        See :func:`fedlab_utils.privacy.inversion.invert`; ``start`` is one image
        ``(1, C, H, W)``, from which all of a batch begin.
    guesses
        Name -> a further guess of the hospital's images, ``(N, C, H, W)``.

    Raises
    ------
    PrivacyError
        If there are fewer images than ``batch``.
    """
    if not 1 <= batch <= len(images):
        raise PrivacyError(
            "try_inversion", f"a batch of {batch}, of {len(images)} images", "Take no more"
        )
    truth, masks = images[:batch], target[:batch]
    shared = defended(share(model, truth, masks, steps, learning_rate), bound, noise)
    found = invert(
        model,
        shared,
        tuple(truth.shape),
        masks if masks_known else None,
        None if brain is None else brain[:batch],
        settings,
        None if start is None else start.expand_as(truth),
        watch,
    )
    more = {name: guess[:batch] for name, guess in (guesses or {}).items()}
    table = against_guesses({"attack": found.images}, truth, public, more=more)
    return Trial(found, table)
