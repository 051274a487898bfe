"""The loops that the bench compares: equal networks, and a plain one as one would write it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.segmentation import UNetSettings
from fedlab_utils.studies import bench_loops
from fedlab_utils.studies.bench_loops import RATE, Mode, modes, our_loop, plain_loop

SMALL = UNetSettings(width=8)


def test_both_loops_begin_with_equal_weights_and_are_equal_networks() -> None:
    """The plain network has MONAI's own layers; with equal weights it gives the same answer."""
    plain, _ = plain_loop(SMALL, "cpu")
    image = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    for mode in (Mode(), Mode(channels_last=True), Mode("bf16")):
        ours, _ = our_loop(SMALL, "cpu", mode)
        torch.testing.assert_close(ours(image), plain(image), rtol=1e-4, atol=1e-5)


def test_the_plain_loop_is_what_one_would_write() -> None:
    """Its loss too, by hand: regions are questions of their own, and a Dice for each slice."""
    generator = torch.Generator().manual_seed(2)
    batch = {
        "image": torch.randn(2, 4, 32, 32, generator=generator),
        "target": (torch.rand(2, 3, 32, 32, generator=generator) < 0.3).float(),
    }
    network, train = plain_loop(SMALL, "cpu")
    other, _ = plain_loop(SMALL, "cpu")
    train([batch, batch], None)
    optimiser = torch.optim.AdamW(other.parameters(), lr=RATE)
    for _ in range(2):
        optimiser.zero_grad()
        p, t = torch.sigmoid(other(batch["image"])), batch["target"]
        dice = (2 * (p * t).sum((2, 3)) + 1e-5) / ((p + t).sum((2, 3)) + 1e-5)
        entropy = -(t * p.log() + (1 - t) * (1 - p).log())
        (1 - dice.mean() + entropy.mean()).backward()
        optimiser.step()
    for mine, theirs in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-4)


def test_why_the_plain_loop_does_not_take_dice_ce_loss() -> None:
    """For several channels its cross entropy is a softmax's, whatever ``sigmoid`` says.

    Certain answers that are all right, a voxel of all three regions, then cost something.
    """
    from monai.losses import DiceCELoss

    right = torch.full((1, 3, 4, 4), 30.0)
    inside = torch.ones(1, 3, 4, 4)
    loss = DiceCELoss(sigmoid=True)
    assert float(loss.dice(right, inside)) == pytest.approx(0, abs=1e-5)
    assert float(loss(right, inside)) == pytest.approx(3 * np.log(3), abs=1e-4)
    assert float(torch.nn.BCEWithLogitsLoss()(right, inside)) == pytest.approx(0, abs=1e-5)


def test_what_this_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedlab_utils.segmentation.devices.fast_precision", lambda _: "fp32")
    monkeypatch.setattr(bench_loops.shutil, "which", lambda _: None)
    wanted, missing = modes("cpu")
    assert [mode.name for mode in wanted] == ["ours fp32", "ours fp32, channels_last"]
    assert "emulates" in missing["ours bf16"]
    assert "C++ compiler" in missing["ours fp32, compiled"]
