"""The loops that the bench of training compares: one of MONAI and torch alone, and ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from fedlab_utils.segmentation.unet import UNetSettings

    Batch = dict[str, torch.Tensor]
    Train = Callable[[list[Batch], Callable[[int], float] | None], None]

PLAIN = "plain fp32"
RATE = 2e-3


@dataclass(frozen=True)
class Mode:
    """One way to run the same steps."""

    precision: str = "fp32"
    channels_last: bool = False
    compiled: bool = False

    @property
    def name(self) -> str:
        """Row name, such as ``"ours bf16, channels_last"``."""
        extra = ["channels_last"] * self.channels_last + ["compiled"] * self.compiled
        return ", ".join([f"ours {self.precision}", *extra])


def modes(device: str) -> tuple[list[Mode], dict[str, str]]:
    """Return what is measured on a device, and what is not, with the reason."""
    from fedlab_utils.segmentation.devices import fast_precision

    wanted = [Mode(), Mode(channels_last=True)]
    missing = {}
    fast = fast_precision(device)
    if fast == "bf16":
        wanted += [Mode("bf16"), Mode("bf16", channels_last=True)]
    else:
        missing[Mode("bf16").name] = "this device emulates bfloat16, many times slower"
    compiled = Mode(fast, compiled=True)
    if any(shutil.which(os.environ.get("CXX", name)) for name in ("g++", "clang++", "cl")):
        wanted.append(compiled)
    else:
        missing[compiled.name] = "torch.compile needs a C++ compiler, and there is none"
    return wanted, missing


def plain_loop(unet: UNetSettings, device: str) -> tuple[nn.Module, Train]:
    """Build the network and the loop that one would write with MONAI and torch alone.

    MONAI's ``BasicUNet`` with the same layers, torch's AdamW, float32, contiguous. The loss is
    ``DiceLoss(sigmoid=True)`` plus ``BCEWithLogitsLoss``, since the regions are nested.
    ``DiceCELoss(sigmoid=True)`` would not do: for more than one channel its cross entropy is
    torch's ``CrossEntropyLoss``, a softmax over the regions as if they excluded each other (monai
    1.6.1). After 90 steps on 16 phantoms it reached a mean Dice of 0.15 where these reach 0.53.
    """
    import torch
    from monai.losses import DiceLoss
    from monai.networks.nets import BasicUNet

    from fedlab_utils.segmentation.unet import make_unet

    network = BasicUNet(
        spatial_dims=unet.spatial_dims,
        in_channels=len(unet.sequences),
        out_channels=3,
        features=(*unet.channels, unet.width),
        norm=("instance", {"affine": True}),
        bias=False,
        upsample="nontrainable",
    )
    network.load_state_dict(make_unet(unet).state_dict())  # equal weights to begin with
    network = network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    dice, cross_entropy = DiceLoss(sigmoid=True), torch.nn.BCEWithLogitsLoss()

    def train(batches: list[Batch], rate: Callable[[int], float] | None = None) -> None:
        network.train()
        for step, batch in enumerate(batches):
            if rate is not None:
                optimiser.param_groups[0]["lr"] = rate(step)
            optimiser.zero_grad()
            image, target = batch["image"].to(device), batch["target"].to(device)
            logits = network(image)
            loss = dice(logits, target) + cross_entropy(logits, target)
            loss.backward()
            optimiser.step()

    return network, train


def our_loop(unet: UNetSettings, device: str, mode: Mode) -> tuple[nn.Module, Train]:
    """Build our network and our loop in one of its modes."""
    import torch

    from fedlab_utils.segmentation import local_update, make_optimiser, make_unet

    last = torch.channels_last if unet.spatial_dims == 2 else torch.channels_last_3d
    network = make_unet(unet).to(device)
    if mode.channels_last:
        network = network.to(memory_format=last)
    optimiser = make_optimiser(network)
    stepped = torch.compile(network) if mode.compiled else network

    def train(batches: list[Batch], rate: Callable[[int], float] | None = None) -> None:
        if mode.channels_last:
            batches = [b | {"image": b["image"].contiguous(memory_format=last)} for b in batches]
        local_update(stepped, batches, optimiser, learning_rate=rate, precision=mode.precision)

    return network, train
