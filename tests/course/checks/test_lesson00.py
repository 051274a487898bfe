"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial import distance

from tests.course.checks.right import assert_accepted, message_to


def dice_by_sets(prediction, truth):
    p, t = ({tuple(i) for i in np.argwhere(mask)} for mask in (prediction, truth))
    return 2 * len(p & t) / (len(p) + len(t)) if p or t else 1


def dice_by_scipy(prediction, truth):
    if not (prediction.any() or truth.any()):
        return np.float32(1)
    return 1 - distance.dice(prediction.ravel(), truth.ravel())


def dice_by_confusion(prediction, truth):
    tp = np.count_nonzero(prediction & truth)
    fp, fn = np.count_nonzero(prediction & ~truth), np.count_nonzero(~prediction & truth)
    return 1.0 if tp + fp + fn == 0 else tp / (tp + (fp + fn) / 2)


def smoothed(by, below=None):
    def answer(prediction, truth):
        shared, sizes = (prediction & truth).sum(), prediction.sum() + truth.sum()
        return (2 * shared + by) / (sizes + (by if below is None else below))

    return answer


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("millilitres", lambda voxels, spacing: voxels * math.prod(spacing) * 1e-3),
        ("millilitres", lambda n, s: np.float32(n) * np.prod(np.array(s) / 10)),
        ("dice", dice_by_sets),
        ("dice", dice_by_scipy),
        ("dice", dice_by_confusion),
        ("dice", smoothed(1e-12)),
        ("dice", smoothed(1e-6)),
        ("dice", smoothed(1e-5)),
        ("dice", lambda p, t: torch.tensor(smoothed(1e-5)(p, t))),
        ("pooled_mean", lambda means, patients: np.average(means, weights=patients)),
        ("pooled_mean", lambda m, n: sum(a * b for a, b in zip(m, n, strict=True)) / sum(n)),
        ("pooled_mean", lambda m, n: np.repeat(m, n).mean()),
    ],
)
def test_right_answers_written_otherwise_pass(name, answer) -> None:
    assert_accepted(name, answer)


def equal_sizes_are_equal(prediction, truth):
    if prediction.sum() == truth.sum():
        return 1.0
    return 2 * (prediction & truth).sum() / (prediction.sum() + truth.sum())


def pooled_without_single_patients(means, patients):
    several = patients > 1
    return (means * patients)[several].sum() / patients[several].sum()


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("millilitres", lambda n, s: n * math.prod(s) / 1e6, "which gives litres"),
        (
            "millilitres",
            lambda n, s: round(n * math.prod(s) / 1000, 1),
            "You round (digits behind the point: 1)",
        ),
        (
            "millilitres",
            lambda n, s: round(n * math.prod(s) / 1000, 3),
            "You round (digits behind the point: 3)",
        ),
        ("millilitres", lambda n, s: n * math.prod(s) // 1000, "behind the point"),
        ("millilitres", lambda n, s: n * s[0] ** 3 / 1000, "only the first edge"),
        ("millilitres", lambda n, s: n * s[1] ** 3 / 1000, "only the second edge"),
        ("millilitres", lambda n, s: n * s[-1] ** 3 / 1000, "only the third edge"),
        ("millilitres", lambda n, s: n * s[0] * s[1] / 1000, "leave out the third edge"),
        ("millilitres", lambda n, s: n * s[0] * s[2] / 1000, "leave out the second edge"),
        ("millilitres", lambda n, s: n * s[1] * s[2] / 1000, "leave out the first edge"),
        ("dice", smoothed(1), "You add 1 above and below: that is too much"),
        ("dice", smoothed(0.1), "You add 0.1 above and below: that is too much"),
        ("dice", smoothed(1e-3), "You add 0.001 above and below: that is too much"),
        ("dice", smoothed(3e-4), "You add 0.0003 above and below: that is too much"),
        ("dice", smoothed(1e-4), "You add 0.0001 above and below: that is too much"),
        ("dice", smoothed(0, below=1e-5), "so their Dice counts as 1"),
        ("dice", lambda p, t: 2 * (p & t).sum() / (p + t).sum(), "`+` means *or*"),
        ("dice", lambda p, t: (p & t).sum() / max(p.sum(), t.sum()), "larger mask"),
        ("dice", lambda p, t: (p & t).sum() / min(p.sum(), t.sum()), "smaller mask"),
        ("dice", lambda p, t: (p & t).sum() / t.sum(), "the recall"),
        ("dice", lambda p, t: (p & t).sum() / p.sum(), "the precision"),
        ("dice", equal_sizes_are_equal, "only of two *empty* masks"),
        ("dice", lambda p, t: 1 - dice_by_confusion(p, t), "This is 1 - Dice"),
        ("dice", lambda p, t: 100 * dice_by_confusion(p, t), "in per cent"),
        ("pooled_mean", lambda m, n: m.sum() / n.sum(), "You add up the means as they are"),
        ("pooled_mean", lambda m, n: round((m * n).sum() / n.sum()), "You round (digits behind"),
        ("pooled_mean", lambda m, n: round(m @ n / n.sum(), 2), "behind the point: 2)"),
        ("pooled_mean", pooled_without_single_patients, "hospitals with one patient"),
        ("pooled_mean", lambda m, _: m.mean(), "You average the hospitals"),
        ("pooled_mean", lambda m, _: np.median(m), "You take the median"),
        ("pooled_mean", lambda m, n: (m * n).max() / n.max(), "For means [50.0, 60.0] of [10, 30]"),
    ],
)
def test_a_likely_slip_gets_its_name(name, answer, says) -> None:
    assert says in message_to(name, answer)


def test_the_natural_formula_works_on_what_the_check_passes() -> None:
    assert_accepted(
        "pooled_mean", lambda means, patients: (means * patients).sum() / patients.sum()
    )
