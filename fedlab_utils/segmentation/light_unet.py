"""The U-Net of :mod:`fedlab_utils.segmentation.unet` in torch alone, for programs in a hurry.

To import MONAI takes four seconds on a slow processor, as long as the network needs for a patient:
it loads every module of its own, and matplotlib and scikit-learn with them. A command that only
predicts can do without. The network here has the same layers under the same names, takes the same
weights and gives the same answers bit for bit, which a test holds it to; it is no second U-Net to
train or to change. Lessons and training take MONAI's.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn

from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.segmentation.unet import GROUP, LEVELS, SLOPE, UNetSettings

_CONV = {2: nn.Conv2d, 3: nn.Conv3d}
_POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_INSTANCE = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_LINEAR = {2: "bilinear", 3: "trilinear"}


class LightUNet(nn.Module):
    """See :func:`fedlab_utils.segmentation.make_unet`; weights come from ``load_state_dict``.

    Parameters
    ----------
    settings
        What it looks like.
    """

    def __init__(self, settings: UNetSettings) -> None:
        super().__init__()
        dims, widths = settings.spatial_dims, settings.channels
        self.conv_0 = _two_convolutions(settings, len(settings.sequences), widths[0])
        for level, (above, below) in enumerate(pairwise(widths), 1):
            convs = _two_convolutions(settings, above, below)
            down = _named({"max_pooling": _POOL[dims](2), "convs": convs})
            self.add_module(f"down_{level}", down)
        for level, (above, below) in reversed(list(enumerate(pairwise(widths), 1))):
            self.add_module(f"upcat_{level}", _UpCat(settings, below, above, halves=level > 1))
        self.final_conv = _CONV[dims](settings.width, len(REGIONS), 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """``(B, C, *spatial)`` -> logits ``(B, 3, *spatial)`` in the order ET, TC, WT."""
        seen = [self.conv_0(image)]
        for level in range(1, LEVELS):
            seen.append(self.get_submodule(f"down_{level}")(seen[-1]))
        answer = seen.pop()
        for level in reversed(range(1, LEVELS)):
            answer = self.get_submodule(f"upcat_{level}")(answer, seen.pop())
        return self.final_conv(answer)


class _UpCat(nn.Module):
    """Interpolate what comes from below, put it beside what this scale saw, convolve both."""

    def __init__(self, settings: UNetSettings, below: int, here: int, halves: bool) -> None:
        super().__init__()
        dims, risen = settings.spatial_dims, below // 2 if halves else below
        larger = nn.Upsample(scale_factor=2, mode=_LINEAR[dims], align_corners=True)
        parts = {"preconv": _CONV[dims](below, risen, 1)} if halves else {}
        self.upsample = _named({**parts, "upsample_non_trainable": larger})
        self.convs = _two_convolutions(settings, here + risen, here)

    def forward(self, below: torch.Tensor, here: torch.Tensor) -> torch.Tensor:
        return self.convs(torch.cat([here, self.upsample(below)], dim=1))


def _two_convolutions(settings: UNetSettings, before: int, after: int) -> nn.Module:
    first, second = _convolution(settings, before, after), _convolution(settings, after, after)
    return _named({"conv_0": first, "conv_1": second})


def _convolution(settings: UNetSettings, before: int, after: int) -> nn.Module:
    dims = settings.spatial_dims
    if settings.norm == "instance":
        norm = _INSTANCE[dims](after, affine=True)
    else:
        norm = nn.GroupNorm(after // GROUP, after)
    activation = nn.LeakyReLU(SLOPE, inplace=True)
    conv = _CONV[dims](before, after, 3, padding=1, bias=False)
    return _named({"conv": conv, "adn": _named({"N": norm, "A": activation})})


def _named(parts: dict[str, nn.Module]) -> nn.Sequential:
    return nn.Sequential(OrderedDict(parts))
