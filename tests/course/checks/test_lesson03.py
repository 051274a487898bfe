"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
import torch

from fedlab_utils.segmentation import dice_ce_loss
from tests.course.checks.right import assert_accepted, message_to


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
    assert "one number" in message_to("training_step", returns_nothing)
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
