"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from tests.course.checks.right import assert_accepted, message_to


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
        ("coarser_labels", lambda labels: coarser_by_counting(labels).tolist()),
        ("coarser_labels", lambda labels: torch.tensor(coarser_by_counting(labels))),
        ("zscore", lambda volume, brain: zscore_in_place(volume, brain).tolist()),
        ("augment", augment_in_another_order),
        ("augment", lambda *given: [part.tolist() for part in augment_in_another_order(*given)]),
    ],
)
def test_right_answers_written_otherwise_pass(name, answer) -> None:
    assert_accepted(name, answer)


def zscore(of=lambda values: np.clip(values, *np.percentile(values, (1, 99))), by=np.std):
    """A z-score with other statistics than those that are due."""

    def answer(volume, brain):
        usual = of(volume[brain])
        return np.where(brain, (volume - usual.mean()) / by(usual), 0)

    return answer


def within(values, low, high):
    low, high = np.percentile(values, (low, high))
    return values[(values > low) & (values < high)]


def zscore_with_air(volume, brain):
    clipped = np.clip(volume, *np.percentile(volume[brain], (1, 99)))
    return np.where(brain, (clipped - volume.mean()) / volume.std(), 0)


def zscore_by_percentiles_of_all(volume, brain):
    usual = np.clip(volume[brain], *np.percentile(volume, (1, 99)))
    return np.where(brain, (volume - usual.mean()) / usual.std(), 0)


def box_of_largest_piece(brain, margin):
    pieces, _ = ndimage.label(brain)
    return box_by_scipy(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1, margin)


def box_of_first_and_last(brain, margin):
    ends = zip(np.where(brain), brain.shape, strict=True)
    return tuple(slice(max(a[0] - margin, 0), min(a[-1] + 1 + margin, n)) for a, n in ends)


def one_box_for_all(brain, margin):
    where = np.argwhere(brain)
    return tuple(
        slice(max(where.min() - margin, 0), min(where.max() + 1 + margin, n)) for n in brain.shape
    )


def box_with_margin_below_only(brain, margin):
    return tuple(
        slice(wide.start, tight.stop)
        for tight, wide in zip(box_by_scipy(brain, 0), box_by_scipy(brain, margin), strict=True)
    )


def coarser(belongs):
    def answer(labels):
        x, y, z = (n // 2 for n in labels.shape)
        blocks = labels.reshape(x, 2, y, 2, z, 2).transpose(0, 2, 4, 1, 3, 5).reshape(x, y, z, 8)
        coarse = np.zeros((x, y, z), np.uint8)
        for value, inside in (
            (OEDEMA, blocks > 0),
            (NECROSIS, (blocks == NECROSIS) | (blocks == ENHANCING)),
            (ENHANCING, blocks == ENHANCING),
        ):
            coarse[belongs(inside)] = value
        return coarse

    return answer


def coarser_by_mode(labels):
    x, y, z = (n // 2 for n in labels.shape)
    blocks = labels.reshape(x, 2, y, 2, z, 2).transpose(0, 2, 4, 1, 3, 5).reshape(x, y, z, 8)
    return stats.mode(blocks, axis=-1).mode.astype(np.uint8)


def flip_or_scale(image, target, rng):
    if rng.random() < 0.5:
        return image[:, ::-1], target[:, ::-1]
    return image * rng.uniform(0.9, 1.1, (4, 1, 1)), target


def turned(image, target, rng):
    image = image * rng.uniform(0.9, 1.1, (4, 1, 1))
    if rng.random() < 0.5:
        image, target = np.rot90(image, 2, (1, 2)), np.rot90(target, 2, (1, 2))
    return image, target


def target_scaled_too(image, target, rng):
    factors = rng.uniform(0.9, 1.1, (4, 1, 1))
    return image * factors, target * factors[:3]


def target_moved(image, target, rng):
    return image * rng.uniform(0.9, 1.1, (4, 1, 1)), np.roll(target, 1, 1)


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("zscore", zscore_by_percentiles_of_all, "percentiles are those of the whole array"),
        (
            "zscore",
            zscore(lambda v: np.clip(v, *np.percentile(v, (0.01, 0.99)))),
            "counts from 0 to 100",
        ),
        ("zscore", lambda v, b: np.where(b, (v - v.mean()) / v.std(), 0), "The air counts"),
        ("zscore", lambda v, _: (v - v.mean()) / v.std(), "The air counts"),
        ("zscore", lambda v, b: zscore_with_air(v, b), "those of the whole array"),
        ("zscore", zscore(lambda v: within(v, 1, 99)), "You drop the outliers"),
        ("zscore", zscore(by=np.var), "divide by the variance"),
        ("zscore", zscore(by=lambda v: v.std(ddof=1)), "n - 1"),
        ("zscore", zscore(by=lambda _: 1), "do not divide by the deviation"),
        (
            "zscore",
            lambda v, b: np.clip(zscore_in_place(v, b), -5, 5),
            "You limit the result to between",
        ),
        ("brain_box", box_of_largest_piece, "the largest piece of the brain only"),
        ("brain_box", box_of_first_and_last, "from the first to the last voxel of the list"),
        ("brain_box", one_box_for_all, "All three axes get one box"),
        ("brain_box", box_with_margin_below_only, "Is the margin on both sides?"),
        ("coarser_labels", coarser(lambda block: block.mean(-1) > 0.5), "`>=`"),
        ("coarser_labels", coarser(lambda block: block.any(-1)), "*any* voxel"),
        ("coarser_labels", coarser(lambda block: block.all(-1)), "*all* voxels"),
        (
            "coarser_labels",
            lambda labels: coarser_by_counting(labels).astype(int),
            "type is int64; uint8 is due",
        ),
        ("coarser_labels", coarser_by_mode, "most frequent label"),
        ("augment", flip_or_scale, "stays as it was, always when the patient is mirrored"),
        ("augment", turned, "180 degrees"),
        ("augment", target_scaled_too, "never scale it"),
        ("augment", target_moved, "neither the old one nor its mirror image"),
    ],
)
def test_a_likely_slip_gets_its_name(name, answer, says) -> None:
    assert says in message_to(name, answer)


def test_what_no_slip_explains_is_shown_at_a_voxel() -> None:
    message = message_to("zscore", lambda v, b: 1.01 * zscore_in_place(v, b))
    assert "voxels differ; at (" in message
    assert "of 2688 voxels differ" in message
    message = message_to("coarser_labels", lambda labels: 0 * coarser_by_counting(labels))
    assert "of 24 voxels differ; at (" in message
    assert "yours is 0, 3 is due" in message


def test_a_zscore_in_float32_is_right() -> None:
    def in_float32(volume, brain):
        return zscore_in_place(volume.astype(np.float32), brain).astype(np.float32)

    assert_accepted("zscore", in_float32)
