"""What stays at home."""

from __future__ import annotations

import pytest
from torch import nn

from fedlab_utils.errors import FederationError
from fedlab_utils.federated import FederationSettings
from fedlab_utils.federated.layers import norm_names, personal_names
from fedlab_utils.segmentation import UNetSettings, make_unet


class Small(nn.Module):
    """One of each normalisation, by hand-written names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 1)
        self.batch = nn.BatchNorm2d(8)
        self.inner = nn.Sequential(nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True))
        self.plain = nn.InstanceNorm2d(8)
        self.layer, self.root = nn.LayerNorm(8), nn.RMSNorm(8)
        self.head = nn.Conv2d(8, 3, 1)


NORMS = {
    *(f"batch.{n}" for n in ("weight", "bias", "running_mean", "running_var")),
    "batch.num_batches_tracked",
    *(f"inner.{k}.{n}" for k in (0, 1) for n in ("weight", "bias")),
    *("layer.weight", "layer.bias", "root.weight"),
}


def home(**settings: object) -> set[str]:
    return personal_names(Small(), FederationSettings(**settings))


def test_normalisation_layers_with_their_statistics() -> None:
    assert norm_names(Small()) == NORMS
    assert home(strategy="fedbn") == home(personal="norm") == NORMS


def test_layers_by_the_beginning_of_their_names() -> None:
    assert home() == set()
    assert home(personal="head") == {"head.weight", "head.bias"}
    assert home(personal=" head, norm ") == NORMS | {"head.weight", "head.bias"}


def test_a_word_that_names_nothing_and_one_that_names_all() -> None:
    with pytest.raises(FederationError, match="begins with 'tail'"):
        home(personal="tail")
    with pytest.raises(FederationError, match="nothing is left"):
        home(personal="conv,head,norm")


@pytest.mark.parametrize("norm", ["instance", "group"])
def test_in_the_u_net_all_but_convolutions_are_normalisation(norm: str) -> None:
    network = make_unet(UNetSettings(width=8, norm=norm))
    convolutions = {
        f"{prefix}.{name}"
        for prefix, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d)
        for name in layer.state_dict()
    }
    assert norm_names(network) == set(network.state_dict()) - convolutions
