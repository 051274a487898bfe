"""Checks of lesson 00: volumes, overlap, and the mean over hospitals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedlab_utils.course.checks import as_number, judge, judge_together

_SMOOTHING = 1.1e-5
"""Dice is often written with a tiny number added above and below, in place of a case for 0 / 0.

MONAI adds 1e-5, which becomes the Dice of one voxel and none.
"""


def millilitres(answer: Callable) -> str:
    """Voxel count and spacing (mm) to millilitres."""
    for voxels, spacing in ((1537, (1.0, 1.0, 1.0)), (737, (1.9, 0.53, 3.0)), (0, (1.0, 1.2, 5.0))):
        x, y, z = spacing
        cubic = voxels * x * y * z
        judge(
            answer(voxels, spacing),
            cubic / 1000,
            {
                "These are cubic millimetres; one millilitre holds 1000 of them": cubic,
                "You divide by 100, as if a millilitre were 100 cubic millimetres": cubic / 100,
                "You divide by 1000000, which gives litres": cubic / 1e6,
                "You multiply by 1000 instead of dividing": cubic * 1000,
                "You add the three edges; a volume is their product": voxels * (x + y + z) / 1000,
                "The size of a voxel does not enter your volume": voxels / 1000,
                "You drop what stands behind the point; return all digits": cubic // 1000,
            }
            | {
                f"You round (digits behind the point: {digits}); return all of them": (
                    round(cubic / 1000, digits)
                )
                for digits in range(4)
            }
            | {
                f"You use only the {which} edge, as if voxels were cubes; they need not be": (
                    voxels * edge**3 / 1000
                )
                for which, edge in (("first", x), ("second", y), ("third", z))
            }
            | {
                f"You leave out the {which} edge: two edges give an area, three a volume": (
                    cubic / edge / 1000
                )
                for which, edge in (("first", x), ("second", y), ("third", z))
            },
            case=f"{voxels} voxels of {x} x {y} x {z} mm",
        )
    return "The same tumour has eight times fewer voxels at 2 mm than at 1 mm; its volume stays."


def dice(answer: Callable) -> str:
    """Dice overlap of two boolean masks; two empty masks agree perfectly."""
    pairs = _mask_pairs()
    p, t = (np.array([pair[i].sum() for pair in pairs]) for i in (1, 2))
    shared = np.array([(prediction & truth).sum() for _, prediction, truth in pairs])
    agree = np.array([(prediction == truth).mean() for _, prediction, truth in pairs])
    judge_together(
        [answer(prediction, truth) for _, prediction, truth in pairs],
        2 * shared / (p + t),
        {
            "You divide by the union, which gives the Jaccard index; Dice divides by the sum "
            "of both sizes": shared / (p + t - shared),
            "You count the union below. Between boolean arrays `+` means *or*: add the two sums, "
            "`prediction.sum() + truth.sum()`": 2 * shared / (p + t - shared),
            "You count the union above. Between boolean arrays `+` and `|` mean *or*; what both "
            "masks hold is `prediction & truth`": 2 * (p + t - shared) / (p + t),
            "Dice counts the shared voxels twice, once for each mask": shared / (p + t),
            "You divide by the predicted size alone, which gives the precision": shared / p,
            "You divide by the true size alone, which gives the recall": shared / t,
            "You divide by the larger mask; Dice divides by the sum of both sizes, and counts "
            "what they share twice": shared / np.maximum(p, t),
            "You divide by the smaller mask, so that a mask inside the other would count as equal "
            "to it": shared / np.minimum(p, t),
            **{_too_much(e): (2 * shared + e) / (p + t + e) for e in (1, 0.1, 0.01, 0.001)},
            "You count the voxels on which both masks agree, background too": agree,
            "You take masks of one size for equal; only of two *empty* masks does the size say "
            "all": np.where(p == t, 1, 2 * shared / (p + t)),
            "This is 1 - Dice, which grows with the error; the overlap itself is due": (
                1 - 2 * shared / (p + t)
            ),
            "This is Dice in per cent; it goes from 0 to 1": 200 * shared / (p + t),
        },
        cases=[case for case, _, _ in pairs],
        atol=_SMOOTHING,
    )
    empty, some = np.zeros((4, 5, 3), bool), np.zeros((4, 5, 3), bool)
    some[1, 2, 0] = True
    mistake = {"Two empty masks agree perfectly: say so before you divide by zero": np.nan}
    judge(
        answer(empty, empty),
        1.0,
        mistake | {"Two empty masks agree perfectly, so their Dice counts as 1 here": 0.0},
        case="two empty masks",
        atol=_SMOOTHING,
    )
    for case, prediction, truth in (
        ("an empty prediction of a small tumour", empty, some),
        ("a prediction where there is no tumour", some, empty),
    ):
        got = as_number(answer(prediction, truth))
        mistakes = {"One mask is empty, the other is not: nothing is shared": 1.0}
        if 0 < got < 0.5:  # e / (1 + e)
            mistakes[_too_much(got / (1 - got))] = got
        judge(got, 0.0, mistakes, case=case, atol=_SMOOTHING)
    return "Two empty masks count as 1 in this course; other software says 0, or leaves them out."


def pooled_mean(answer: Callable) -> str:
    """Mean over all patients from each hospital's mean and number of patients."""
    federations = [
        (np.array(means), np.array(patients))
        for means, patients in (
            ([50.0, 60.0], [10, 30]),
            ([61.5, 48.0, 70.25], [120, 7, 31]),
            ([55.0], [9]),
            ([57.0, 41.0], [16, 0]),
            ([64.0, 30.0, 52.0], [5, 1, 2]),
        )
    ]

    def each(mean: Callable[[np.ndarray, np.ndarray], float]) -> list[float]:
        return [float(mean(m, n)) for m, n in federations]

    judge_together(
        [answer(m, n) for m, n in federations],
        each(lambda m, n: (m * n).sum() / n.sum()),
        {
            "You leave out hospitals with one patient, who counts as much as any other": each(
                lambda m, n: (m * n)[n > 1].sum() / n[n > 1].sum()
            ),
            "You average the hospitals, so that a patient of a small hospital counts more than one "
            "of a large hospital": each(lambda m, _: m.mean()),
            "You take the median of the hospitals, which forgets how many patients each has": each(
                lambda m, _: np.median(m)
            ),
            "This is the sum over all patients; divide it by their number": each(
                lambda m, n: (m * n).sum()
            ),
            "You divide by the sum of the means; divide by the number of patients": each(
                lambda m, n: (m * n).sum() / m.sum()
            ),
            "You divide by the number of hospitals; divide by the number of patients": each(
                lambda m, n: (m * n).mean()
            ),
            "You add up the means as they are; multiply each by its number of patients first": each(
                lambda m, n: m.sum() / n.sum()
            ),
        }
        | {
            f"You round (digits behind the point: {digits}); return all of them": each(
                lambda m, n, digits=digits: round((m * n).sum() / n.sum(), digits)
            )
            for digits in range(4)
        },
        cases=[f"means {m.tolist()} of {n.tolist()} patients" for m, n in federations],
    )
    return "The server never saw a patient, and its mean is exact. FedAvg does this with weights."


def _too_much(smoothing: float) -> str:
    return (
        f"You add {smoothing:.2g} above and below: that is too much, the Dice of a small tumour "
        "grows. Add 1e-8, or ask for two empty masks first"
    )


def _mask_pairs() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Seeded pairs of masks that overlap in part; the prediction is larger, smaller, as large."""
    random = np.random.default_rng(7)
    pairs = []
    for shape, share in (((6, 5), 0.2), ((4, 7, 3), 0.7)):
        truth = random.random(shape) < 0.5
        prediction = np.where(random.random(shape) < 0.6, truth, random.random(shape) < share)
        pairs.append((f"two masks of shape {shape}", prediction, truth))
    truth = random.random((5, 9)) < 0.4
    pairs.append(("two masks of one size", np.roll(truth, 2, axis=1), truth))
    return pairs
