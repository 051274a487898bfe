"""What skull stripping leaves behind, and what the skull base does to the magnetic field.

Real scans are stripped by programs that err. Patches of scalp, muscle, dura and orbit stay at the
surface, mostly in front and below, and next to air-filled sinuses the signal fades in one place
and piles up in another. None of it is tumour, and a network that never met it takes it for one.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.brain import bounding_box
from fedlab_utils.data.phantom.brain import REGION
from fedlab_utils.data.phantom.fields import Axes, smooth_field

CHANCE_OF_REMAINS = 0.5
CHANCE_OF_DISTORTION = 0.4
DEEPEST_MM = 22.0
"""Remains never lie further than this from the brain."""

# Signal in T1, T1ce, T2 and FLAIR, in units of the brain's median; orders of magnitude chosen from
# what each tissue looks like in the radiology textbook, and varied widely around them.
_KINDS = np.array(
    [
        (1.7, 1.7, 1.3, 1.3),  # fat of orbit and scalp
        (0.7, 0.9, 0.5, 0.6),  # muscle
        (0.8, 2.2, 0.9, 1.1),  # dura and mucosa, which take up contrast agent
        (0.15, 0.15, 0.15, 0.15),  # bone and air
        (0.35, 0.4, 2.4, 0.5),  # fluid of the eye
    ]
)


def leave_remains(
    rng: np.random.Generator, images: np.ndarray, mask: np.ndarray, axes: Axes
) -> None:
    """Put patches of other tissue around the brain, in place; sometimes none.

    Parameters
    ----------
    rng
        Source of everything.
    images
        ``(4, X, Y, Z)`` whole volumes, 0 outside the brain.
    mask
        ``(X, Y, Z)`` bool, brain.
    axes
        Voxel centres in mm.
    """
    from scipy import ndimage

    if rng.random() >= CHANCE_OF_REMAINS:
        return
    spacing = float(axes[0][1] - axes[0][0])
    box = _around(mask, DEEPEST_MM / spacing)
    inner = tuple(axis[part] for axis, part in zip(axes, box, strict=True))
    away = ndimage.distance_transform_edt(~mask[box]) * spacing
    places = smooth_field(rng, inner, REGION, rng.uniform(7, 16))
    places += rng.uniform(0.3, 1.3) * _front_and_below(inner)
    reach = rng.uniform(4, 12) * (places - rng.uniform(0.4, 1.7))
    kept = (away > 0) & (away < np.minimum(reach, DEEPEST_MM))
    share = _mixture(rng, inner)
    levels = _KINDS * np.exp(rng.normal(0, 0.35, _KINDS.shape))
    for image, level in zip(images, levels.T, strict=True):
        inside = image[box]
        scale = float(np.median(image[mask]))
        signal = np.tensordot(level, share, 1) * np.exp(0.08 * rng.standard_normal(away.shape))
        inside[kept] = np.maximum(np.rint(scale * signal[kept]), 1)


def distort_base(
    rng: np.random.Generator, images: np.ndarray, mask: np.ndarray, axes: Axes
) -> None:
    """Let the signal fade and pile up at places of the lower surface, in place; sometimes nowhere.

    Parameters
    ----------
    rng, mask, axes
        As :func:`leave_remains`, here all of the brain's box.
    images
        ``(4, x, y, z)`` signals in the brain's box.
    """
    from scipy import ndimage

    if rng.random() >= CHANCE_OF_DISTORTION:
        return
    at = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    low = at[at[:, 2] < np.quantile(at[:, 2], 0.4)]
    for _ in range(int(rng.integers(1, 4))):
        centre = [a[i] for a, i in zip(axes, low[rng.integers(len(low))], strict=True)]
        radius = rng.uniform(6, 16)
        squared = [((axis - c) / radius) ** 2 for axis, c in zip(axes, centre, strict=True)]
        distance = np.sqrt(
            squared[0][:, None, None] + squared[1][None, :, None] + squared[2][None, None, :]
        )
        void, pile = np.exp(-(distance**2) * 2), np.exp(-(((distance - 1) / 0.25) ** 2))
        pile *= smooth_field(rng, axes, REGION, 5.0) > rng.uniform(-0.5, 1.0)
        for image in images:
            fade, bright = rng.uniform(0, 1), rng.uniform(0, 0.9) * (rng.random() < 0.6)
            image *= ((1 - fade * void) * (1 + bright * pile)).astype(np.float32)


def _around(mask: np.ndarray, margin: float) -> tuple[slice, slice, slice]:
    """Return the smallest box around a mask, widened, within the array."""
    wider = int(np.ceil(margin))
    return tuple(
        slice(max(0, part.start - wider), min(length, part.stop + wider))
        for part, length in zip(bounding_box(mask), mask.shape, strict=True)
    )


def _front_and_below(axes: Axes) -> np.ndarray:
    """Return how far in front and below each place lies, roughly -1 to 2."""
    _, y, z = (np.linspace(-1, 1, len(axis)) for axis in axes)
    plane = 0.9 * np.clip(y, -0.3, 1)[:, None] - 1.1 * z
    return np.broadcast_to(plane, (len(axes[0]), *plane.shape))


def _mixture(rng: np.random.Generator, axes: Axes) -> np.ndarray:
    """Return the share of each kind of tissue in each voxel, ``(kinds, X, Y, Z)``."""
    score = smooth_field(rng, axes, REGION, rng.uniform(2.0, 4.5), channels=len(_KINDS))
    score += rng.normal(0, 0.5, (len(_KINDS), 1, 1, 1)).astype(np.float32)
    share = np.exp(5 * (score - score.max(0)))
    return share / share.sum(0)
