"""The proxy: what comes out, what it sees, and that its seed decides it."""

from __future__ import annotations

import torch

from fedlab_utils.federated.proxy import ProxyTask, proxy_network
from fedlab_utils.federated.unet_task import UNetTask


def test_logits_lie_on_the_image_s_own_grid() -> None:
    network = proxy_network()
    assert sum(p.numel() for p in network.parameters()) == 38640
    image = torch.randn(2, 4, 12, 20, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert network(image).shape == (2, 3, 12, 20)
        one = network(image[:1])
    # No batch statistics: a patient's logits do not depend on who else is in the batch.
    torch.testing.assert_close(one, network(image)[:1], rtol=0, atol=1e-5)


def test_a_pixel_s_logits_depend_on_the_pixels_around_it_in_place() -> None:
    network = proxy_network()
    for layer in network:
        if isinstance(layer, torch.nn.InstanceNorm2d):
            layer.eval()
            layer.forward = lambda x: x  # it couples all pixels of a slice
    image = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    image.requires_grad_()
    network(image)[0, 0, 32, 33].backward()
    x, y = image.grad.abs().sum((0, 1)).nonzero().T
    assert (x.min(), x.max(), y.min(), y.max()) == (16, 51, 16, 51)  # 1 + 2 + 1 blocks around


def test_the_seed_decides_the_weights_and_nothing_else() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (proxy_network(seed=s).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[n], again[n]) for n in first)
    assert not all(torch.equal(first[n], other[n]) for n in first)


def test_the_task_trains_it() -> None:
    assert issubclass(ProxyTask, UNetTask)
    built = ProxyTask([], seed=3).build().state_dict()
    assert all(torch.equal(v, built[n]) for n, v in proxy_network(seed=3).state_dict().items())
