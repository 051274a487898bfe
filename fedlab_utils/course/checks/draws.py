"""What a random augmentation did to a patient in each draw, and whether its chance is fair."""

from __future__ import annotations

import numpy as np

from fedlab_utils.course.checks import Wrong, as_array
from fedlab_utils.course.guard import Answer

_SIGMAS = 5.5  # how far chance may lead, in standard deviations
_SAME = 1e-6  # factors closer than this are one


def judge_factors(used: np.ndarray, flips: np.ndarray) -> None:
    """Say what is wrong with the factors ``(draws, 4)``, whatever their distribution.

    ``flips`` is true for the draws that were mirrored.
    """
    if np.allclose(used, 1):
        raise Wrong("The image keeps its brightness: multiply each sequence by its factor.")
    kept = np.abs(used - 1).max(axis=1) < _SAME
    if kept.sum() > 2:
        when = "mirrored" if flips[kept].all() else "not mirrored" if not flips[kept].any() else ""
        always = f", always when the patient is {when}" if when else ""
        raise Wrong(
            f"In {kept.sum()} of {len(used)} draws the brightness stays as it was{always}. Scale "
            "every time; only the mirroring is left to chance."
        )
    if np.ptp(used, axis=1).max() < _SAME:
        raise Wrong("All four sequences get one factor for all: draw one for each.")
    different = min(len(np.unique(column.round(9))) for column in used.T)
    if different < 0.99 * len(used):
        raise Wrong(
            f"In {len(used)} draws a sequence gets {different} different factors only. Any number "
            "from 0.9 to 1.1 may come: do not choose among a few, round, or cut at the ends."
        )
    if np.diff(np.sort(used, axis=1), axis=1).min(axis=1).mean() < _SAME:
        raise Wrong("Some sequences share a factor: draw one for each of the four.")
    if used.min() < 0.9 - 1e-6 or used.max() > 1.1 + 1e-6:
        raise Wrong(f"A factor is {used.flat[np.abs(used - 1).argmax()]:.3f}, outside 0.9 to 1.1.")


def judge_chance(flips: np.ndarray, factors: np.ndarray) -> None:
    """Refuse flips that are no halves; factors that depend on each other, the flip, or crowd."""
    if abs(flips.mean() - 0.5) > _SIGMAS * 0.5 / np.sqrt(len(flips)):
        raise Wrong(f"{flips.mean():.0%} of the draws are mirrored; about half should be.")
    drawn = np.column_stack([flips, factors])
    if np.abs(np.triu(np.corrcoef(drawn.T), k=1)).max() > _SIGMAS / np.sqrt(len(drawn)):
        raise Wrong("The factors depend on each other, or on the flip: draw each by itself.")
    for used in (factors.ravel(), *factors.T):
        due = np.clip((np.sort(used) - 0.9) / 0.2, 0, 1)
        apart = np.abs(due - (np.arange(used.size) + 0.5) / used.size).max()
        if apart > 2.7 / np.sqrt(used.size):  # Kolmogorov and Smirnov: one in a million
            raise Wrong("The factors do not fill the range from 0.9 to 1.1 evenly: `rng.uniform`.")


def one_draw(
    answer: Answer, image: np.ndarray, target: np.ndarray, seed: int
) -> tuple[bool, np.ndarray]:
    """Return whether the patient was mirrored, and the four factors."""
    both = answer(image, target, np.random.default_rng(seed))
    if not (isinstance(both, tuple | list) and len(both) == 2):
        raise Wrong("Return two things: the new image and the new target.")
    new_image, new_target = as_array(both[0], image.shape), as_array(both[1], target.shape)
    image_flips = _flips(new_image, image, scaled=True)
    target_flips = _flips(new_target.astype(float), target.astype(float), scaled=False)
    for flips in (image_flips, target_flips):
        _refuse_other_axes(flips)
    if target_flips is None:
        if np.isin(new_target, (0, 1)).all():
            raise Wrong(
                "The target is neither the old one nor its mirror image from left to right."
            )
        raise Wrong("The target holds other values than before: never scale it.")
    if image_flips is None:
        raise Wrong(
            "The image is not the patient, mirrored or not, with one factor for each sequence."
        )
    if image_flips != target_flips:
        _refuse_flips_apart([_sides(answer, image, target, s) for s in range(20)])
    flat = np.flip(image, image_flips)
    factors = np.einsum("cxy,cxy->c", new_image, flat) / np.einsum("cxy,cxy->c", flat, flat)
    return image_flips == (1,), factors


def _refuse_other_axes(flips: tuple[int, ...] | None) -> None:
    if flips in (None, (), (1,)):
        return
    if 0 in flips:
        raise Wrong(
            "You mirror along axis 0, which swaps the sequences (T1 and FLAIR) and the regions. "
            "Left and right is axis 1."
        )
    if flips == (2,):
        raise Wrong("You mirror along axis 2, front and back. Left and right is axis 1.")
    raise Wrong(
        "You turn the picture by 180 degrees, or mirror it along two axes, which is the same: the "
        "nose points backwards. Mirror left and right only, axis 1."
    )


def _refuse_flips_apart(sides: list[tuple]) -> None:
    """``sides`` are the flips of image and target in some draws, not the same in at least one."""
    if all(target == () for _, target in sides):
        raise Wrong("The image is mirrored, the target stays behind: flip both or none.")
    raise Wrong(
        "Image and target are mirrored independently: chance is drawn twice, once for each. "
        "Draw once, and if you call a function of your own, use both results of one call."
    )


def _sides(answer: Answer, image: np.ndarray, target: np.ndarray, seed: int) -> tuple:
    new_image, new_target = answer(image, target, np.random.default_rng(seed))
    return (
        _flips(as_array(new_image), image, scaled=True),
        _flips(as_array(new_target).astype(float), target.astype(float), scaled=False),
    )


def _flips(new: np.ndarray, old: np.ndarray, *, scaled: bool) -> tuple[int, ...] | None:
    """The axes along which ``new`` is ``old`` mirrored; None if it is something else."""
    for axes in ((), (1,), (0,), (2,), (1, 2), (0, 1), (0, 2), (0, 1, 2)):
        base = np.flip(old, axes)
        norm = np.einsum("cxy,cxy->c", base, base)
        factor = np.einsum("cxy,cxy->c", new, base) / norm if scaled else np.ones(len(old))
        if np.allclose(new, base * factor[:, None, None], rtol=1e-6, atol=1e-6):
            return axes
    return None
