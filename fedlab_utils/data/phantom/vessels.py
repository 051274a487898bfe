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
    x, y, z = brain.mni
    vessel += _sheets(brain, x, y, z, rim, slow)
    vessel += _plexus(brain, x, y, z, first + second)
    return np.clip(vessel, 0, 0.95)


def _sheets(
    brain: Brain, x: np.ndarray, y: np.ndarray, z: np.ndarray, rim: np.ndarray, slow: np.ndarray
) -> np.ndarray:
    """Falx with its sinuses, tentorium; thinner than a voxel, so only a share of it."""
    falx = np.exp(-0.5 * (x / 0.9) ** 2) * (brain.csf > 0.25) * brain.cortex * (z > -8)
    sagittal_sinus = np.exp(-0.5 * (x / 3.0) ** 2) * rim * (y < 45) * (z > 0)
    # The straight sinus and the vein of Galen, from behind the corpus callosum down and back.
    along = np.clip((-44 - y) / 30, 0, 1)
    middle = 6 - 14 * along
    straight = np.exp(-0.5 * ((x / 1.5) ** 2 + ((z - middle) / 2.0) ** 2)) * (y < -42) * (y > -80)
    tent = np.clip(1 - np.abs(brain.cerebellum - 0.45) / 0.16, 0, 1)
    tentorium = tent * (brain.csf > 0.15) * (0.30 + 0.1 * slow)
    transverse = tent * rim * (y < -50)
    return 0.35 * falx + 0.8 * sagittal_sinus + 0.9 * straight + tentorium + transverse


def _plexus(
    brain: Brain, x: np.ndarray, y: np.ndarray, z: np.ndarray, clumps: np.ndarray
) -> np.ndarray:
    """The choroid plexus, in the atria of the lateral ventricles."""
    atrium = ((np.abs(x) - 23) / 5) ** 2 + ((y + 40) / 8) ** 2 + ((z - 8) / 8) ** 2
    return 0.7 * np.exp(-0.5 * atrium) * brain.csf * sigmoid((clumps - 0.2) / 0.3)


def white_lesions(rng: np.random.Generator, brain: Brain, ageing: float) -> np.ndarray:
    """Return the share of white matter that age has changed: caps at the ventricles, and spots."""
    spots = smooth_field(rng, brain.axes, REGION, 2.4)
    spots += 1.9 * brain.near_ventricle - (3.9 - 1.3 * ageing)
    return sigmoid(spots / 0.18) * brain.white
