"""Other right answers pass; wrong ones and mutants are tried in ``course/test_lessons.py``."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from tests.course.checks.right import assert_accepted


def zscore_in_place(volume, brain):
    low, high = np.quantile(volume[brain], [0.01, 0.99])
    usual = np.minimum(np.maximum(volume[brain], low), high)
    scaled = (volume - np.mean(usual)) / np.sqrt(np.mean((usual - usual.mean()) ** 2))
    scaled[~brain] = 0
    return scaled


def box_by_projections(brain, margin):
    box = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        where = np.nonzero(brain.any(axis=others))[0]
        stop = min(int(where[-1]) + 1 + margin, brain.shape[axis])
        box.append(slice(max(int(where[0]) - margin, 0), stop))
    return tuple(box)


def box_by_scipy(brain, margin):
    found = ndimage.find_objects(brain.astype(int))[0]
    sizes = zip(found, brain.shape, strict=True)
    return tuple(slice(max(0, s.start - margin), min(n, s.stop + margin)) for s, n in sizes)


def coarser_by_counting(labels):
    coarse = np.zeros(tuple(n // 2 for n in labels.shape), np.uint8)
    for place in np.ndindex(coarse.shape):
        block = labels[tuple(slice(2 * i, 2 * i + 2) for i in place)].ravel().tolist()
        enhancing, necrosis = block.count(ENHANCING), block.count(NECROSIS)
        whole = enhancing + necrosis + block.count(OEDEMA)
        if enhancing >= 4:
            coarse[place] = ENHANCING
        elif enhancing + necrosis >= 4:
            coarse[place] = NECROSIS
        elif whole >= 4:
            coarse[place] = OEDEMA
    return coarse


def augment_in_another_order(image, target, rng):
    if rng.integers(2):
        image, target = image[:, ::-1], target[:, ::-1]
    return np.stack([rng.uniform(0.9, 1.1) * sequence for sequence in image]), target.copy()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("zscore", zscore_in_place),
        ("brain_box", box_by_projections),
        ("brain_box", box_by_scipy),
        ("coarser_labels", coarser_by_counting),
        ("augment", augment_in_another_order),
    ],
)
def test_right_answers_written_otherwise_pass(name, answer) -> None:
    assert_accepted(name, answer)
