"""Which weights are trained where a network that has learnt already goes on with other patients.

Fewer weights learn less, and forget less. Where training is private they also carry less noise:
each weight gets the same, whatever it is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

WAYS = ("all", "low_rank", "norm_and_head")
"""Of the ways to go on, from all weights to the fewest; each trains what the next one does."""


def choose_weights(network: nn.Module, way: str, rank: int = 2, seed: int = 0) -> nn.Module:
    """Decide, in place, which weights of a network are trained from here on.

    Parameters
    ----------
    network
        With convolutions and affine normalisation, and weights to go on from.
    way
        ``"all"``. ``"norm_and_head"``: scale and shift of the normalisation layers, and the last
        convolution. ``"low_rank"``: these too, and a matrix of a low rank that is added to every
        other convolution's weights (LoRA: Hu et al. 2022, arXiv:2106.09685); it begins at 0, so
        that the network first answers as before. Its ``state_dict`` then has other names.
    rank
        Of those matrices.
    seed
        Decides their first factor; torch's global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    ModelError
        If there is no such way, the rank is below 1, or the network has no convolution.
    """
    import torch
    from torch import nn
    from torch.nn.utils import parametrize

    if way not in WAYS:
        raise ModelError("way", f"it is {way!r}", f"Take one of {', '.join(WAYS)}")
    if rank < 1:
        raise ModelError("rank", f"it is {rank}", "Pass 1 or more")
    if way == "all":
        return network.requires_grad_(True)
    convolutions = [m for m in network.modules() if isinstance(m, nn.modules.conv._ConvNd)]
    if not convolutions:
        raise ModelError("network", "it has no convolution", "Train all its weights")
    network.requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, _norms()):
            layer.requires_grad_(True)
    convolutions[-1].requires_grad_(True)
    if way == "low_rank":
        draw = torch.Generator().manual_seed(seed)
        for layer in convolutions[:-1]:
            parametrize.register_parametrization(layer, "weight", _low_rank(layer, rank, draw))
    return network


def _norms() -> tuple[type, ...]:
    from torch import nn

    return nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm


def _low_rank(layer: nn.Module, rank: int, draw: object) -> nn.Module:
    """Return what adds ``B A`` to a weight ``(out, *)`` that is seen as a matrix."""
    import torch
    from torch import nn

    class LowRank(nn.Module):
        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            rows, columns = weight.shape[0], weight[0].numel()
            first = torch.randn(rank, columns, generator=draw) / columns**0.5
            self.a = nn.Parameter(first.to(weight))
            self.b = nn.Parameter(weight.new_zeros(rows, rank))

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            return weight + (self.b @ self.a).view_as(weight)

    return LowRank(layer.weight.detach())
