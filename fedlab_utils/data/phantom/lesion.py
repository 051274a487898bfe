"""The tumour: a core that pushes and dies inside, oedema that runs along white matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from fedlab_utils.data.phantom.brain import Brain, Pose, Push
from fedlab_utils.data.phantom.fields import (
    Axes,
    apply_matrices,
    linear_matrix,
    sigmoid,
    smooth_field,
)
from fedlab_utils.data.phantom.plan import TumourPlan

LATTICE_MM = 3.0
"""Grid on which oedema spreads: fine enough for gyri, coarse enough to be quick."""


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
        pushes.append(Push(focus.centre, radius * swelling, float(rng.uniform(0.12, 0.42))))
    return foci, pushes


def grow_lesion(
    rng: np.random.Generator, brain: Brain, foci: list[Focus], plan: TumourPlan, spacing: float
) -> Lesion:
    """Grow the planned tumour in a brain that has already given way to it."""
    box, axes, extent = _box(brain, foci, plan)
    white, grey, csf = (part[box] for part in (brain.white, brain.grey, brain.csf))
    allowed = brain.mask[box] & (csf < 0.5) & (brain.cerebellum[box] < 0.5)
    across = -np.sign(plan.centre_mni[0]) * brain.mni[0][box]  # mm beyond the midline
    bridge = _in_corpus_callosum(brain.mni[:, *box]) * white
    barrier = np.clip(across + 1.0, 0, None) * (1 - bridge)
    diffuse = plan.style in ("none", "patchy")
    level = _core_level(rng, axes, extent, foci, 0.30 if diffuse else 0.20)
    level += (0.28 if diffuse else 0.10) * (white - grey) - 0.25 * barrier
    level = np.where(allowed, level, -9.0)
    voxel_ml = spacing**3 / 1000
    level -= _threshold(level, plan.core_ml / voxel_ml, floor=-1.0)
    depth = level * foci[0].radius_mm
    core = sigmoid(depth / (0.9 if diffuse else 0.45))
    arrival = _spread(core, white, grey, np.where(allowed, barrier, 9.0), axes, extent)
    ragged = smooth_field(rng, axes, extent, 1.8) * 0.5 + smooth_field(rng, axes, extent, 4.5) * 1.1
    outside = np.where(allowed & (level < 0), -(arrival + ragged + 2.5 * grey), -99.0)
    reach = _threshold(outside, (plan.whole_ml - plan.core_ml) / voxel_ml, floor=-30.0)
    margin = outside - reach
    wet = np.where(allowed, sigmoid(margin / 0.8), 0.0) * (1 - core)
    # Wettest where the front came early, thin at its edge; grey matter takes up less.
    wetness = (0.62 + 0.38 * sigmoid((margin - 5) / 3)) * (0.35 + 0.65 * white)
    return _compose(rng, axes, extent, depth, core, wet, wetness, plan, box)


def _box(
    brain: Brain, foci: list[Focus], plan: TumourPlan
) -> tuple[tuple[slice, slice, slice], Axes, tuple[tuple[float, float], ...]]:
    """Return the voxels that the tumour can reach, their axes, and their extent in mm."""
    margin = 14 + 1.2 * (plan.whole_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    centres = np.array([focus.centre for focus in foci])
    low, high = centres.min(0) - margin, centres.max(0) + margin
    box = tuple(
        slice(int(np.searchsorted(a, lo)), int(np.searchsorted(a, hi)))
        for a, lo, hi in zip(brain.axes, low, high, strict=True)
    )
    axes = tuple(a[s] for a, s in zip(brain.axes, box, strict=True))
    return box, axes, tuple(zip(low.tolist(), high.tolist(), strict=True))


def _in_corpus_callosum(mni: np.ndarray) -> np.ndarray:
    """Return 1 where fibres cross the midline, else 0: there a tumour may cross too."""
    _, y, z = mni
    return ((z > 2) & (z < 32) & (y > -42) & (y < 34)).astype(np.float32)


def _core_level(
    rng: np.random.Generator,
    axes: Axes,
    extent: tuple[tuple[float, float], ...],
    foci: list[Focus],
    lumpy: float,
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
    lumps = smooth_field(rng, axes, extent, max(0.33 * radius, 2.5))
    bumps = smooth_field(rng, axes, extent, max(0.14 * radius, 1.5))
    return best + lumpy * lumps + 0.4 * lumpy * bumps


def _threshold(score: np.ndarray, count: float, floor: float) -> float:
    """Return the score that ``count`` voxels exceed, but never below ``floor``."""
    flat = score.ravel()
    wanted = int(np.clip(round(count), 1, flat.size - 1))
    return max(float(np.partition(flat, flat.size - wanted)[flat.size - wanted]), floor)


def _spread(
    core: np.ndarray,
    white: np.ndarray,
    grey: np.ndarray,
    barrier: np.ndarray,
    axes: Axes,
    extent: tuple[tuple[float, float], ...],
    rounds: int = 34,
) -> np.ndarray:
    """Return when a front that starts at the core arrives, in rounds: early along white matter.

    The Fisher-Kolmogorov equation of glioma growth, dc/dt = div(D grad c) + rho c (1 - c), with D
    larger in white than in grey matter and none in CSF (Swanson, Alvord, Murray, Cell Prolif
    33:317-329, 2000). Here it drives the oedema, on a coarse lattice.
    """
    lattice = tuple(np.arange(low, high + LATTICE_MM, LATTICE_MM) for low, high in extent)
    down = tuple(_averaging(n, a) for n, a in zip(lattice, axes, strict=True))
    speed = np.clip(white + 0.07 * grey, 0, 1) * np.exp(-1.5 * np.clip(barrier, 0, 6))
    c, speed = apply_matrices(np.stack([core, speed]).astype(np.float32), down)
    speed = speed.clip(0, 1)
    flow = [0.16 * np.sqrt(_ahead(speed, k) * _behind(speed, k)) for k in range(3)]
    arrived = np.full(c.shape, float(rounds), np.float32)
    for number in range(rounds):
        change = 0.35 * c * (1 - c) * speed
        for axis, rate in enumerate(flow):
            moved = rate * (_ahead(c, axis) - _behind(c, axis))
            _behind(change, axis)[...] += moved
            _ahead(change, axis)[...] -= moved
        c += change
        np.minimum(arrived, np.where(c > 0.3, number, rounds), out=arrived)
    # Between the rounds: how far the voxel has come by the last one tells those not reached apart.
    arrived += 4 * (0.3 - np.minimum(c, 0.3)) * (arrived >= rounds)
    return apply_matrices(
        arrived, tuple(linear_matrix(a, n) for a, n in zip(axes, lattice, strict=True))
    )


def _averaging(nodes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Average over the voxels around each node; nothing where there are none."""
    weights = np.maximum(0.0, 1 - np.abs(nodes[:, None] - at[None, :]) / LATTICE_MM)
    return weights / np.maximum(weights.sum(1, keepdims=True), 0.5)


def _ahead(array: np.ndarray, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(1, None),)]


def _behind(array: np.ndarray, axis: int) -> np.ndarray:
    return array[(slice(None),) * axis + (slice(None, -1),)]


def _compose(
    rng: np.random.Generator,
    axes: Axes,
    extent: tuple[tuple[float, float], ...],
    depth: np.ndarray,
    core: np.ndarray,
    wet: np.ndarray,
    wetness: np.ndarray,
    plan: TumourPlan,
    box: tuple[slice, slice, slice],
) -> Lesion:
    """Divide the core into rim, solid tumour and necrosis; label; mix tissues."""
    fine = smooth_field(rng, axes, extent, 1.6)
    middle = smooth_field(rng, axes, extent, 3.4)
    slow = smooth_field(rng, axes, extent, 7.5)
    deep = sigmoid((depth - 2) / 0.5)
    if plan.style == "ring":
        thickness = rng.uniform(2.0, 9.0) * np.exp(0.5 * slow) + 1.6 * middle
        dead = sigmoid((depth - thickness + 0.9 * fine) / 0.5)
        holes = sigmoid((fine + 0.6 * middle - rng.uniform(1.7, 2.8)) / 0.2) * deep
        dead = np.maximum(dead, holes)
        closed = 1 - sigmoid((middle + 0.8 * slow - rng.uniform(1.3, 2.8)) / 0.2)
    elif plan.style == "solid":
        dead = sigmoid((middle + 0.5 * fine + 0.7 * slow - rng.uniform(1.6, 2.8)) / 0.2) * deep
        closed = sigmoid((slow + 1.6) / 0.2)
    elif plan.style == "patchy":
        dead = sigmoid((slow + 0.6 * middle - rng.uniform(1.0, 2.0)) / 0.2) * deep
        closed = sigmoid((0.5 * slow + middle + 0.5 * fine - rng.uniform(0.5, 1.5)) / 0.2)
    else:
        dead = sigmoid((slow + 0.4 * middle - rng.uniform(1.4, 3.0)) / 0.2) * deep
        closed = np.zeros_like(core)
    rim = (1 - dead) * closed
    rim, dead = core * rim, core * dead
    solid = np.maximum(core - rim - dead, 0)
    labels = np.zeros(core.shape, np.uint8)
    labels[wet > 0.45] = OEDEMA
    inside = core > 0.5
    labels[inside] = NECROSIS
    labels[inside & (rim > 0.5 * core)] = ENHANCING
    strong = np.clip(rng.uniform(0.35, 0.85) + 0.22 * middle + 0.15 * fine, 0.03, 1.0)
    liquid = np.clip(sigmoid((slow + rng.normal(-1.1, 0.9)) / 0.4), 0, 1)
    bleeding = rng.random() < 0.15
    clot = sigmoid((middle + 0.5 * slow - 1.7) / 0.15) if bleeding else np.zeros_like(core)
    soaked = wet * np.clip(wetness + 0.08 * slow + 0.06 * middle, 0.1, 1.0)
    fractions = {
        "oedema": soaked,
        "solid": solid,
        "weak_rim": rim * (1 - strong),
        "strong_rim": rim * strong,
        "necrosis": dead * (1 - liquid) * (1 - clot),
        "cyst": dead * liquid * (1 - clot),
        "blood": dead * clot,
    }
    return Lesion(labels, {k: v.astype(np.float32) for k, v in fractions.items()}, box)
