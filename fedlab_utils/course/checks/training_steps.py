"""Training steps on a tiny network for lesson 03: the right one, and those of likely mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def three_steps(step: Callable) -> dict:
    """Run a step three times on fresh equal networks and note what happened.

    ``said`` holds what each call did, in order: zero_grad, backward, step. Where a call raises,
    ``error`` is what it raised, and nothing follows.
    """
    import torch

    model = _Tiny()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.5)
    model.eval()
    noted = {"before": model.flat(), "weights": [], "losses": [], "said": [], "error": None}
    noted["batch changed"] = False
    _listen(model, optimiser, noted["said"])
    for number in range(3):
        noted["said"].append([])
        batch = _batch(number)
        try:
            loss = step(model, optimiser, batch)
        except Exception as error:
            noted["error"] = error
            break
        noted["losses"].append(loss)
        noted["weights"].append(model.flat())
        noted["batch changed"] |= not _same(batch, _batch(number))
    noted["training"] = model.seen_training
    return noted


def _listen(model: torch.nn.Module, optimiser: torch.optim.Optimizer, said: list[list]) -> None:
    """Write down, in the last list of ``said``, when gradients are emptied, made and used."""

    def telling(word: str, method: Callable) -> Callable:
        def call(*args: object, **kwargs: object) -> object:
            said[-1].append(word)
            return method(*args, **kwargs)

        return call

    model.zero_grad = telling("zero_grad", model.zero_grad)
    optimiser.zero_grad = telling("zero_grad", optimiser.zero_grad)
    optimiser.step = telling("step", optimiser.step)
    model.layer.bias.register_hook(lambda _: said[-1].append("backward"))


def _same(mine: dict, due: dict) -> bool:
    return mine.keys() == due.keys() and all(mine[k].equal(due[k]) for k in due)


def out_of_order(said: list[str]) -> str | None:
    """Say what a call that went wrong left out, or did in the wrong order, if that is why."""
    if "step" not in said:
        return (
            "The optimiser that you are given takes no step: call `optimiser.step()`, of that one, "
            "after `loss.backward()`."
        )
    if "backward" not in said:
        return (
            "No gradient reaches the model's weights: call `loss.backward()`, on a loss that this "
            "`model` computed, before `optimiser.step()`."
        )
    if said.index("step") < said.index("backward"):
        return (
            "`optimiser.step()` comes before `loss.backward()`, which finds the gradient that the "
            "step needs. Swap them."
        )
    if "zero_grad" in said[said.index("backward") : said.index("step")]:
        return (
            "`optimiser.zero_grad()` empties the gradients between `loss.backward()` and "
            "`optimiser.step()`: it is out of place there. Empty them first."
        )
    if (times := said.count("step")) > 1:
        often = "twice" if times == 2 else f"{times} times"
        return f"The optimiser steps {often} on one batch; call `optimiser.step()` once."
    return None


def _batch(number: int) -> dict[str, torch.Tensor]:
    """Five samples of three patients.

    A mean over samples is none over patients, and the sum over patients no gradient taken twice.
    """
    import torch

    rng = np.random.default_rng((33, number))
    image = torch.tensor(rng.normal(0, 1, (5, 4, 6, 5)), dtype=torch.float32)
    target = torch.tensor(rng.random((5, 3, 6, 5)) < 0.3, dtype=torch.float32)
    return {"image": image, "target": target, "patient": torch.tensor([0, 0, 1, 2, 2])}


def _Tiny():  # noqa: N802 - makes a class's instance; torch must not be imported above
    import torch

    class Tiny(torch.nn.Module):
        """One convolution, seeded, that notes whether it ran in training mode."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(4, 3, 1)
            rng = np.random.default_rng(34)
            with torch.no_grad():
                for p in self.layer.parameters():
                    p.copy_(torch.tensor(rng.normal(0, 0.5, p.shape), dtype=torch.float32))
            self.seen_training = True

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            self.seen_training = self.seen_training and self.training
            return self.layer(image)

        def flat(self) -> np.ndarray:
            return np.concatenate([p.detach().numpy().ravel() for p in self.parameters()])

    return Tiny()


def _step(error: Callable, answer: Callable = lambda *, loss, **_: loss.item()) -> Callable:
    """A step that is right but for the error that it minimises, or for what it returns."""

    def step(model, optimiser, batch: dict) -> object:
        model.train()
        optimiser.zero_grad()
        loss = error(model(batch["image"]), batch)
        loss.backward()
        optimiser.step()
        return answer(loss=loss, model=model, batch=batch)

    return step


def _per_patient(logits: torch.Tensor, batch: dict) -> torch.Tensor:
    from fedlab_utils.segmentation import dice_ce_loss

    return dice_ce_loss(logits, batch["target"], batch["patient"])


def _mean(logits: torch.Tensor, batch: dict) -> torch.Tensor:
    return _per_patient(logits, batch).mean()


def right_step() -> Callable:
    """The step as the lesson asks for it."""
    return _step(_mean)


def wrong_steps() -> dict[str, Callable]:
    """Diagnosis -> the step with that mistake, which spoils the weights."""
    from fedlab_utils.segmentation import dice_ce_loss

    def accumulating(model, optimiser, batch):
        model.train()
        loss = _mean(model(batch["image"]), batch)
        loss.backward()
        optimiser.step()
        return loss.item()

    def in_order(*names: str) -> Callable:
        return lambda logits, batch: dice_ce_loss(
            *((batch | {"logits": logits})[name] for name in names)
        ).mean()

    return {
        "The gradients of earlier steps add up: call `optimiser.zero_grad()` in every step": (
            accumulating
        ),
        "You minimise the sum over patients: a batch of more patients would take longer strides. "
        "Take the mean": _step(lambda *x: _per_patient(*x).sum()),
        "You leave out `patient`, so that each slice counts as a patient of its own": _step(
            in_order("logits", "target")
        ),
        "The loss takes logits and applies the sigmoid itself; you apply it before as well": _step(
            lambda logits, batch: _mean(logits.sigmoid(), batch)
        ),
        "You apply a softmax, as if the regions were rivals; the loss takes logits": _step(
            lambda logits, batch: _mean(logits.softmax(1), batch)
        ),
        "The loss wants the logits first and the target second; you give them the other way "
        "round": _step(in_order("target", "logits", "patient")),
        "The gradient is there twice: call `backward` once": _step(lambda *x: 2 * _mean(*x)),
        "You climb: the error itself is what `backward` is for, not its negative": _step(
            lambda *x: -_mean(*x)
        ),
    }


def wrong_returns() -> dict[str, Callable]:
    """Diagnosis -> the step with right weights that returns another number."""
    return {
        "You measure the error again after the step; return the one that you went by": _step(
            _mean, lambda *, model, batch, **_: _mean(model(batch["image"]), batch).item()
        ),
        "You return the sum over patients; the mean is due": _step(
            _mean, lambda *, loss, batch, **_: loss.item() * (int(batch["patient"].max()) + 1)
        ),
    }
