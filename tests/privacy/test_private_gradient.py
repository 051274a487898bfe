"""DP-SGD inside the one training loop: what is added up, what noise, and in which order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedlab_utils.errors import PrivacyBudgetError, PrivacyError
from fedlab_utils.federated import Proximal
from fedlab_utils.privacy.clipping import clipped_sum
from fedlab_utils.privacy.ledger import Ledger
from fedlab_utils.privacy.private_gradient import PrivacySettings, PrivateGradient
from fedlab_utils.privacy.randomness import SimulatedRandomness
from fedlab_utils.segmentation import OptimiserSettings, dice_ce_loss, local_update, make_optimiser
from fedlab_utils.segmentation.training import Correction


def _network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 3, 1))


def _batch(patient: list[int]) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return {
        "image": torch.randn(len(patient), 4, 6, 6, generator=draw),
        "target": (torch.rand(len(patient), 3, 6, 6, generator=draw) < 0.3).float(),
        "patient": torch.tensor(patient, dtype=torch.int64),
    }


class _Silent:
    """No noise, to see what it is added to."""

    simulated = True

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(shape)


def _private(settings: PrivacySettings, randomness=None, budget: float = float("inf"), patients=20):
    return PrivateGradient(settings, patients, Ledger(budget, accountant="rdp"), randomness)


def _train(network: nn.Module, gradient, batches, corrections=()) -> float:
    optimiser = make_optimiser(network, OptimiserSettings("sgd", 0.1, weight_decay=0.0))
    return local_update(network, batches, optimiser, corrections, gradient=gradient).loss


def test_the_step_is_the_clipped_sum_over_the_expected_number() -> None:
    network, batch = _network(), _batch([0, 0, 1, 2])
    before = [p.detach().clone() for p in network.parameters()]
    total, norms, losses = clipped_sum(network, batch, dice_ce_loss, 0.3)
    private = _private(PrivacySettings(bound=0.3, noise=1.0, rate=0.25), _Silent())
    assert _train(network, private, [batch]) == 0  # the loss stays in the hospital
    assert (private.norms, private.losses) == (norms, losses)
    for old, new, part in zip(before, network.parameters(), total, strict=True):
        torch.testing.assert_close(new, old - 0.1 * part / 5)  # 0.25 of 20, not the 3 that came


def test_the_noise_has_the_deviation_that_the_ledger_was_charged_for() -> None:
    network = _network()
    settings = PrivacySettings(bound=2.0, noise=1.5, rate=0.5)
    private = _private(settings, patients=8)
    drawn = []
    for _ in range(300):
        network.zero_grad(set_to_none=True)
        private(network, _batch([]), dice_ce_loss)
        drawn.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    drawn = torch.stack(drawn)
    assert float(drawn.std()) == pytest.approx(2.0 * 1.5 / 4, rel=0.02)
    assert abs(float(drawn.mean())) < 0.01
    assert private.ledger.history == [(1.5, 0.5, 300)]


def test_a_seed_gives_the_same_bits_and_the_system_does_not() -> None:
    def run(randomness) -> torch.Tensor:
        network = _network()
        _train(network, _private(PrivacySettings(), randomness), [_batch([0, 1])] * 2)
        return torch.cat([p.detach().flatten() for p in network.parameters()])

    quiet = {"say": lambda _: None}
    first, again = (run(SimulatedRandomness(4, **quiet)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(run(None), run(None))


def test_the_charge_comes_first_and_a_broken_budget_stops_the_step() -> None:
    network, batch = _network(), _batch([0, 1])
    private = _private(PrivacySettings(noise=1.0, rate=0.1), budget=1.5)
    allowed = private.ledger.left(1.0, 0.1)
    taken = []

    def loss(*told):
        taken.append(private.ledger.history[0][2])  # what is charged when a step computes
        return dice_ce_loss(*told)

    optimiser = make_optimiser(network, OptimiserSettings("sgd", 0.1))
    with pytest.raises(PrivacyBudgetError):
        local_update(network, [batch] * (allowed + 3), optimiser, loss=loss, gradient=private)
    assert taken == [step for step in range(1, allowed + 1) for _ in range(2)]
    assert private.ledger.spent() <= 1.5


def test_fedprox_pulls_outside_the_noise() -> None:
    """Its term looks at weights only: it is not clipped, and moves the step by mu (w - w0)."""
    free, tied = _network(), _network()
    batches = [_batch([0, 1]), _batch([1, 1])]
    settings = PrivacySettings(bound=0.5, noise=1.0, rate=0.1)
    _train(free, _private(settings, _Silent()), batches[:1])
    moved = [p.detach().clone() for p in free.parameters()]
    _train(free, _private(settings, _Silent()), batches[1:])
    _train(tied, _private(settings, _Silent()), batches, [Proximal(0.7)])
    for start, once, twice, pulled in zip(
        _network().parameters(), moved, free.parameters(), tied.parameters(), strict=True
    ):
        torch.testing.assert_close(pulled, twice - 0.1 * 0.7 * (once - start))


class _Looks(Correction):
    def __init__(self, at: str) -> None:
        self.at = at

    def loss(self, model, batch, logits):  # noqa: ARG002
        return logits.square().mean() if self.at == "logits" else batch["image"].mean()


@pytest.mark.parametrize("at", ["logits", "batch"])
def test_a_term_that_looks_at_patients_is_refused(at: str) -> None:
    with pytest.raises(PrivacyError, match="_Looks: its term of the loss looks at patients"):
        _train(_network(), _private(PrivacySettings()), [_batch([0])], [_Looks(at)])


def test_batch_statistics_are_refused_before_anything_is_charged() -> None:
    private = _private(PrivacySettings())
    with pytest.raises(PrivacyError, match="BatchNorm2d"):
        _train(nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 3, 1)), private, [_batch([0])])
    assert private.ledger.history == []


@pytest.mark.parametrize(
    ("name", "value"), [("bound", 0), ("bound", float("inf")), ("noise", -1), ("rate", 1.2)]
)
def test_settings_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(PrivacyError, match=name):
        PrivacySettings(**{name: value})
