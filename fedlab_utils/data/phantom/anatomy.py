"""One patient's anatomy: what every voxel is made of, before any scanner looks at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.phantom.brain import Brain, build_brain, draw_pose, grid_axes
from fedlab_utils.data.phantom.lesion import grow_lesion, plan_foci
from fedlab_utils.data.phantom.plan import PatientPlan, draw_plan, stream
from fedlab_utils.data.phantom.tissue import HEALTHY, NAMES
from fedlab_utils.data.phantom.vessels import vessel_fraction, white_lesions


@dataclass(frozen=True)
class Anatomy:
    """What a patient's head is made of, in the brain's bounding box.

    Attributes
    ----------
    plan
        Who the patient is.
    fractions
        ``(tissues, x, y, z)`` float32, order of ``tissue.NAMES``; sums to 1 in the brain.
    labels
        ``(x, y, z)`` uint8, canonical labels.
    mask
        ``(x, y, z)`` bool, brain.
    axes
        Voxel centres of the box in mm.
    box
        Where the box lies in the whole volume.
    lesion_box
        Where, within the box, tumour can be; nothing but healthy tissue outside.
    shape
        Size of the whole volume in voxels.
    spacing
        Voxel edge, mm.
    """

    plan: PatientPlan
    fractions: np.ndarray
    labels: np.ndarray
    mask: np.ndarray
    axes: tuple[np.ndarray, np.ndarray, np.ndarray]
    box: tuple[slice, slice, slice]
    lesion_box: tuple[slice, slice, slice]
    shape: tuple[int, int, int]
    spacing: float

    def whole(self, part: np.ndarray) -> np.ndarray:
        """Put an array ``(..., x, y, z)`` of the box into the whole volume, zero elsewhere."""
        out = np.zeros((*part.shape[:-3], *self.shape), part.dtype)
        out[(..., *self.box)] = part
        return out


def make_anatomy(index: int, seed: int = 0, spacing: float = 2.0) -> Anatomy:
    """Make the anatomy of patient ``index`` of the cohort ``seed``.

    Parameters
    ----------
    index
        The patient's number; independent of how many patients there are.
    seed
        The cohort.
    spacing
        Voxel edge in mm. The volume is 240 x 240 x 155 mm.
    """
    plan = draw_plan(index, seed)
    rng = stream(seed, index, "anatomy")
    pose = draw_pose(rng)
    foci, pushes = plan_foci(stream(seed, index, "foci"), plan.tumour, pose)
    brain = build_brain(rng, pose, plan.ageing, spacing, pushes)
    lesion = grow_lesion(stream(seed, index, "lesion"), brain, foci, plan.tumour, spacing)
    fractions = _healthy(stream(seed, index, "vessels"), brain, plan.ageing)
    left = np.clip(1 - sum(lesion.fractions.values()), 0, 1)
    inside = fractions[:, *lesion.box]
    inside[:HEALTHY] *= left
    for name, share in lesion.fractions.items():
        inside[NAMES.index(name)] = share
    labels = np.zeros(brain.mask.shape, np.uint8)
    labels[lesion.box] = lesion.labels * brain.mask[lesion.box]
    shape = tuple(len(axis) for axis in grid_axes(spacing))
    return Anatomy(
        plan, fractions, labels, brain.mask, brain.axes, brain.box, lesion.box, shape, spacing
    )


def _healthy(rng: np.random.Generator, brain: Brain, ageing: float) -> np.ndarray:
    """Return the fractions of a head without tumour, ``(tissues, X, Y, Z)``."""
    out = np.zeros((len(NAMES), *brain.mask.shape), np.float32)
    vessel, lesion = vessel_fraction(rng, brain), white_lesions(rng, brain, ageing)
    rest = (1 - vessel) * (1 - lesion)
    parts = dict(zip(NAMES, out, strict=True))
    np.multiply(brain.white, rest, out=parts["white"])
    grey = brain.grey * rest
    np.multiply(grey, brain.cortex, out=parts["grey"])
    np.maximum(grey - parts["grey"], 0, out=parts["deep_grey"])
    np.multiply(brain.csf, rest, out=parts["csf"])
    parts["vessel"][...] = vessel
    np.multiply(lesion, 1 - vessel, out=parts["white_lesion"])
    return out
