"""What takes up contrast agent without being tumour, and the white-matter lesions of age.

Vessels run in sulci and, finer, through tissue; the falx and the tentorium are sheets with venous
sinuses at their edge; the choroid plexus hangs in the ventricles; remnants of the dura stick to the
surface. A network that takes every bright spot in T1ce for tumour meets them all.
"""

from __future__ import annotations

import numpy as np

from fedlab_utils.data.phantom.brain import REGION, Brain
from fedlab_utils.data.phantom.fields import sigmoid, smooth_field


def vessel_fraction(rng: np.random.Generator, brain: Brain) -> np.ndarray:
    """Return the share of blood and enhancing membranes in each voxel, ``(X, Y, Z)`` float32."""
    spacing = brain.axes[0][1] - brain.axes[0][0]
    first, second = smooth_field(rng, brain.axes, REGION, 3.6, channels=2)
    slow = smooth_field(rng, brain.axes, REGION, 8.0)
    # Where two smooth fields vanish together there is a curve in space.
    tube = np.exp((first * first + second * second) / np.float32(-0.05 * spacing))
    sulcus = np.clip(1.6 * brain.csf * brain.cortex, 0, 1)
    rim = np.clip((0.93 - brain.inside) / 0.25, 0, 1)  # 1 at the brain's very surface
    fine = 0.05 + 0.20 * np.clip(slow, 0, 1)
    vessel = tube * np.maximum(np.maximum(sulcus, 0.7 * rim), fine)
    # Dura that the skull stripping left, in patches.
    vessel += 0.75 * rim * np.clip(slow - 0.9, 0, 1)
    vessel += _tentorium(brain, rim, slow)
    middle = np.flatnonzero(np.abs(brain.mni[0]).min((1, 2)) < 6)
    slab = slice(middle[0], middle[-1] + 1)  # the falx and its sinuses lie in few slices
    vessel[slab] += _falx(brain, slab, rim[slab])
    vessel += _plexus(brain, first + second)
    return np.clip(vessel, 0, 0.95, out=vessel)


def _falx(brain: Brain, slab: slice, rim: np.ndarray) -> np.ndarray:
    """Falx, superior sagittal and straight sinus; thinner than a voxel, so only a share of it."""
    x, y, z = brain.mni[:, slab]
    falx = np.exp(-0.5 * (x / 0.9) ** 2) * (brain.csf[slab] > 0.25) * brain.cortex[slab]
    sagittal_sinus = np.exp(-0.5 * (x / 3.0) ** 2) * rim * (y < 45) * (z > 0)
    # The straight sinus and the vein of Galen, from behind the corpus callosum down and back.
    middle = 6 - 14 * np.clip((-44 - y) / 30, 0, 1)
    straight = np.exp(-0.5 * ((x / 1.5) ** 2 + ((z - middle) / 2.0) ** 2)) * (y < -42) * (y > -80)
    return 0.35 * falx * (z > -8) + 0.8 * sagittal_sinus + 0.9 * straight


def _tentorium(brain: Brain, rim: np.ndarray, slow: np.ndarray) -> np.ndarray:
    """The sheet above the cerebellum, and the transverse sinuses at its edge."""
    tent = np.clip(1 - np.abs(brain.cerebellum - 0.45) / 0.16, 0, 1)
    sheet = (brain.csf > 0.15) * (0.30 + 0.1 * slow)
    return tent * (sheet + rim * (brain.mni[1] < -50))


def _plexus(brain: Brain, clumps: np.ndarray) -> np.ndarray:
    """The choroid plexus, in the atria of the lateral ventricles."""
    out = np.zeros_like(clumps)
    here = np.nonzero((brain.near_ventricle > 0.1) & (brain.csf > 0.3))
    x, y, z = brain.mni[:, *here]
    atrium = ((np.abs(x) - 23) / 5) ** 2 + ((y + 40) / 8) ** 2 + ((z - 8) / 8) ** 2
    out[here] = 0.7 * np.exp(-0.5 * atrium) * brain.csf[here] * sigmoid((clumps[here] - 0.2) / 0.3)
    return out


def white_lesions(rng: np.random.Generator, brain: Brain, ageing: float) -> np.ndarray:
    """Return the share of white matter that age has changed: caps at the ventricles, and spots."""
    spots = smooth_field(rng, brain.axes, REGION, 2.4)
    spots += 1.9 * brain.near_ventricle - (3.9 - 1.3 * ageing)
    return sigmoid(spots / 0.18) * brain.white
