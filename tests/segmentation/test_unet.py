"""The U-Net: shapes, scales, no batch statistics, weights decided by the seed alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedlab_utils.errors import ModelError
from fedlab_utils.segmentation.unet import STRIDE, UNetSettings, make_unet


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", ["instance", "group"])
def test_logits_have_the_images_shape(dims: int, norm: str) -> None:
    network = make_unet(UNetSettings(dims, ("T1ce", "FLAIR"), width=8, norm=norm))
    spatial = (STRIDE, 2 * STRIDE, STRIDE)[:dims] if dims == 3 else (STRIDE, 2 * STRIDE)
    assert network(torch.randn(2, 2, *spatial)).shape == (2, 3, *spatial)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_a_samples_answer_does_not_depend_on_its_batch(norm: str) -> None:
    network = make_unet(UNetSettings(width=8, norm=norm)).train()
    images = torch.randn(3, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    alone = network(images[:1])
    torch.testing.assert_close(network(images)[:1], alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_nothing_is_kept_beside_the_weights(norm: str) -> None:
    """Buffers such as running means would be averaged, or forgotten, by a federation."""
    network = make_unet(UNetSettings(width=8, norm=norm))
    assert list(network.buffers()) == []
    parameters = {name for name, _ in network.named_parameters()}
    assert set(network.state_dict()) == parameters


def test_the_output_layer_is_a_plain_convolution() -> None:
    """Normalised outputs could not say that a slice shows no tumour."""
    for norm, kind in (("instance", nn.InstanceNorm2d), ("group", nn.GroupNorm)):
        network = make_unet(UNetSettings(width=8, norm=norm))
        assert isinstance(network.final_conv, nn.Conv2d)
        norms = [m for m in network.modules() if isinstance(m, kind)]
        assert len(norms) == 18
        assert all(m.affine for m in norms)
        if norm == "group":
            assert all(m.num_channels == 8 * m.num_groups for m in norms)


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = make_unet(UNetSettings(width=8), seed=1)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
    again, other = (
        make_unet(UNetSettings(width=8), seed=1),
        make_unet(UNetSettings(width=8), seed=2),
    )
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    differ = [
        torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True)
    ]
    assert all(same)
    assert not all(differ)


def test_lesson_03_tells_where_the_weights_and_the_multiplications_are() -> None:
    """Four fifths of the weights are coarse; a twentieth, at fine scales, does half the work."""
    network, products = make_unet(), {}

    def count(block: str, layer: nn.Conv2d, answer: torch.Tensor) -> None:
        each = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        products[block] = products.get(block, 0) + each * answer.numel()

    for name, block in network.named_children():
        for layer in block.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(lambda m, _, out, name=name: count(name, m, out))
    with torch.no_grad():
        network(torch.zeros(1, 4, 80, 96))
    weights = {n: sum(p.numel() for p in b.parameters()) for n, b in network.named_children()}

    def share(of: dict[str, int], *blocks: str) -> float:
        return sum(of[block] for block in blocks) / sum(of.values())

    assert share(weights, "down_3", "down_4", "upcat_4") == pytest.approx(0.8, abs=0.01)
    fine = ("conv_0", "down_1", "upcat_2", "upcat_1")
    assert share(weights, *fine) == pytest.approx(0.05, abs=0.002)
    assert share(products, *fine) == pytest.approx(0.5, abs=0.03)


def test_opacus_accepts_it_and_gives_each_samples_gradient() -> None:
    opacus = pytest.importorskip("opacus")
    from opacus.validators import ModuleValidator

    images = torch.randn(2, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    for norm in ("instance", "group"):
        settings = UNetSettings(width=8, norm=norm)
        assert ModuleValidator.validate(make_unet(settings)) == []
        private = opacus.GradSampleModule(make_unet(settings), loss_reduction="sum")
        private(images).square().sum().backward()
        for index in range(len(images)):
            plain = make_unet(settings)
            plain(images[index : index + 1]).square().sum().backward()
            for mine, theirs in zip(plain.parameters(), private.parameters(), strict=True):
                scale = float(mine.grad.abs().max())
                torch.testing.assert_close(
                    theirs.grad_sample[index], mine.grad, rtol=1e-3, atol=1e-3 * scale
                )


@pytest.mark.parametrize(
    "wrong",
    [
        {"spatial_dims": 4},
        {"sequences": ()},
        {"sequences": ("FLAIR", "T1")},
        {"sequences": ("T1", "PD")},
        {"width": 12},
        {"width": 0},
        {"norm": "batch"},
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict) -> None:
    with pytest.raises(ModelError, match="Take"):
        UNetSettings(**wrong)
