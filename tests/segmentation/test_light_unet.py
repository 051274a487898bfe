"""The U-Net without MONAI is MONAI's: names, shapes and answers."""

from __future__ import annotations

import pytest
import torch

from fedlab_utils.segmentation.light_unet import LightUNet
from fedlab_utils.segmentation.unet import STRIDE, UNetSettings, make_unet


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["instance", "group"])
@pytest.mark.parametrize("sequences", [("T1", "T1ce", "T2", "FLAIR"), ("FLAIR",)])
def test_the_same_answers_bit_for_bit(dims: int, norm: str, sequences: tuple[str, ...]) -> None:
    settings = UNetSettings(dims, sequences, width=8, norm=norm)
    theirs, ours = make_unet(settings, seed=4).eval(), LightUNet(settings).eval()
    with torch.no_grad():  # shifts and scales begin at 0 and 1, where much would look the same
        for number, weights in enumerate(theirs.parameters()):
            draws = torch.Generator().manual_seed(number)
            weights += 0.1 * torch.randn(weights.shape, generator=draws)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    image = torch.randn(2, len(sequences), *(2 * STRIDE, 3 * STRIDE, STRIDE)[:dims])
    before = image.clone()
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs(image))
    assert torch.equal(image, before)
