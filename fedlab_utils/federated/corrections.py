"""What FedProx and SCAFFOLD add to a hospital's training step: the loop itself stays as it is.

A hospital that takes many steps alone walks towards its own optimum, away from what all hospitals
together want: *client drift*. FedProx ties it to where it started, SCAFFOLD turns each step by what
is known of the others' gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from fedlab_utils.errors import TrainingError
from fedlab_utils.segmentation.loss import dice_ce_loss
from fedlab_utils.segmentation.training import Correction, Update, products_in

if TYPE_CHECKING:
    import torch
    from torch import nn


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are trained, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


class Proximal(Correction):
    """FedProx: a pull back to the weights that the round began with.

    Adds ``mu / 2`` times the sum over all weights of the squared difference to the loss (Li et al.
    2020, Federated optimization in heterogeneous networks, MLSys, arXiv:1812.06127, equation 2).
    With ``mu = 0`` nothing is added, and training gives FedAvg's bits.

    Parameters
    ----------
    mu
        Strength of the pull, 0 or more.

    Raises
    ------
    TrainingError
        If it is negative or no number.
    """

    def __init__(self, mu: float) -> None:
        if not 0 <= mu < float("inf"):
            raise TrainingError("FedProx", f"mu is {mu}", "Pass a number of 0 or more")
        self.mu = mu
        self._start: dict[str, torch.Tensor] = {}

    def begin(self, model: nn.Module) -> None:
        """Remember the weights that came from the server."""
        self._start = {name: p.detach().clone() for name, p in trained(model).items()}

    def loss(
        self,
        model: nn.Module,
        batch: dict[str, torch.Tensor],  # noqa: ARG002
        logits: torch.Tensor,  # noqa: ARG002
    ) -> torch.Tensor | None:
        """Return the pull as a term of the loss."""
        if self.mu == 0:
            return None
        squared = [(p - self._start[name]).square().sum() for name, p in trained(model).items()]
        return self.mu / 2 * sum(squared)


class ControlVariates(Correction):
    """SCAFFOLD: each step is turned by what the others' gradients were, less the hospital's own.

    To each gradient ``server - own`` is added (Karimireddy et al. 2020, SCAFFOLD: stochastic
    controlled averaging for federated learning, ICML, arXiv:1910.06378, algorithm 1, line 10). With
    both at zero, plain SGD gives FedAvg's bits. After the last step :attr:`new` holds the
    hospital's next control variate by option II, ``own - server + (x - y) / (K * eta)``, which
    costs nothing; for option I see :func:`gradient_at`.

    The theory, and option II, assume plain SGD at a constant learning rate.

    Parameters
    ----------
    server, own
        Name of a parameter -> its control variate, of the parameter's shape.

    Attributes
    ----------
    new
        The next ``own``, after the last step.
    """

    def __init__(self, server: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> None:
        self.server, self.own = dict(server), dict(own)
        self.new: dict[str, torch.Tensor] = {}
        self._start: dict[str, torch.Tensor] = {}

    def begin(self, model: nn.Module) -> None:
        """Remember the weights that came from the server.

        Raises
        ------
        TrainingError
            If a control variate is missing, left over, or has another shape than its parameter.
        """
        due = {name: tuple(p.shape) for name, p in trained(model).items()}
        for whose, variates in (("server", self.server), ("hospital", self.own)):
            found = {name: tuple(value.shape) for name, value in variates.items()}
            wrong = sorted(n for n in due.keys() | found.keys() if due.get(n) != found.get(n))
            if wrong:
                raise TrainingError(
                    "SCAFFOLD",
                    f"the {whose}'s control variate of {wrong[0]} has the shape "
                    f"{found.get(wrong[0])}, its parameter {due.get(wrong[0])}",
                    "Start with zero_variates(model), and keep model and variates together",
                )
        self._start = {name: p.detach().clone() for name, p in trained(model).items()}

    def gradient(self, model: nn.Module) -> None:
        """Turn the gradient."""
        for name, parameter in trained(model).items():
            if parameter.grad is None:
                raise TrainingError(
                    "SCAFFOLD",
                    f"the parameter {name} got no gradient",
                    "Freeze what the loss does not depend on with requires_grad_(False)",
                )
            parameter.grad += self.server[name] - self.own[name]

    def end(self, model: nn.Module, update: Update) -> None:
        """Compute the next control variate by option II."""
        walked = update.steps * update.learning_rate
        if not walked > 0:
            raise TrainingError(
                "SCAFFOLD",
                f"the learning rate is {update.learning_rate}",
                "Take a constant learning rate above 0",
            )
        self.new = {
            name: self.own[name] - self.server[name] + (self._start[name] - p.detach()) / walked
            for name, p in trained(model).items()
        }


def zero_variates(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the control variates that server and hospitals begin with: zeros."""
    import torch

    return {name: torch.zeros_like(p) for name, p in trained(model).items()}


def gradient_at(
    model: nn.Module,
    batches: Iterable[dict[str, torch.Tensor]],
    loss: Callable[..., torch.Tensor] = dice_ce_loss,
    precision: str = "fp32",
) -> dict[str, torch.Tensor]:
    """Return the mean gradient over batches at the model's weights: SCAFFOLD's option I.

    Parameters
    ----------
    model
        Holding the weights that came from the server. Its weights are not changed; running
        averages of a batch normalisation move, as in any forward pass while training.
    batches, loss, precision
        As :func:`fedlab_utils.segmentation.local_update`. Batches count equally.

    Raises
    ------
    TrainingError
        If there is no batch.
    """
    import torch

    parameters = trained(model)
    model.train()
    total, count = zero_variates(model), 0
    device = next(model.parameters()).device
    for batch in batches:
        batch = {name: value.to(device, non_blocking=True) for name, value in batch.items()}
        with products_in(precision, device):
            logits = model(batch["image"])
        value = loss(logits, batch["target"], batch["patient"]).mean()
        for name, part in zip(
            parameters, torch.autograd.grad(value, list(parameters.values())), strict=True
        ):
            total[name] += part
        count += 1
    if not count:
        raise TrainingError("SCAFFOLD", "there was no batch", "Give it at least one patient")
    return {name: value / count for name, value in total.items()}
