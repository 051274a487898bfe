"""A small stand-in for the U-Net, trained in a minute: a study can train it a hundred times.

Blocks of 4 x 4 pixels become one with sixteen times the channels (Shi et al. 2016,
arXiv:1609.05158), three convolutions look around, and the way back is the same in reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.federated.unet_task import UNetTask

if TYPE_CHECKING:
    from torch import nn

BLOCK = 4
"""Edge of the blocks, in pixels."""

DILATIONS = (1, 2, 1)
"""Of the 3 x 3 convolutions: how far apart the blocks lie that each looks at."""


def proxy_network(width: int = 32, seed: int = 0) -> nn.Module:
    """Build the proxy: 38,640 weights at the default width.

    Parameters
    ----------
    width
        Channels between the layers.
    seed
        Decides the weights; torch's global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        ``(B, 4, X, Y)`` -> logits ``(B, 3, X, Y)``; X and Y multiples of 4.
    """
    import torch
    from torch import nn

    layers: list[nn.Module] = [nn.PixelUnshuffle(BLOCK)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = BLOCK**2 * len(SEQUENCES)
        for dilation in DILATIONS:
            layers += [
                nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation, bias=False),
                nn.InstanceNorm2d(width, affine=True),
                nn.LeakyReLU(0.1),
            ]
            channels = width
        out = nn.Conv2d(width, BLOCK**2 * len(REGIONS), 1)
        return nn.Sequential(*layers, out, nn.PixelShuffle(BLOCK))


class ProxyTask(UNetTask):
    """Hospitals that train the proxy; everything else is as in :class:`UNetTask`."""

    def build(self) -> nn.Module:
        """Return the proxy with its first weights."""
        return proxy_network(seed=self.seed)
