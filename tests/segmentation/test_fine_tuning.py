"""Which weights go on learning: counted by hand, and the others do not move."""

from __future__ import annotations

import pytest
import torch

from fedlab_utils.errors import ModelError
from fedlab_utils.federated.proxy import proxy_network
from fedlab_utils.segmentation import UNetSettings, make_unet
from fedlab_utils.segmentation.fine_tuning import WAYS, choose_weights


def trained(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def test_the_proxy_s_weights_are_counted() -> None:
    norms, head = 3 * 2 * 32, 32 * 48 + 48
    adapters = 2 * ((32 + 64 * 9) + 2 * (32 + 32 * 9))
    counts = {way: trained(choose_weights(proxy_network(), way)) for way in WAYS}
    assert counts == {
        "all": 38640,
        "low_rank": norms + head + adapters,
        "norm_and_head": norms + head,
    }


@pytest.mark.parametrize("dims", [2, 3])
def test_the_u_net_has_a_head_of_three_channels(dims: int) -> None:
    network = choose_weights(make_unet(UNetSettings(spatial_dims=dims), 0), "norm_and_head")
    names = [name for name, p in network.named_parameters() if p.requires_grad and p.ndim > 1]
    assert len(names) == 1
    assert dict(network.named_parameters())[names[0]].shape[0] == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_network_answers_as_before_and_learns_what_was_chosen(way: str) -> None:
    image = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    before = proxy_network(seed=3)
    network = choose_weights(proxy_network(seed=3), way, seed=5)
    torch.testing.assert_close(network(image), before(image), rtol=0, atol=0)
    start = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], 0.1)
    for _ in range(2):  # the second factor begins at 0: the first one moves a step later
        optimiser.zero_grad()
        network(image).square().mean().backward()
        optimiser.step()
    for name, p in network.named_parameters():
        assert torch.equal(p, start[name]) is not p.requires_grad, name


def test_an_adapter_adds_a_matrix_of_its_rank() -> None:
    network = choose_weights(proxy_network(seed=3), "low_rank", rank=2, seed=5)
    layer = network[1]
    with torch.no_grad():
        layer.parametrizations.weight[0].b.normal_(generator=torch.Generator().manual_seed(0))
    added = (layer.weight - layer.parametrizations.weight.original).flatten(1)
    assert torch.linalg.matrix_rank(added.detach()) == 2
    again = choose_weights(proxy_network(seed=3), "low_rank", rank=2, seed=5)
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again[1].weight, layer.weight)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ModelError, match="norm_and_head"):
        choose_weights(proxy_network(), "head")
    with pytest.raises(ModelError, match="rank"):
        choose_weights(proxy_network(), "low_rank", rank=0)
    with pytest.raises(ModelError, match="no convolution"):
        choose_weights(torch.nn.Linear(2, 2), "low_rank")
