"""Checks of lesson 03: regions back to labels, soft Dice, one training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.course.checks import (
    Wrong,
    as_array,
    as_number,
    describe,
    judge,
    refuse_other_type,
)
from fedlab_utils.course.checks.decodings import places_of, written, wrong_labels
from fedlab_utils.course.checks.soft_dices import refuse_shape, right_dice, wrong_dices
from fedlab_utils.course.checks.training_steps import (
    out_of_order,
    right_step,
    three_steps,
    wrong_returns,
    wrong_steps,
)
from fedlab_utils.course.guard import Answer

if TYPE_CHECKING:
    import torch

_NEAR = {"rtol": 1e-4, "atol": 1e-5}


def regions_to_labels(answer: Answer) -> str:
    """Random probabilities, nested or not, with some of exactly one half."""
    rng = np.random.default_rng(31)
    for size in ((7, 5), (6, 9)):
        probability = rng.choice([0.0, 0.2, 0.4, 0.5, 0.6, 0.9], (3, *size))
        given = answer(probability)
        got = as_array(given, size)
        want = written((2, 1, 0), probability >= 0.5)
        if np.array_equal(got, want):
            refuse_other_type(given, np.uint8)
        slips = {text: slip.ravel() for text, slip in wrong_labels(probability).items()}
        judge(
            got.ravel(),
            want.ravel(),
            slips,
            case=f"a map of {size[0]} x {size[1]} pixels",
            places=places_of(probability),
        )
    return "The order of the three lines is the whole rule: the innermost region has the last word."


def soft_dice(answer: Answer) -> str:
    """Patients of two and three slices, one of them without enhancing tumour."""
    import torch

    rng = np.random.default_rng(32)
    for slices, empty in ((2, False), (3, True)):
        probability = rng.uniform(0, 1, (slices, 3, 4, 5))
        target = (rng.random((slices, 3, 4, 5)) < 0.4).astype(float)
        if empty:
            target[:, 0] = 0
        given = torch.tensor(probability, requires_grad=True), torch.tensor(target)
        got = answer.given(*given)
        if not np.array_equal(given[1].detach().numpy(), target):
            raise Wrong("You change `target`, which the caller still needs: make new tensors.")
        _judge_soft_dice(got, probability, target)
        _judge_gradient(got, given[0], target)
    return "Its slope does not vanish where prediction and truth do not meet yet: that is its use."


def _judge_soft_dice(got: object, p: np.ndarray, t: np.ndarray) -> None:
    import torch

    if got is None:
        raise Wrong("Your function returns `None`. Did you forget the `return`?")
    if not isinstance(got, torch.Tensor):
        raise Wrong(f"Return a torch tensor, so that a gradient can flow; not {describe(got)}.")
    refuse_shape(tuple(got.shape), p.shape)
    value = as_array(got, (3,))
    case = f"a patient of {len(p)} slices"
    judge(value, right_dice(p, t), wrong_dices(p, t), case=case, **_NEAR)


def _judge_gradient(got: torch.Tensor, probability: torch.Tensor, target: np.ndarray) -> None:
    """A right value may come without a slope, by ``detach`` or through numpy."""
    if got.requires_grad:
        got.sum().backward()
    if probability.grad is None:
        raise Wrong(
            "The value is right, but no gradient flows back: stay with torch operations, without "
            "`detach`, `item`, numpy, or a new `torch.tensor(...)` of the results."
        )
    p, t = probability.detach().numpy(), target
    shared, total = ((x).sum((0, 2, 3), keepdims=True) for x in (p * t, p + t))
    due = 2 * t / (total + 1) - (2 * shared + 1) / (total + 1) ** 2
    if not np.allclose(probability.grad.numpy(), due, **_NEAR):
        raise Wrong("The value is right, but a part of its gradient is lost.")


def training_step(answer: Answer) -> str:
    """Three steps with momentum of a tiny network, next to the same steps done right."""
    got, want = three_steps(answer.given), three_steps(right_step())
    _refuse_wrong_conduct(got)
    slips = {diagnosis: three_steps(step) for diagnosis, step in wrong_steps().items()}
    for number, (mine, due) in enumerate(zip(got["weights"], want["weights"], strict=True)):
        if not np.allclose(mine, due, **_NEAR) and (slip := out_of_order(got["said"][number])):
            raise Wrong(slip)
        named = {text: slip["weights"][number] for text, slip in slips.items()}
        case = f"the weights after step {number + 1}"
        if number == 0 and not any(np.allclose(mine, x, **_NEAR) for x in named.values()):
            case += _about_the_loss(got["losses"][0], want["losses"][0])
        judge(mine, due, named, case=case, **_NEAR)
    _judge_losses(got["losses"], want["losses"])
    return "FedProx and SCAFFOLD each add to one of these lines; privacy takes `backward` apart."


def _refuse_wrong_conduct(got: dict) -> None:
    """Refuse what can be told without the right weights: order, mode, what happens to the batch."""
    still = bool(got["weights"]) and np.array_equal(got["weights"][0], got["before"])
    last = got["said"][-1]
    if got["error"] is not None:
        early = "step" in last and "backward" not in last
        slip = out_of_order(got["said"][0] if still else [*last, "backward"])
        if slip and (still or early):
            raise Wrong(slip)
        raise got["error"]
    if got["losses"][0] is None:
        raise Wrong("Your function returns `None`. Did you forget the `return`?")
    if not got["training"]:
        raise Wrong(
            "The model is in evaluation mode during your step: call `model.train()` first. Dropout "
            "and batch statistics behave differently in it. This network has neither; your step "
            "should serve any."
        )
    if still and (slip := out_of_order(got["said"][0])):
        raise Wrong(slip)
    if got["batch changed"]:
        raise Wrong(
            "Your step changes `batch`, the dict that it is given, or a tensor in it. Whoever "
            "calls it still needs that: make new ones."
        )


def _about_the_loss(got: object, due: float) -> str:
    """Words that say where to look for a mistake that has no name: in the loss, or after it."""
    try:
        right = np.isclose(as_number(got), due, **_NEAR)
    except Wrong:
        return ""
    if right:
        return ", whose loss is right, so that the mistake comes after it"
    return ", whose loss is another than the mean of `dice_ce_loss(logits, target, patient)`"


def _judge_losses(got: list, want: list[float]) -> None:
    slips = {diagnosis: three_steps(step)["losses"] for diagnosis, step in wrong_returns().items()}
    for number, (mine, due) in enumerate(zip(got, want, strict=True)):
        if type(mine).__module__ == "torch":
            why = ", which keeps the whole graph in memory" if mine.requires_grad else ""
            raise Wrong(f"You return a tensor{why}; a plain number is due: `return loss.item()`.")
        loss = as_number(mine, "Your function")
        named = {text: losses[number] for text, losses in slips.items()}
        judge(loss, due, named, case=f"the loss that step {number + 1} returns", **_NEAR)
