"""The one loop: against a plain PyTorch loop, bit for bit, and what a correction may do."""

from __future__ import annotations

from dataclasses import Field, fields

import numpy as np
import pytest
import torch

from fedlab_utils.errors import FedLabError, TrainingError
from fedlab_utils.segmentation.loss import dice_ce_loss
from fedlab_utils.segmentation.training import (
    Correction,
    OptimiserSettings,
    Update,
    local_update,
    make_optimiser,
)
from fedlab_utils.segmentation.unet import UNetSettings, make_unet
from tests.data.test_plain_values import WRONG

SMALL = UNetSettings(sequences=("T1ce", "FLAIR"), width=8)


def some_batches(count: int = 3) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(4)
    return [
        {
            "image": torch.randn(4, 2, 32, 32, generator=generator),
            "target": (torch.rand(4, 3, 32, 32, generator=generator) < 0.2).float(),
            "patient": torch.tensor([0, 1, 1, 2]),
        }
        for _ in range(count)
    ]


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().ravel() for p in network.parameters()])


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_is_a_plain_loop_to_the_bit(name: str) -> None:
    settings = OptimiserSettings(name, learning_rate=0.01, weight_decay=0.02)
    ours, theirs = make_unet(SMALL), make_unet(SMALL)
    update = local_update(ours, some_batches(), make_optimiser(ours, settings))
    kinds = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    optimiser = kinds[name](theirs.parameters(), lr=0.01, weight_decay=0.02)
    losses = []
    for batch in some_batches():
        optimiser.zero_grad()
        loss = dice_ce_loss(theirs(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert torch.equal(weights(ours), weights(theirs))
    assert update.loss == pytest.approx(sum(losses) / 3, rel=1e-6)
    assert (update.steps, update.samples, update.learning_rate) == (3, 12, 0.01)


def test_a_correction_that_adds_nothing_changes_no_bit() -> None:
    plain, corrected = make_unet(SMALL), make_unet(SMALL)
    local_update(plain, some_batches(), make_optimiser(plain))
    local_update(corrected, some_batches(), make_optimiser(corrected), [Correction()])
    assert torch.equal(weights(plain), weights(corrected))


class _Pull(Correction):
    """The gradient of 1/2 ||w||^2, once through the loss and once by hand."""

    def __init__(self, through_loss: bool) -> None:
        self.through_loss, self.seen = through_loss, []

    def begin(self, model: torch.nn.Module) -> None:  # noqa: ARG002
        self.seen.append("begin")

    def loss(self, model, batch, logits):  # noqa: ARG002
        if not self.through_loss:
            return None
        return 0.5 * sum(p.square().sum() for p in model.parameters())

    def gradient(self, model: torch.nn.Module) -> None:
        if not self.through_loss:
            for p in model.parameters():
                p.grad += p.detach()

    def end(self, model: torch.nn.Module, update: Update) -> None:  # noqa: ARG002
        self.seen.append(("end", update.steps))


def test_a_term_in_the_loss_and_its_gradient_do_the_same() -> None:
    sgd = OptimiserSettings("sgd", learning_rate=0.05, weight_decay=0.0)
    results = []
    for through_loss in (True, False):
        network, pull = make_unet(SMALL), _Pull(through_loss)
        local_update(network, some_batches(), make_optimiser(network, sgd), [pull])
        assert pull.seen == ["begin", ("end", 3)]
        results.append(weights(network))
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-6)
    plain = make_unet(SMALL)
    local_update(plain, some_batches(), make_optimiser(plain, sgd))
    assert weights(plain).norm() > results[0].norm()


def test_the_schedule_is_asked_for_every_step() -> None:
    network = make_unet(SMALL)
    asked: list[int] = []

    def rate(step: int) -> float:
        asked.append(step)
        return 0.1 / (step + 1)

    update = local_update(network, some_batches(), make_optimiser(network), learning_rate=rate)
    assert asked == [0, 1, 2]
    assert update.learning_rate == pytest.approx(0.1 / 3)


def test_bf16_learns_nearly_the_same_and_keeps_fp32_weights() -> None:
    fine, coarse = make_unet(SMALL), make_unet(SMALL)
    first = local_update(fine, some_batches(), make_optimiser(fine))
    second = local_update(coarse, some_batches(), make_optimiser(coarse), precision="bf16")
    assert second.loss == pytest.approx(first.loss, rel=0.02)
    assert {p.dtype for p in coarse.parameters()} == {torch.float32}


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_rate() -> None:
    network = make_unet(SMALL)
    (batch,) = some_batches(1)
    batch["image"][0, 0, 0, 0] = float("nan")
    with pytest.raises(TrainingError, match="after 1 steps at learning rate"):
        local_update(network, [batch], make_optimiser(network))


def test_nothing_to_train_on_and_unknown_names() -> None:
    network = make_unet(SMALL)
    with pytest.raises(TrainingError, match="no batch"):
        local_update(network, [], make_optimiser(network))
    with pytest.raises(FedLabError, match="fp16"):
        local_update(network, some_batches(), make_optimiser(network), precision="fp16")
    with pytest.raises(FedLabError, match="adam"):
        OptimiserSettings("adam")


@pytest.mark.parametrize("field", fields(OptimiserSettings), ids=lambda field: field.name)
def test_settings_of_another_type_are_refused_and_numpys_become_plain(field: Field) -> None:
    kind = type(field.default)
    for value in WRONG[kind]:
        with pytest.raises(FedLabError) as raised:
            OptimiserSettings(**{field.name: value})
        assert raised.value.case == field.name
    scalar = {float: np.float64, str: np.str_}[kind]
    made = OptimiserSettings(**{field.name: scalar(field.default)})
    assert made == OptimiserSettings()
    assert type(getattr(made, field.name)) is kind
