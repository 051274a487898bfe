"""The U-Net of every lesson: MONAI's, in 2-D or 3-D by one setting, without batch statistics.

A U-Net (Ronneberger et al., MICCAI 2015, arXiv:1505.04597) looks at the image at five scales: on
the way down it pools and gains channels, on the way up it interpolates and takes back, at each
scale, what the way down saw there. Three outputs per voxel, one per region, each a yes or no.

Batch normalisation is left out on purpose: its running averages are data of a hospital, averaging
them over hospitals can harm a federated model badly, and with it each sample's gradient depends on
the others, so that the guarantee of DP-SGD does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

LEVELS = 5
"""Scales of the U-Net: the image's own and four that are halved each time."""

STRIDE = 2 ** (LEVELS - 1)
"""What the edges of an input must be multiples of, in voxels."""

GROUP = 8
"""Channels that group normalisation takes together."""

SLOPE = 0.1
"""Of the leaky rectifier below 0."""

NORMS = ("instance", "group")


@dataclass(frozen=True)
class UNetSettings:
    """What a U-Net looks like; two networks with equal settings can exchange weights.

    Attributes
    ----------
    spatial_dims
        2 for slices, 3 for volumes.
    sequences
        Its input channels, a part of ``SEQUENCES`` in that order.
    width
        Channels at the image's own scale; they double down to eight times as many.
    norm
        ``"instance"`` normalises each channel of each image by itself and learns a scale and a
        shift (Ulyanov et al. 2016, arXiv:1607.08022); ``"group"`` normalises groups of 8 channels
        together (Wu and He 2018, arXiv:1803.08494). A step with groups is faster on a CPU, but
        networks with instances held better on phantoms of contrasts not trained on.
    """

    spatial_dims: int = 2
    sequences: tuple[str, ...] = SEQUENCES
    width: int = 16
    norm: str = "instance"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sequences", tuple(self.sequences))
        if self.spatial_dims not in (2, 3):
            raise _unfit(f"spatial_dims is {self.spatial_dims}", "Take 2 (slices) or 3 (volumes)")
        ordered = tuple(s for s in SEQUENCES if s in self.sequences)
        if not ordered or ordered != self.sequences:
            known = ", ".join(SEQUENCES)
            raise _unfit(f"sequences are {self.sequences}", f"Take some of {known}, in that order")
        if self.width < 8 or self.width % 8:
            raise _unfit(f"width is {self.width}", "Take a multiple of 8")
        if self.norm not in NORMS:
            raise _unfit(f"norm is {self.norm!r}", f"Take one of {', '.join(NORMS)}")

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels at the five scales from fine to coarse."""
        return tuple(self.width * factor for factor in (1, 2, 4, 8, 8))


def _unfit(cause: str, remedy: str) -> ModelError:
    return ModelError("UNetSettings", cause, remedy)


def make_unet(settings: UNetSettings | None = None, seed: int = 0) -> nn.Module:
    """Build a U-Net with random weights.

    Upsampling is interpolation and a 1 x 1 convolution, so that convolutions and normalisation are
    the only layers with weights: for these Opacus has rules of its own for the gradient per sample.
    The last layer is a plain convolution; MONAI's ``UNet`` with residual units normalises its three
    output channels, which takes from a slice the freedom to say that it shows no tumour.

    Parameters
    ----------
    settings
        Default :class:`UNetSettings`.
    seed
        Decides the weights; torch's global generator is left as it was.

    Returns
    -------
    torch.nn.Module
        ``(B, len(sequences), *spatial)`` -> logits ``(B, 3, *spatial)`` in the order ET, TC, WT;
        spatial edges are multiples of :data:`STRIDE`.
    """
    import torch
    from monai.networks.nets import BasicUNet
    from monai.networks.nets.basic_unet import UpCat

    settings = settings or UNetSettings()
    norm = {
        "instance": ("instance", {"affine": True}),
        "group": ("group", {"num_groups": 1, "affine": True}),
    }[settings.norm]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BasicUNet(
            spatial_dims=settings.spatial_dims,
            in_channels=len(settings.sequences),
            out_channels=len(REGIONS),
            features=(*settings.channels, settings.width),
            act=("LeakyReLU", {"negative_slope": SLOPE}),
            norm=norm,
            bias=False,  # of 3 x 3 convolutions, which a learned shift follows; 1 x 1 keep theirs
            upsample="nontrainable",
        )
    for part in network.modules():
        if isinstance(part, UpCat):
            part.is_pad = False  # edges are multiples of STRIDE: there is nothing to pad
        if isinstance(part, torch.nn.GroupNorm):
            part.num_groups = part.num_channels // GROUP
    return network
