"""The tumour: a core that pushes and dies inside, oedema that runs along white matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from fedlab_utils.data.phantom.brain import Brain, Pose, Push
from fedlab_utils.data.phantom.composition import compose
from fedlab_utils.data.phantom.fields import Axes, sigmoid, smooth_field
from fedlab_utils.data.phantom.growth import front_arrival
from fedlab_utils.data.phantom.plan import TumourPlan


@dataclass(frozen=True)
class Focus:
    """One core: where it sits and its shape.

    Attributes
    ----------
    centre
        Patient coordinates, mm.
    radius_mm
        Of the sphere with its volume.
    frame
        ``(3, 3)``: offset in mm to units of the ellipsoid's half axes.
    """

    centre: np.ndarray
    radius_mm: float
    frame: np.ndarray


@dataclass(frozen=True)
class Lesion:
    """The tumour in its box.

    Attributes
    ----------
    labels
        ``(x, y, z)`` uint8, canonical.
    fractions
        Tissue name -> ``(x, y, z)`` float32 share of each voxel. What is left is the healthy brain.
    box
        Where it lies in the brain's box.
    """

    labels: np.ndarray
    fractions: dict[str, np.ndarray]
    box: tuple[slice, slice, slice]


def plan_foci(
    rng: np.random.Generator, plan: TumourPlan, pose: Pose
) -> tuple[list[Focus], list[Push]]:
    """Return the cores and the mass effect each has, from the plan."""
    shares = np.array([1.0, 0.28, 0.18])[: plan.foci] * np.exp(rng.normal(0, 0.2, plan.foci))
    shares /= shares.sum()
    foci, pushes = [], []
    for number, share in enumerate(shares):
        radius = float((plan.core_ml * share * 1000 * 3 / (4 * np.pi)) ** (1 / 3))
        place = np.array(plan.centre_mni)
        if number:  # satellites grow in the same hemisphere, along it rather than across
            place = place + rng.normal(0, (6, 22, 12))
            place[0] = np.sign(plan.centre_mni[0]) * np.clip(abs(place[0]), 12, 48)
            place[1:] = np.clip(place[1:], (-80, -20), (48, 50))
        axes = np.exp(rng.normal(0, 0.2, 3))
        axes /= np.prod(axes) ** (1 / 3)
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        focus = Focus(pose.to_patient(place), radius, (turn / (radius * axes)).T)
        swelling = (plan.whole_ml / plan.core_ml) ** (1 / 6)
        foci.append(focus)
        pushes.append(Push(focus.centre, radius * swelling, float(rng.uniform(0.3, 0.8))))
    return foci, pushes


def grow_lesion(
    rng: np.random.Generator, brain: Brain, foci: list[Focus], plan: TumourPlan, spacing: float
) -> Lesion:
    """Grow the planned tumour in a brain that has already given way to it."""
    box, axes, extent = _box(brain, foci, plan)
    field = partial(smooth_field, rng, axes, extent)
    white, grey, csf = (part[box] for part in (brain.white, brain.grey, brain.csf))
    allowed = brain.mask[box] & (csf < 0.5) & (brain.cerebellum[box] < 0.5)
    barrier = _beyond_midline(brain.mni[:, *box], plan, white)
    diffuse = plan.style in ("none", "patchy")
    level = _core_level(field, axes, foci, 0.30 if diffuse else 0.20)
    level += (0.28 if diffuse else 0.10) * (white - grey) - 0.25 * barrier
    level = np.where(allowed, level, -9.0)
    voxel_ml = spacing**3 / 1000
    level -= _threshold(level, plan.core_ml / voxel_ml, floor=-1.0)
    depth = level * foci[0].radius_mm
    core = sigmoid(depth / (0.9 if diffuse else 0.45))
    # One set of fields serves outside and inside the core, which never meet.
    fine, middle, slow = field(1.6), field(3.4), field(7.5)
    ease = np.exp(0.6 * slow)  # bundles differ: fingers form
    speed = np.clip(white + 0.07 * grey, 0, 1) * ease
    speed *= np.exp(-1.5 * np.clip(np.where(allowed, barrier, 9.0), 0, 6))
    arrival = front_arrival(core, speed, axes, extent, enough_ml=1.7 * plan.whole_ml + 10)
    ragged = fine + 1.8 * middle + 0.8 * _near_limit(axes, extent)
    outside = np.where(allowed & (level < 0), -(arrival + ragged + 3.5 * grey), -99.0)
    margin = outside - _threshold(outside, (plan.whole_ml - plan.core_ml) / voxel_ml, floor=-90.0)
    wet = np.where(allowed, sigmoid(margin / 0.8), 0.0) * (1 - core)
    # Wettest where the front came early, thin at its edge; grey matter takes up less.
    wetness = (0.62 + 0.38 * sigmoid((margin - 5) / 3)) * (0.35 + 0.65 * white)
    labels, fractions = compose(rng, plan.style, depth, core, wet, wetness, (fine, middle, slow))
    return Lesion(labels, fractions, box)


def _box(
    brain: Brain, foci: list[Focus], plan: TumourPlan
) -> tuple[tuple[slice, slice, slice], Axes, tuple[tuple[float, float], ...]]:
    """Return the voxels that the tumour can reach, their axes, and their extent in mm."""
    margin = 16 + 1.5 * (plan.whole_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    centres = np.array([focus.centre for focus in foci])
    low, high = centres.min(0) - margin, centres.max(0) + margin
    box = tuple(
        slice(int(np.searchsorted(a, lo)), int(np.searchsorted(a, hi)))
        for a, lo, hi in zip(brain.axes, low, high, strict=True)
    )
    axes = tuple(a[s] for a, s in zip(brain.axes, box, strict=True))
    return box, axes, tuple(zip(low.tolist(), high.tolist(), strict=True))


def _near_limit(axes: Axes, extent: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Return mm into the outer 14 mm of the box: a tumour fades there rather than being cut off."""
    ramps = [
        np.clip(14 - np.minimum(axis - low, high - axis), 0, None).astype(np.float32)
        for axis, (low, high) in zip(axes, extent, strict=True)
    ]
    return np.maximum.outer(np.maximum.outer(ramps[0], ramps[1]), ramps[2])


def _beyond_midline(mni: np.ndarray, plan: TumourPlan, white: np.ndarray) -> np.ndarray:
    """Return how far beyond the midline each voxel lies, in mm, 0 where fibres may be followed.

    Falx and tentorium are in the way, but not of the corpus callosum.
    """
    x, y, z = mni
    across = np.clip(1.0 - np.sign(plan.centre_mni[0]) * x, 0, None)
    callosum = (z > 2) & (z < 32) & (y > -42) & (y < 34)
    return across * (1 - callosum * white)


def _core_level(
    field: Callable[[float], np.ndarray], axes: Axes, foci: list[Focus], lumpy: float
) -> np.ndarray:
    """Return how deep in the core each voxel lies, in radii: 0 at the surface, 1 in the middle."""
    best = None
    for focus in foci:
        offset = [a - c for a, c in zip(axes, focus.centre, strict=True)]
        squared = 0.0
        for row in focus.frame:
            part = (
                row[0] * offset[0][:, None, None]
                + row[1] * offset[1][None, :, None]
                + row[2] * offset[2][None, None, :]
            ).astype(np.float32)
            squared = squared + part * part
        level = (1 - np.sqrt(squared)) * (focus.radius_mm / foci[0].radius_mm)
        best = level if best is None else np.maximum(best, level)
    radius = foci[0].radius_mm
    lumps = field(max(0.33 * radius, 2.5))
    bumps = field(max(0.14 * radius, 1.5))
    return best + lumpy * lumps + 0.4 * lumpy * bumps


def _threshold(score: np.ndarray, count: float, floor: float) -> float:
    """Return the score that ``count`` voxels exceed, but never below ``floor``."""
    flat = score.ravel()
    wanted = int(np.clip(round(count), 1, flat.size - 1))
    return max(float(np.partition(flat, flat.size - wanted)[flat.size - wanted]), floor)
