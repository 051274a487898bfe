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
from fedlab_utils.course.checks.training_steps import right_step, three_steps, wrong_steps
from fedlab_utils.course.guard import Answer
from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA

if TYPE_CHECKING:
    import torch

_NEAR = {"rtol": 1e-4, "atol": 1e-5}


def regions_to_labels(answer: Answer) -> str:
    """Random probabilities, nested or not, with some of exactly one half."""
    rng = np.random.default_rng(31)
    for size in ((7, 5), (6, 9)):
        probability = rng.choice([0.0, 0.2, 0.4, 0.5, 0.6, 0.9], (3, *size))
        _one_decoding(answer, probability)
    return "The order of the three lines is the whole rule: the innermost region has the last word."


def _one_decoding(answer: Answer, probability: np.ndarray) -> None:
    names = (ENHANCING, NECROSIS, OEDEMA)

    def written(order: tuple[int, ...], yes: np.ndarray) -> np.ndarray:
        labels = np.zeros(yes.shape[1:], np.uint8)
        for channel in order:
            labels[yes[channel]] = names[channel]
        return labels

    yes = probability >= 0.5
    surest = np.where(yes.any(0), np.array(names)[probability.argmax(0)], 0)
    alone = np.zeros(yes.shape[1:], np.uint8)
    for channel in (2, 1, 0):
        alone[yes[channel:].all(0)] = names[channel]
    mistakes = {
        "The outer region overwrites the inner one: write the largest first": written(
            (0, 1, 2), yes
        ),
        "A probability of exactly one half counts as yes: `>=`": written(
            (2, 1, 0), probability > 0.5
        ),
        "You take the region with the largest probability. The three are nested, not rivals: WT is "
        "nearly always the surest": surest,
        "You demand that the outer regions say yes too. Where they disagree, the inner region "
        "wins here": alone,
        "The order of the channels is ET, TC, WT; you read them the other way round": written(
            (2, 1, 0), yes[::-1]
        ),
    }
    given = answer(probability)
    got = as_array(given, yes.shape[1:])
    want = written((2, 1, 0), yes)
    if np.array_equal(got, want):
        refuse_other_type(given, np.uint8)
    judge(got, want, mistakes, case="three maps of probabilities")


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
        if not np.array_equal(given[1].numpy(), target):
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
    every, flat = (0, 2, 3), (2, 3)

    def ratio(shared: np.ndarray, total: np.ndarray, smooth: float = 1.0) -> np.ndarray:
        return (2 * shared + smooth) / (total + smooth)

    shared, total = (p * t).sum(every), (p + t).sum(every)
    hard = (p >= 0.5).astype(float)
    mistakes = {
        "You take a Dice of each slice and average. A patient's slices belong together: sum over "
        "slices too": ratio((p * t).sum(flat), (p + t).sum(flat)).mean(0),
        "You cut the probabilities at one half. A step has no slope: use them as they are": ratio(
            (hard * t).sum(every), (hard + t).sum(every)
        ),
        "The 1 is missing below the fraction line": (2 * shared + 1) / total,
        "The 1 is missing above the fraction line": 2 * shared / (total + 1),
        "The 1 is missing above and below: a region that is empty in both would give 0 / 0": (
            2 * shared / total
        ),
        "The 2 before the shared sum is missing": ratio(shared / 2, total),
        "The 1 belongs outside the bracket: twice the shared sum, then plus 1": (2 * (shared + 1))
        / (total + 1),
        "You divide by the union; Dice divides by the sum of both": (shared + 1)
        / (total - shared + 1),
        "That is the loss, 1 - Dice; the Dice itself is due": 1 - ratio(shared, total),
        "The input is a probability already; you apply the sigmoid again": ratio(
            (_sigmoid(p) * t).sum(every), (_sigmoid(p) + t).sum(every)
        ),
        "You take means; with a 1 above and below only sums are right": ratio(
            shared / p[:, 0].size, total / p[:, 0].size
        ),
        "You square the probabilities below, as Milletari's paper does; here they are summed as "
        "they are": ratio(shared, (p**2 + t**2).sum(every)),
    }
    if tuple(got.shape) == ():
        raise Wrong("Return three numbers, one for each region, not their mean.")
    value = as_array(got.detach().numpy(), (3,))
    judge(value, ratio(shared, total), mistakes, case=f"a patient of {len(p)} slices", **_NEAR)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def _judge_gradient(got: torch.Tensor, probability: torch.Tensor, target: np.ndarray) -> None:
    """A right value may come without a slope, by ``detach`` or through numpy."""
    if not got.requires_grad:
        raise Wrong(
            "The value is right, but no gradient flows back: stay with torch operations, without "
            "`detach`, `item` or numpy."
        )
    got.sum().backward()
    p, t = probability.detach().numpy(), target
    shared, total = ((x).sum((0, 2, 3), keepdims=True) for x in (p * t, p + t))
    due = 2 * t / (total + 1) - (2 * shared + 1) / (total + 1) ** 2
    if not np.allclose(probability.grad.numpy(), due, **_NEAR):
        raise Wrong("The value is right, but a part of its gradient is lost.")


def training_step(answer: Answer) -> str:
    """Three steps with momentum of a tiny network, next to the same steps done right."""
    got = three_steps(answer.given)
    want = three_steps(right_step)
    mistakes = {diagnosis: three_steps(step) for diagnosis, step in wrong_steps().items()}
    if not got["training"]:
        raise Wrong(
            "The model is in evaluation mode during your step: call `model.train()` first. Dropout "
            "and batch statistics behave differently in it. This network has neither; your step "
            "should serve any."
        )
    if np.array_equal(got["weights"][0], got["before"]):
        raise Wrong(
            "The weights did not change. In this order: `optimiser.zero_grad()`, "
            "`loss.backward()`, `optimiser.step()`; one is missing or out of place."
        )
    for number, (mine, due) in enumerate(zip(got["weights"], want["weights"], strict=True)):
        named = {text: slip["weights"][number] for text, slip in mistakes.items()}
        judge(mine, due, named, case=f"the weights after step {number + 1}", **_NEAR)
    for number, (mine, due) in enumerate(zip(got["losses"], want["losses"], strict=True)):
        if type(mine).__module__ == "torch":
            raise Wrong(
                "You return a tensor, which keeps the whole graph in memory: `return loss.item()`."
            )
        loss = as_number(mine, "Your function")
        judge(loss, due, {}, case=f"the loss that step {number + 1} returns", **_NEAR)
    return "FedProx and SCAFFOLD each add to one of these lines; privacy takes `backward` apart."
