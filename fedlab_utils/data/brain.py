"""Where the brain is, and intensities that mean the same in every brain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from fedlab_utils.data.conventions import SEQUENCES

BRAIN_LITRES = (0.5, 2.2)
"""Volumes outside this range are hardly one brain: a piece of it, or a head with its skull."""

MISSING_SHARE = 0.05
"""A sequence that is empty in more of the brain than this was not measured there."""


def foreground(volume: np.ndarray) -> np.ndarray:
    """Tell one sequence's signal from its background.

    The faces of a volume show background. Where they hold one constant (0 in skull-stripped
    scans), whatever differs from it is signal; where they hold noise, Otsu's threshold (IEEE
    Trans. Syst. Man Cybern. 9:62-66, 1979) separates the head from the air around it.

    Parameters
    ----------
    volume
        ``(X, Y, Z)``, any unit.

    Returns
    -------
    numpy.ndarray
        bool ``(X, Y, Z)``.
    """
    level = background_level(volume)
    if level is not None:
        return volume != level
    from skimage.filters import threshold_otsu

    smooth = ndimage.uniform_filter(volume, 3)
    return smooth > threshold_otsu(smooth)


def background_level(volume: np.ndarray) -> float | None:
    """Return the constant that fills most of the volume's six faces; None if they hold noise."""
    sides = (np.moveaxis(volume, axis, 0)[end] for axis in range(3) for end in (0, -1))
    faces = np.concatenate([side.ravel() for side in sides])
    level = float(np.median(faces))
    return level if np.mean(faces == level) > 0.5 else None


def brain_mask(image: np.ndarray) -> np.ndarray:
    """Find the brain in a skull-stripped patient.

    A voxel votes for the brain in each sequence that shows signal there; half of the sequences
    suffice, so that a FLAIR that misses a third of the brain, or one sequence with a noisy
    background, changes nothing. The largest connected piece counts, with its holes filled.

    Parameters
    ----------
    image
        ``(C, X, Y, Z)``.

    Returns
    -------
    numpy.ndarray
        bool ``(X, Y, Z)``; all False if nothing shows signal.

    See Also
    --------
    brain_warnings : says when the result is hardly a brain, as with a skull left in place.
    """
    votes = np.zeros_like(image[0], np.uint8)  # in the image's memory order, which is faster
    for volume in image:
        votes += foreground(volume)
    candidate = votes >= max(1, image.shape[0] // 2)
    if not candidate.any():
        return candidate
    box = bounding_box(candidate)
    mask = np.zeros_like(candidate)
    mask[box] = fill_holes(_largest_piece(candidate[box]))
    return mask


def brain_warnings(image: np.ndarray, mask: np.ndarray, voxel_ml: float) -> tuple[str, ...]:
    """Say what speaks against ``mask`` being the brain of a skull-stripped patient.

    Parameters
    ----------
    image
        ``(4, X, Y, Z)``, in the usual order.
    mask
        bool ``(X, Y, Z)`` from :func:`brain_mask`.
    voxel_ml
        Volume of one voxel in ml.

    Returns
    -------
    tuple of str
        One sentence each, without a full stop; empty if all is well.
    """
    warnings = []
    litres = np.count_nonzero(mask) * voxel_ml / 1000.0
    for name, volume in zip(SEQUENCES, image, strict=False):
        if background_level(volume) is None:
            warnings.append(f"{name} has no constant background: not skull-stripped?")
        missing = _unmeasured(volume, mask)
        if missing is not None:
            share = np.count_nonzero(missing) / np.count_nonzero(mask)
            warnings.append(
                f"{name} misses {share:.0%} of the brain, which counts as average there"
            )
    if litres > BRAIN_LITRES[1]:
        warnings.append(f"the mask holds {litres:.2f} l, more than a brain: not skull-stripped?")
    if litres < BRAIN_LITRES[0]:
        warnings.append(f"the mask holds {litres:.2f} l, less than a brain: is part missing?")
    return tuple(warnings)


def robust_zscore(
    image: np.ndarray,
    mask: np.ndarray,
    percentiles: tuple[float, float] = (1.0, 99.0),
    clip: float = 5.0,
) -> np.ndarray:
    """Give every sequence mean 0 and standard deviation 1 in the brain, outliers aside.

    Mean and deviation are those of the brain's intensities clipped to ``percentiles``, so that
    vessels and artefacts do not set the scale. What a sequence did not measure (see
    ``MISSING_SHARE``) stays out of the statistics and becomes 0, the brain's mean.

    Parameters
    ----------
    image
        ``(C, X, Y, Z)``, any unit.
    mask
        bool ``(X, Y, Z)``, the brain.
    percentiles
        Lower and upper percentile, in percent.
    clip
        Results are limited to ``[-clip, clip]`` standard deviations.

    Returns
    -------
    numpy.ndarray
        float32 ``(C, X, Y, Z)``, exactly 0 outside ``mask``.
    """
    result = np.zeros_like(image, np.float32)
    for channel, volume in enumerate(image):
        missing = _unmeasured(volume, mask)
        measured = mask if missing is None else mask & ~missing
        values = volume[measured].astype(np.float32)
        if values.size == 0:
            continue
        low, high = np.percentile(values, percentiles)
        clipped = np.clip(values, low, high)
        mean, deviation = clipped.mean(dtype=np.float64), clipped.std(dtype=np.float64)
        if deviation == 0:
            continue
        result[channel][measured] = np.clip((values - mean) / deviation, -clip, clip)
    return result


def bounding_box(mask: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that holds every True voxel (the whole array if there is none)."""
    slices = []
    for axis in range(mask.ndim):
        hit = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        slices.append(slice(int(hit[0]), int(hit[-1]) + 1) if hit.size else slice(None))
    return tuple(slices)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Add the background pieces that do not reach the array's faces.

    The same as ``scipy.ndimage.binary_fill_holes``, which takes seconds on a brain because it
    dilates voxel by voxel.
    """
    pieces, count = ndimage.label(np.pad(~mask, 1, constant_values=True))
    if count <= 1:
        return mask.copy()
    return (pieces != pieces[0, 0, 0])[1:-1, 1:-1, 1:-1]


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def _unmeasured(volume: np.ndarray, mask: np.ndarray) -> np.ndarray | None:
    """Brain voxels that a sequence left empty; None if they are but a few.

    Only background that reaches the outside counts: fluid inside the brain may well be black.
    """
    level = background_level(volume)
    few = MISSING_SHARE * np.count_nonzero(mask)
    if level is None or np.count_nonzero(mask & (volume == level)) <= few:
        return None
    missing = mask & ~fill_holes(volume != level)
    return missing if np.count_nonzero(missing) > few else None
