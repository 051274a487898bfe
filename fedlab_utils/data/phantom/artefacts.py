"""What the scanner adds: coil shading, thick slices, noise; each on its own."""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.fields import (
    Axes,
    apply_matrices,
    gaussian_matrix,
    linear_matrix,
    smooth_field,
)
from fedlab_utils.data.phantom.scanner import Sequence

_REGION = ((0.0, 240.0), (0.0, 240.0), (0.0, 155.0))


def coil_bias(rng: np.random.Generator, axes: Axes, strength: float) -> np.ndarray:
    """Return a smooth positive factor ``(X, Y, Z)`` around 1 (log-normal, about 10 cm wide)."""
    return np.exp(strength * smooth_field(rng, axes, _REGION, 45.0))


def acquisition_matrices(
    axes: Axes, steps: tuple[float, float, float], offset: float = 0.0
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return the matrices to the scanner's own voxels and back.

    Parameters
    ----------
    axes
        Voxel centres in mm.
    steps
        Voxel edges of the scanner along X, Y, Z, mm. Where the scanner's are finer than the grid's,
        nothing is lost and both matrices are identities.
    offset
        Where the first slice lies, as a fraction of a step.

    Returns
    -------
    tuple
        (to, back): ``to`` averages over each scanner voxel with a Gaussian profile whose full width
        at half maximum is the step; ``back`` interpolates linearly.
    """
    to, back = [], []
    for at, step in zip(axes, steps, strict=True):
        spacing = at[1] - at[0]
        if step <= spacing * 1.05:
            to.append(np.eye(len(at)))
            back.append(np.eye(len(at)))
            continue
        native = np.arange(at[0] + (offset - 0.5) * step, at[-1] + step, step)
        profile = gaussian_matrix(native, at, step / 2.355)
        to.append(profile / profile.sum(1, keepdims=True))
        back.append(linear_matrix(at, native))
    return tuple(to), tuple(back)


def rician(rng: np.random.Generator, signal: np.ndarray, sigma: float) -> np.ndarray:
    """Return the magnitude of a signal with complex Gaussian noise.

    Gudbjartsson and Patz, Magn Reson Med 34:910-914, 1995, doi:10.1002/mrm.1910340618.
    """
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.sqrt(real * real + imaginary * imaginary)


def acquire(
    rng: np.random.Generator, signal: np.ndarray, axes: Axes, sequence: Sequence, noise: float
) -> np.ndarray:
    """Blur, sample and add noise in the scanner's own voxels; return on the given grid.

    Parameters
    ----------
    rng
        Source of slice position and noise.
    signal
        ``(X, Y, Z)`` as an ideal scanner would see it.
    axes
        Voxel centres in mm.
    sequence
        Gives slice thickness, direction and in-plane resolution.
    noise
        Standard deviation in one scanner voxel, in units of ``signal``.
    """
    steps = [sequence.in_plane_mm] * 3
    steps[sequence.axis] = sequence.thickness_mm
    to, back = acquisition_matrices(axes, tuple(steps), rng.random())
    # A grid coarser than the scanner's voxels averages several of them.
    averaged = np.prod([max(1.0, (a[1] - a[0]) / s) for a, s in zip(axes, steps, strict=True)])
    native = apply_matrices(signal, to)
    return apply_matrices(rician(rng, native, noise / np.sqrt(averaged)), back)
