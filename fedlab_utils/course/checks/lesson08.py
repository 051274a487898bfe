"""Checks of lesson 08: a linear layer's input, the gap between gradients, and an advantage."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import judge
from fedlab_utils.course.guard import Answer


def linear_leak(answer: Answer) -> str:
    """Layers of different sizes; other outputs do not reach the loss each time."""
    rng = np.random.default_rng(81)
    for outputs, inputs, negative, idle in ((4, 3, 1, [0]), (3, 5, 0, [1, 2])):
        given, slope = rng.normal(0, 2, inputs), rng.normal(0, 1, outputs)
        slope[idle], slope[negative] = 0.0, -abs(slope[negative])
        weight = np.outer(slope, given)
        largest = np.argmax(np.abs(slope))
        with np.errstate(invalid="ignore", divide="ignore"):
            nothing = weight[idle[0]] / slope[idle[0]]
        judge(
            answer(weight, slope),
            given,
            {
                "That is the input times an entry of the bias's gradient: divide by it": weight[
                    largest
                ],
                "You divide by an entry that is 0: that output did not reach the loss. Take rows "
                "whose bias gradient is not": nothing,
                "The signs cancel: the sum of rows belongs to the sum of the entries with their "
                "signs": weight.sum(0) / np.abs(slope).sum(),
                "You take the absolute values; intensities have signs": np.abs(given),
                "You multiply by the bias's gradient; divide by it": weight[largest]
                * slope[largest],
            },
            case=f"{outputs} outputs of {inputs} inputs",
        )
    return "No search, no training, no luck: it is written there."


def gradient_gap(answer: Answer) -> str:
    """Two or three tensors of unequal size and length; gradients that agree, and that oppose."""
    rng = np.random.default_rng(82)
    for shapes, mix in ((((2, 3), (4,)), 0.8), (((3,), (2, 2), (5,)), -0.5)):
        scales = 10.0 ** np.arange(len(shapes))
        sent = [rng.normal(0, s, shape) for s, shape in zip(scales, shapes, strict=True)]
        found = [mix * p + rng.normal(0, 1, p.shape) * s for p, s in zip(sent, scales, strict=True)]
        rows = [np.concatenate([p.ravel() for p in of]) for of in (found, sent)]
        product, lengths = rows[0] @ rows[1], [np.sqrt(r @ r) for r in rows]
        cosine = product / (lengths[0] * lengths[1])
        each = [
            (f * s).sum() / np.sqrt((f**2).sum() * (s**2).sum())
            for f, s in zip(found, sent, strict=True)
        ]
        judge(
            answer(found, sent),
            1 - cosine,
            {
                "That is the cosine: 1 less it is due, so that 0 is a perfect match": cosine,
                "You take the mean of the tensors' cosines: small tensors then weigh as much as "
                "large ones. Put all numbers into one row": 1 - np.mean(each),
                "You add up the tensors' cosines: put all numbers into one row": 1 - np.sum(each),
                "That is the squared distance; a longer gradient of the same direction should "
                "match": ((rows[0] - rows[1]) ** 2).sum(),
                "The lengths are missing: divide the scalar product by both": 1 - product,
                "The roots are missing: lengths are roots of sums of squares": 1
                - product / (lengths[0] * lengths[1]) ** 2,
                "You divide by one length only": 1 - product / lengths[1] ** 2,
                "The sign is turned: opposite gradients are as far as it goes, 2": 1 + cosine,
            },
            case=f"{len(shapes)} tensors",
        )
    return "It does not see how long a gradient is: clipping hides nothing from it."


def advantage_of(answer: Answer) -> str:
    """Scores that overlap, ties among them, and members who score lower than the others."""
    rng = np.random.default_rng(83)
    for shift, count in ((1.0, 12), (-1.5, 9)):
        members = rng.normal(shift, 1, count).round(1)
        others = rng.normal(0, 1, count + 4).round(1)
        both = np.concatenate([members, others])
        leads = [(members >= t).mean() - (others >= t).mean() for t in np.unique(both)]
        strict = [(members > t).mean() - (others > t).mean() for t in np.unique(both)]
        middle, mean = np.median(both), both.mean()
        judge(
            answer(members, others),
            max(0.0, *leads),
            {
                "You look at one threshold; the largest lead over all of them is due": (
                    members >= middle
                ).mean()
                - (others >= middle).mean(),
                "You look at one threshold, the mean; the largest lead over all of them is due": (
                    members >= mean
                ).mean()
                - (others >= mean).mean(),
                "You count members found alone; take off the others accused": 1.0,
                "That is the difference of the means; shares of patients are due": members.mean()
                - others.mean(),
                "Members and others are swapped, or those below the threshold are called "
                "members": max(0.0, *(-lead for lead in leads)),
                "A lead below 0 is no advantage: a threshold above all scores has 0": max(leads),
                "You take the largest lead in either direction; high scores mean members here": max(
                    np.abs(leads)
                ),
                "Whoever scores just the threshold is called a member too: >=, not >": max(strict),
            },
            case=f"{len(members)} members and {len(others)} others",
        )
    return "With few patients even chance has an advantage: compare with it."
