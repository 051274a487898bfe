"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedlab_utils.segmentation import dice_ce_loss
from tests.course.checks.right import assert_accepted, message_to

EVERY = (0, 2, 3)


def labels_by_select(probability):
    return np.select(list(probability >= 0.5), [3, 1, 2], 0).astype(np.uint8)


def labels_by_where(probability):
    et, tc, wt = (p >= 0.5 for p in probability)
    return np.where(et, 3, np.where(tc, 1, np.where(wt, 2, 0))).astype("uint8")


def dice_by_flattening(probability, target):
    p, t = (x.transpose(0, 1).flatten(1) for x in (probability, target))
    return (2 * torch.einsum("rn,rn->r", p, t) + 1) / (p.sum(1) + t.sum(1) + 1)


def step_in_another_order(model, optimiser, batch):
    model.train(True)
    loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
    optimiser.zero_grad(set_to_none=False)
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def test_other_ways_to_be_right() -> None:
    assert_accepted("regions_to_labels", labels_by_select)
    assert_accepted("regions_to_labels", labels_by_where)
    assert_accepted("regions_to_labels", lambda p: labels_by_where(p).tolist())
    assert_accepted("soft_dice", dice_by_flattening)
    assert_accepted("training_step", step_in_another_order)


def test_types_and_shapes_are_named() -> None:
    assert "uint8" in message_to("regions_to_labels", lambda p: labels_by_select(p).astype(int))
    assert "shape" in message_to("regions_to_labels", lambda p: p)
    assert "torch tensor" in message_to("soft_dice", lambda *_: [0.1, 0.2, 0.3])
    mean = lambda p, t: dice_by_flattening(p, t).mean()  # noqa: E731
    assert "three numbers" in message_to("soft_dice", mean)


def test_slips_of_the_soft_dice_get_their_name() -> None:
    def loss(p, t):
        return 1 - dice_by_flattening(p, t)

    def squared(p, t):
        total = (p**2 + t**2).sum((0, 2, 3))
        return (2 * (p * t).sum((0, 2, 3)) + 1) / (total + 1)

    def unsmoothed(p, t):
        return 2 * (p * t).sum((0, 2, 3)) / (p + t).sum((0, 2, 3))

    assert "the loss" in message_to("soft_dice", loss)
    assert "square" in message_to("soft_dice", squared)
    assert "0 / 0" in message_to("soft_dice", unsmoothed)


def test_slips_of_the_step_get_their_name() -> None:
    def in_evaluation(model, optimiser, batch):
        model.eval()
        optimiser.zero_grad()
        loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def summed(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).sum()
        loss.backward()
        optimiser.step()
        return loss.item()

    def returns_nothing(model, optimiser, batch):
        step_in_another_order(model, optimiser, batch)

    def two_steps(model, optimiser, batch):
        loss = step_in_another_order(model, optimiser, batch)
        optimiser.step()
        return loss

    assert "model.train()" in message_to("training_step", in_evaluation)
    assert "mean" in message_to("training_step", summed)
    assert "return" in message_to("training_step", returns_nothing)
    assert "twice" in message_to("training_step", two_steps)


def test_a_tensor_a_missing_backward_and_a_changed_target_are_told_apart() -> None:
    def a_tensor(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        return loss

    def emptied_too_late(model, optimiser, batch):
        model.train()
        loss = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.zero_grad()
        optimiser.step()
        return loss.item()

    def changes_target(p, t):
        result = dice_by_flattening(p, t.clone())
        t *= 0
        return result

    def twice_squashed(p, t):
        return dice_by_flattening(torch.sigmoid(p), t)

    def means(p, t):
        shared, total = ((x).mean((0, 2, 3)) for x in (p * t, p + t))
        return (2 * shared + 1) / (total + 1)

    assert "loss.item()" in message_to("training_step", a_tensor)
    assert "out of place" in message_to("training_step", emptied_too_late)
    assert "change `target`" in message_to("soft_dice", changes_target)
    assert "sigmoid again" in message_to("soft_dice", twice_squashed)
    assert "only sums" in message_to("soft_dice", means)


def written(probability, order=((2, 2), (1, 1), (0, 3))):
    """Write labels, pairs of channel and number, over one another."""
    labels = np.zeros(probability.shape[1:], np.uint8)
    for channel, number in order:
        labels[probability[channel] >= 0.5] = number
    return labels


def conflicting(probability):
    et, tc, wt = probability >= 0.5
    labels = np.zeros(probability.shape[1:], np.uint8)
    labels[et] = 3
    labels[tc & ~et] = 1
    labels[wt & ~tc] = 2
    return labels


def added(probability, names=(1, 1, 1)):
    return sum(n * (p >= 0.5).astype(np.uint8) for n, p in zip(names, probability, strict=True))


NAMES = np.array([3, 1, 2], np.uint8)
WRONG_LABELS = {
    "You write 4": lambda p: written(p, ((2, 2), (1, 1), (0, 4))),
    "number the regions 1, 2, 3": lambda p: written(p, ((2, 3), (1, 2), (0, 1))),
    "number the regions 3, 2, 1": lambda p: written(p, ((2, 1), (1, 2), (0, 3))),
    "You swap": lambda p: written(p, ((2, 2), (1, 3), (0, 1))),
    "TC overwrites ET": lambda p: written(p, ((2, 2), (0, 3), (1, 1))),
    "WT overwrites TC": lambda p: written(p, ((1, 1), (2, 2), (0, 3))),
    "WT overwrites ET": conflicting,
    "WT is missing": lambda p: written(p, ((1, 1), (0, 3))),
    "TC is missing": lambda p: written(p, ((2, 2), (0, 3))),
    "add the regions up": added,
    "add the labels up": lambda p: added(p, (3, 1, 2)),
    "the label is 0": lambda p: NAMES[(p >= 0.5).argmax(0)],
    "none reaches one half": lambda p: NAMES[p.argmax(0)],
    "return its place": lambda p: p.argmax(0).astype(np.uint8),
    "not at 0": lambda p: labels_by_select(p + 0.49),
    "sigmoid again": lambda p: labels_by_select(1 / (1 + np.exp(-p))),
}


@pytest.mark.parametrize(("diagnosis", "answer"), WRONG_LABELS.items())
def test_wrong_labels_get_their_name(diagnosis: str, answer: object) -> None:
    message = message_to("regions_to_labels", answer)
    assert diagnosis in message
    assert ", where ET is 0" in message


def ratio(shared, total):
    return (2 * shared + 1) / (total + 1)


def sums(p, t):
    return (p * t).sum(EVERY), (p + t).sum(EVERY)


WRONG_DICES = {
    "Brackets are missing: divide all": lambda s, n, *_: 2 * s + 1 / n + 1,
    "Brackets are missing below": lambda s, n, *_: (2 * s + 1) / n + 1,
    "Brackets are missing above": lambda s, n, *_: 2 * s + 1 / (n + 1),
    "added once": lambda s, n, *_: (2 * s + 1) / (n + 2),
    "take the shared part off": lambda s, n, *_: ratio(s, n - s),
    "negative": lambda s, n, *_: -ratio(s, n),
    "you multiply the sums": lambda _, n, p, t: ratio(p.sum(EVERY) * t.sum(EVERY), n),
    "you multiply them": lambda s, _, p, t: ratio(s, p.sum(EVERY) * t.sum(EVERY)),
    "lacks the target": lambda s, _, p, __: ratio(s, p.sum(EVERY)),
    "lacks the probabilities": lambda s, _, __, t: ratio(s, t.sum(EVERY)),
    "divide once (": lambda _, __, p, t: ((2 * p * t + 1) / (p + t + 1)).mean(EVERY),
    "divide once for all": lambda _, __, p, t: ((2 * p * t + 1) / (p + t + 1)).sum(EVERY),
    "above the fraction line too": lambda _, n, p, t: ratio(((p >= 0.5) * t).sum(EVERY), n),
    "below the fraction line too": lambda s, _, p, t: ratio(s, ((p >= 0.5) + t).sum(EVERY)),
    "A logical and": lambda _, n, p, t: ratio(torch.logical_and(p, t).sum(EVERY), n),
    "You return one number; three numbers": lambda s, n, *_: ratio(s, n).sum(),
    "number for each slice": lambda _, __, p, t: ratio((p * t).sum((1, 2, 3)), 1),
    "number for each column": lambda _, __, p, t: ratio((p * t).sum((0, 1, 2)), 1),
    "shape (2, 3)": lambda _, __, p, t: ratio((p * t).sum((2, 3)), 1),
    "`keepdim`": lambda _, __, p, t: ratio((p * t).sum(EVERY, keepdim=True), 1),
    "no gradient flows back": lambda s, n, *_: ratio(s, n).detach().requires_grad_(),
}


@pytest.mark.parametrize(("diagnosis", "formula"), WRONG_DICES.items())
def test_wrong_formulas_get_their_name(diagnosis: str, formula: object) -> None:
    message = message_to("soft_dice", lambda p, t: formula(*sums(p, t), p, t))
    assert diagnosis in message
    assert "ndarray" not in message, "a tensor was returned"


def test_a_target_that_takes_part_in_the_gradient_was_changed() -> None:
    def multiplied_in_place(p, t):
        total = (p + t).sum(EVERY)
        return ratio(t.mul_(p).sum(EVERY), total)

    assert "change `target`" in message_to("soft_dice", multiplied_in_place)


def stepping(*words: str, loss=lambda e: e.mean(), answer=lambda loss, _: loss.item()):
    """A step that does these things in this order, the forward pass before them or where said."""

    def step(model, optimiser, batch):
        model.train()
        done = {"zero": optimiser.zero_grad, "step": optimiser.step}
        error = None
        for word in words:
            if word == "forward":
                each = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"])
                error = loss(each)
            elif word == "backward":
                error.backward(retain_graph=True)
            else:
                done[word]()
        return answer(error, batch)

    return step


RIGHT = ("zero", "forward", "backward", "step")


@pytest.mark.parametrize(
    ("diagnosis", "step"),
    {
        "Swap them": stepping("zero", "forward", "step", "backward"),
        "before `loss.backward()`, which": stepping("forward", "step", "backward"),
        "comes before": stepping("forward", "step", "zero", "backward"),
        "takes no step": stepping("zero", "forward", "backward"),
        "No gradient reaches": stepping("zero", "forward", "step"),
        "between `loss.backward()` and": stepping("forward", "backward", "zero", "step"),
        "steps 3 times": stepping(*RIGHT, "step", "step"),
        "call `backward` once": stepping("zero", "forward", "backward", "backward", "step"),
        "mistake comes after it": stepping(*RIGHT, loss=lambda e: e[0], answer=lambda *_: 1.35571),
        "sum over patients": stepping(*RIGHT, loss=lambda e: e.sum()),
        "You climb": stepping(*RIGHT, loss=lambda e: -e.mean()),
        "is another than the mean": stepping(*RIGHT, loss=lambda e: e[0]),
        "sum over patients; the mean": stepping(*RIGHT, answer=lambda loss, _: 3 * loss.item()),
        "changes `batch`": stepping(*RIGHT, answer=lambda loss, b: [loss.item(), b.pop("patient")]),
        "return a tensor; a plain": stepping(*RIGHT, answer=lambda loss, _: loss.detach()),
    }.items(),
)
def test_steps_out_of_order_get_their_name(diagnosis: str, step: object) -> None:
    assert diagnosis in message_to("training_step", step)


def test_an_optimiser_of_one_s_own_is_noticed() -> None:
    def step(model, optimiser, batch):  # noqa: ARG001
        own = torch.optim.SGD(model.parameters(), lr=0.3)
        return stepping(*RIGHT)(model, own, batch)

    assert "that you are given takes no step" in message_to("training_step", step)


def test_the_loss_is_handed_its_arguments_the_other_way_round_or_after_the_step() -> None:
    def swapped(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        loss = dice_ce_loss(batch["target"], model(batch["image"]), batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def softmax(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        logits = model(batch["image"]).softmax(1)
        loss = dice_ce_loss(logits, batch["target"], batch["patient"]).mean()
        loss.backward()
        optimiser.step()
        return loss.item()

    def again(model, optimiser, batch):
        stepping(*RIGHT)(model, optimiser, batch)
        logits = model(batch["image"])
        return dice_ce_loss(logits, batch["target"], batch["patient"]).mean().item()

    assert "the other way round" in message_to("training_step", swapped)
    assert "softmax" in message_to("training_step", softmax)
    assert "again after the step" in message_to("training_step", again)


def test_an_error_of_the_answer_s_own_keeps_its_words() -> None:
    def wrong_key(model, optimiser, batch):  # noqa: ARG001
        return model(batch["images"])

    assert "KeyError: 'images'" in message_to("training_step", wrong_key)


def test_gradients_may_come_patient_by_patient_and_from_a_closure() -> None:
    def by_patient(model, optimiser, batch):
        model.train()
        optimiser.zero_grad()
        each = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"])
        for loss in each:
            (loss / len(each)).backward(retain_graph=True)
        optimiser.step()
        return each.mean().item()

    def closure(model, optimiser, batch):
        model.train()

        def loss():
            model.zero_grad()
            error = dice_ce_loss(model(batch["image"]), batch["target"], batch["patient"]).mean()
            error.backward()
            return error

        return optimiser.step(loss).item()

    assert_accepted("training_step", by_patient)
    assert_accepted("training_step", closure)
