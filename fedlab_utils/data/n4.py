"""Removing the smooth shading that an MR coil leaves on an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK


def correct_bias(
    image: np.ndarray,
    mask: np.ndarray,
    spacing: Sequence[float],
    shrink_mm: float = 6.0,
    iterations: Sequence[int] = (50, 50, 30),
) -> np.ndarray:
    """Correct each sequence's bias field by N4 (Tustison et al., IEEE TMI 29:1310-1320, 2010).

    The field is smooth, so that it is estimated on a coarse image and evaluated on the full one.
    N4 works on the logarithm of intensities. Where a file holds negative ones, its true zero is
    lost: such a sequence is shifted so that its darkest brain voxel is just positive, and shifted
    back.

    Parameters
    ----------
    image
        ``(C, X, Y, Z)``, any unit, negative values allowed.
    mask
        bool ``(X, Y, Z)``, where the field is estimated.
    spacing
        mm per axis.
    shrink_mm
        Voxel edge to estimate the field at.
    iterations
        Largest number of iterations per level of the fitting.

    Returns
    -------
    numpy.ndarray
        float32 ``(C, X, Y, Z)``; voxels outside ``mask`` as they were.
    """
    return np.stack(
        [_correct(volume, mask, spacing, shrink_mm, iterations) for volume in image]
    ).astype(np.float32)


def _correct(
    volume: np.ndarray,
    mask: np.ndarray,
    spacing: Sequence[float],
    shrink_mm: float,
    iterations: Sequence[int],
) -> np.ndarray:
    import SimpleITK as sitk  # noqa: N813

    values = volume[mask]
    low, high = np.percentile(values, (0.1, 99.9))
    if high <= low:
        return volume
    # The darkest voxel gets 1 % of the range: a logarithm near 0 would dominate the histogram.
    offset = max(0.0, 0.01 * (high - low) - values.min()) if values.min() < 0 else 0.0
    shifted = np.where(mask, volume + offset, 0).astype(np.float32)
    full = _to_sitk(shifted, spacing)
    factors = [max(1, round(shrink_mm / step)) for step in spacing]
    small = sitk.Shrink(full, factors[::-1])
    positive = mask & (shifted > 0)
    small_mask = sitk.Shrink(_to_sitk(positive.astype(np.uint8), spacing), factors[::-1])
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations(list(iterations))
    n4.SetNumberOfThreads(1)  # Sums in another order on other machines would give other images.
    n4.Execute(small, small_mask)
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)))
    return np.where(mask, shifted / field - offset, volume)


def _to_sitk(array: np.ndarray, spacing: Sequence[float]) -> SimpleITK.Image:
    """Make a SimpleITK image, which counts axes from the last one."""
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(step) for step in spacing][::-1])
    return image
