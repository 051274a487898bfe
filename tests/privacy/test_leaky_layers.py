"""Leaks by arithmetic against autograd, and rectifiers that no longer bend."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedlab_utils.errors import PrivacyError
from fedlab_utils.privacy.leaky_layers import linear_input, open_rectifiers
from fedlab_utils.segmentation import UNetSettings, dice_ce_loss, make_unet


def _gradients(samples: torch.Tensor, zero: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(50, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    loss = (0 if zero else 1) * nn.functional.cross_entropy(
        network(samples), torch.arange(len(samples)) % 3
    )
    loss.backward()
    return network[0].weight.grad, network[0].bias.grad


def test_the_input_of_a_linear_layer_comes_back_exactly() -> None:
    sample = torch.randn(1, 50, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    torch.testing.assert_close(linear_input(*_gradients(sample)), sample[0], rtol=1e-9, atol=1e-9)


def test_of_a_batch_comes_a_mixture() -> None:
    samples = torch.eye(3, 50, dtype=torch.float64)
    found = linear_input(*_gradients(samples))
    assert found[:3].count_nonzero() == 3
    assert found[3:].abs().max() == 0


def test_gradients_of_no_use_are_refused() -> None:
    with pytest.raises(PrivacyError, match="gradient is 0"):
        linear_input(*_gradients(torch.ones(1, 50, dtype=torch.float64), zero=True))
    with pytest.raises(PrivacyError, match="Pass those of a linear layer"):
        linear_input(torch.ones(2, 3, 3), torch.ones(2))


def _share_below_0(network: nn.Module, image: torch.Tensor) -> float:
    below: list[torch.Tensor] = []
    for layer in network.modules():
        if isinstance(layer, nn.LeakyReLU):
            layer.register_forward_pre_hook(lambda _, x: below.append((x[0] < 0).flatten()))
    network(image)
    return float(torch.cat(below).float().mean())


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_with_weights_of_a_dishonest_server_hardly_any_rectifier_bends(norm: str) -> None:
    image = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(1))
    shares = {}
    for honest in (True, False):
        network = make_unet(UNetSettings(width=8, norm=norm))
        if not honest:
            assert open_rectifiers(network) is network
        shares[honest] = _share_below_0(network, image)
    assert shares[True] > 0.4
    assert shares[False] < 0.01


def test_only_shifts_are_changed() -> None:
    before, after = (
        make_unet(UNetSettings(width=8)),
        open_rectifiers(make_unet(UNetSettings(width=8))),
    )
    changed = {
        name
        for (name, a), b in zip(before.named_parameters(), after.parameters(), strict=True)
        if not torch.equal(a, b)
    }
    assert changed == {n for n, _ in before.named_parameters() if n.endswith("adn.N.bias")}
    with pytest.raises(PrivacyError, match="learns a shift"):
        open_rectifiers(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


def test_rectifiers_that_bend_make_gradients_change_abruptly_and_open_ones_do_not() -> None:
    """Why the attack works on one and not on the other: the gradient near the truth."""
    draw = torch.Generator().manual_seed(5)
    image = torch.randn(1, 4, 32, 32, generator=draw)
    near = image + 0.1 * torch.randn(1, 4, 32, 32, generator=draw)
    target = (torch.rand(1, 3, 32, 32, generator=draw) < 0.2).float()

    def gradient(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        loss = dice_ce_loss(network(x), target).mean()
        parts = torch.autograd.grad(loss, list(network.parameters()))
        return torch.cat([p.flatten() for p in parts])

    turned = []
    for network in (make_unet(UNetSettings(width=8)), make_unet(UNetSettings(width=8))):
        if turned:
            open_rectifiers(network)
        a, b = gradient(network, image), gradient(network, near)
        turned.append(1 - float(torch.cosine_similarity(a, b, 0)))
    assert turned[0] > 20 * turned[1]
