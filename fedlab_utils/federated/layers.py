"""Which layers of a network leave a hospital, and which stay at home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.errors import FederationError
from fedlab_utils.federated.settings import FederationSettings

if TYPE_CHECKING:
    from torch import nn

NORM = "norm"
"""Stands for all normalisation layers, with their running statistics where they have some."""


def norm_names(network: nn.Module) -> set[str]:
    """Return the names of everything that belongs to a normalisation layer."""
    from torch.nn import GroupNorm, LayerNorm, RMSNorm
    from torch.nn.modules.batchnorm import _NormBase

    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, layer in network.named_modules()
        if isinstance(layer, _NormBase | GroupNorm | LayerNorm | RMSNorm)
        for name in layer.state_dict()
    }


def personal_names(network: nn.Module, settings: FederationSettings) -> set[str]:
    """Return the names of what stays at home, by strategy and by ``settings.personal``.

    Raises
    ------
    FederationError
        If a word of ``settings.personal`` is the beginning of no name, or nothing is left to send.
    """
    words = [word.strip() for word in settings.personal.split(",") if word.strip()]
    if settings.strategy == "fedbn":
        words.append(NORM)
    names, home = set(network.state_dict()), set()
    for word in words:
        found = norm_names(network) if word == NORM else {n for n in names if n.startswith(word)}
        if not found:
            raise FederationError(
                "personal",
                f"no parameter's name begins with {word!r}",
                f"Take {NORM!r}, or beginnings such as {min(names)!r}",
            )
        home |= found
    if home == names:
        raise FederationError("personal", "nothing is left to share", "Name fewer layers")
    return home
