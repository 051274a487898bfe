"""A small stand-in for the U-Net, trained in minutes: a study can train it a hundred times.

Four pixels become one with four times the channels (Shi et al. 2016, arXiv:1609.05158), four
dilated convolutions look around, and the way back is the same in reverse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.federated.norm_lab import DILATIONS
from fedlab_utils.federated.unet_task import UNetTask

if TYPE_CHECKING:
    from torch import nn


def proxy_network(width: int = 16, seed: int = 0) -> nn.Module:
    """Build the proxy: 9,548 weights at the default width.

    Parameters
    ----------
    width
        Channels between the layers.
    seed
        Decides the weights; torch's global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        ``(B, 4, X, Y)`` -> logits ``(B, 3, X, Y)``; X and Y even.
    """
    import torch
    from torch import nn

    layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channels = 4 * len(SEQUENCES)
        for dilation in DILATIONS:
            layers += [
                nn.Conv2d(channels, width, 3, padding=dilation, dilation=dilation, bias=False),
                nn.InstanceNorm2d(width, affine=True),
                nn.LeakyReLU(0.1),
            ]
            channels = width
        return nn.Sequential(*layers, nn.Conv2d(width, 4 * len(REGIONS), 1), nn.PixelShuffle(2))


class ProxyTask(UNetTask):
    """Hospitals that train the proxy; everything else is as in :class:`UNetTask`."""

    def build(self) -> nn.Module:
        """Return the proxy with its first weights."""
        return proxy_network(seed=self.seed)
