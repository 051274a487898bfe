"""One person's healthy brain: the average, posed, bent, folded and aged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.brain import bounding_box
from fedlab_utils.data.phantom.fields import Axes, apply_matrices, linear_matrix, smooth_field
from fedlab_utils.data.phantom.template import Maps, load_template

FIELD_OF_VIEW_MM = (240.0, 240.0, 155.0)
"""Size of a BraTS volume. Patient coordinates run from 0 to these, towards right, front and top."""

REGION = ((40.0, 202.0), (15.0, 212.0), (0.0, 155.0))
"""Where a brain can be, in patient coordinates: random fields need to cover no more."""

_LOOSEST = 0.46
"""Where skull stripping leaves most: the share of the average brain mask at the surface there."""


@dataclass(frozen=True)
class Pose:
    """Where a head lies and how large it is: MNI coordinates to patient coordinates and back.

    Attributes
    ----------
    matrix
        ``(3, 3)``, MNI mm to patient mm.
    centre
        Patient coordinates of the MNI point :data:`MNI_CENTRE`.
    """

    matrix: np.ndarray
    centre: np.ndarray

    def to_patient(self, mni: np.ndarray) -> np.ndarray:
        """Map ``(3,)`` from MNI to patient coordinates, before any bending."""
        return self.centre + self.matrix @ (np.asarray(mni) - MNI_CENTRE)

    def to_mni(self, points: np.ndarray) -> np.ndarray:
        """Map ``(3, ...)`` from patient to MNI coordinates, before any bending."""
        lead = (3,) + (1,) * (points.ndim - 1)
        moved = np.tensordot(
            np.linalg.inv(self.matrix), points - self.centre.reshape(lead), axes=(1, 0)
        )
        return moved + MNI_CENTRE.reshape(lead)


MNI_CENTRE = np.array([0.0, -17.0, 6.0])


@dataclass(frozen=True)
class Push:
    """Mass effect: tissue gives way to something that grew at one place.

    Attributes
    ----------
    centre
        Patient coordinates, mm.
    radius_mm
        Radius of what grew.
    strength
        Share of its volume that pushed tissue aside, in [0, 1); the rest replaced tissue.
    """

    centre: np.ndarray
    radius_mm: float
    strength: float


@dataclass(frozen=True)
class Brain:
    """A healthy brain in its bounding box.

    Attributes
    ----------
    white, grey, csf
        ``(X, Y, Z)`` float32, fractions that sum to 1.
    cortex, near_ventricle, cerebellum
        How cortical a place is, how near the ventricles, and cerebellum; float32 in [0, 1].
    inside
        Average brain mask: about 0.6 at the surface, 1 a few millimetres below it.
    mask
        Brain, bool.
    mni
        ``(3, X, Y, Z)`` float32, where in the average brain each voxel comes from, in mm.
    axes
        Voxel centres in patient coordinates, mm.
    box
        Where the box lies in the whole volume.
    """

    white: np.ndarray
    grey: np.ndarray
    csf: np.ndarray
    cortex: np.ndarray
    near_ventricle: np.ndarray
    cerebellum: np.ndarray
    inside: np.ndarray
    mask: np.ndarray
    mni: np.ndarray
    axes: Axes
    box: tuple[slice, slice, slice]


def draw_pose(rng: np.random.Generator) -> Pose:
    """Draw size, tilt and place of a head as BraTS has them after its rigid registration."""
    size = 0.915 * np.exp(rng.normal(0, 0.025)) * np.exp(rng.normal(0, 0.02, 3))
    tilt = np.deg2rad(rng.normal(0, (3.0, 2.0, 2.5)))
    turn = np.eye(3)
    for axis, angle in enumerate(tilt):
        i, j = [a for a in range(3) if a != axis]
        one = np.eye(3)
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        turn = turn @ one
    centre = np.array([120.0, 113.0, 76.0]) + rng.normal(0, (1.5, 3.0, 3.0))
    return Pose(turn * size, centre)


def grid_axes(spacing: float) -> Axes:
    """Return the voxel centres of the whole volume in patient coordinates, mm."""
    return tuple((np.arange(round(s / spacing)) + 0.5) * spacing for s in FIELD_OF_VIEW_MM)


def build_brain(
    rng: np.random.Generator, pose: Pose, ageing: float, spacing: float, pushes: list[Push]
) -> Brain:
    """Make one person's brain on the grid of ``spacing`` mm.

    Parameters
    ----------
    rng
        Source of shape and folds.
    pose
        Where the head lies.
    ageing
        0 at twenty-five, about 1 at eighty-five: widens ventricles and sulci.
    spacing
        Voxel edge, mm.
    pushes
        Mass effects to give way to.
    """
    template = load_template(1 if spacing < 1.5 else 2)
    box, axes = _bounding_box(pose, spacing)
    mni, regions = _bent_coordinates(rng, pose, ageing, axes, pushes, template.shape)
    maps = template.tissue.sample(mni)
    tight = bounding_box(maps[2] > _LOOSEST)
    box = tuple(slice(b.start + t.start, b.start + t.stop) for b, t in zip(box, tight, strict=True))
    axes = tuple(axis[part] for axis, part in zip(axes, tight, strict=True))
    mni, regions, maps = (np.ascontiguousarray(a[:, *tight]) for a in (mni, regions, maps))
    white_odds, csf_odds, inside = maps
    cortex, near_ventricle, cerebellum, squeezed = regions
    folds = smooth_field(rng, axes, REGION, 2.3, band=True)
    detail = smooth_field(rng, axes, REGION, 1.7)
    # The zero surfaces of a band-limited field are sheets that fold like sulci; crowns lie between.
    crown = np.abs(folds, out=folds)
    crown -= 0.8
    own = cortex * (1 - cerebellum)
    sharp = 1.0 + 1.3 * cortex
    white_odds *= sharp
    white_odds += own * (1.3 * crown + 0.3 * detail)
    csf_odds += 1.0 * ageing - 0.95 + 0.5 * cortex - 2.0 * squeezed
    csf_odds *= sharp
    csf_odds += own * (0.3 * detail - 1.2 * crown)
    _add_folia(rng, axes, cerebellum, white_odds)
    white, csf = np.exp(white_odds, out=white_odds), np.exp(csf_odds, out=csf_odds)
    grey = 1 / (1 + white + csf)
    white *= grey
    csf *= grey
    mask = inside > 0.70 + (0.70 - _LOOSEST) * np.tanh(0.6 * smooth_field(rng, axes, REGION, 6.0))
    return Brain(white, grey, csf, cortex, near_ventricle, cerebellum, inside, mask, mni, axes, box)


def _add_folia(
    rng: np.random.Generator, axes: Axes, cerebellum: np.ndarray, white_odds: np.ndarray
) -> None:
    """Fold the cerebellum: leaves that lie nearly flat, a few millimetres apart. In place."""
    part = bounding_box(cerebellum > 0.05)
    inner = tuple(a[s] for a, s in zip(axes, part, strict=True))
    extent = (REGION[0], (REGION[1][0], 130.0), (REGION[2][0], 90.0))
    leaves = smooth_field(rng, inner, extent, (7.0, 4.0, 1.3), band=True)
    white_odds[part] += 1.5 * cerebellum[part] * leaves


def _bounding_box(pose: Pose, spacing: float) -> tuple[tuple[slice, slice, slice], Axes]:
    """Return the voxels that the head can reach, with a margin for bending."""
    reach = np.abs(pose.matrix) @ np.array([74.0, 92.0, 79.0]) + 3
    whole = grid_axes(spacing)
    box = []
    for axis, centre, span in zip(whole, pose.centre, reach, strict=True):
        low, high = np.searchsorted(axis, [centre - span, centre + span])
        box.append(slice(int(low), int(high)))
    return tuple(box), tuple(a[s] for a, s in zip(whole, box, strict=True))


def _bent_coordinates(
    rng: np.random.Generator,
    pose: Pose,
    ageing: float,
    axes: Axes,
    pushes: list[Push],
    shape: Maps,
) -> tuple[np.ndarray, np.ndarray]:
    """Return where in the average brain each voxel comes from, and the regions there.

    MNI mm ``(3, X, Y, Z)``; how cortical, near a ventricle, cerebellar, and squeezed by a mass
    ``(4, X, Y, Z)``.
    """
    coarse = tuple(np.arange(low, high + 4, 4.0) for low, high in REGION)
    points = np.stack(np.meshgrid(*coarse, indexing="ij"))
    mni = pose.to_mni(points)
    pull_x, pull_y, pull_z, depth = shape.sample(mni)[:4]
    bend = 2.6 * smooth_field(rng, coarse, REGION, 30.0, channels=3)
    bend += 1.4 * smooth_field(rng, coarse, REGION, 9.0, channels=3)
    shift = bend + (6.5 * ageing - 1.0) * np.stack([pull_x, pull_y, pull_z])
    firm = np.clip(depth / 14.0, 0, 1)  # the skull does not give way
    tight = np.zeros_like(depth)
    for push in pushes:
        away = points - push.centre.reshape(3, 1, 1, 1)
        distance = np.maximum(np.sqrt((away**2).sum(0)) / push.radius_mm, 1.0)
        # Tissue is not compressible: what was at r' is now at r, with r^3 - r'^3 the volume pushed.
        inward = 1 - np.cbrt(1 - push.strength / distance**3)
        shift -= np.tensordot(np.linalg.inv(pose.matrix), away * inward * firm, axes=(1, 0))
        np.maximum(tight, push.strength * np.exp(-(((distance - 1) / 0.9) ** 2)), out=tight)
    # CSF makes room: ventricles shrink and sulci close around the mass.
    shift -= 6.0 * tight * np.stack([pull_x, pull_y, pull_z])
    mni = mni + shift
    regions = shape.sample(mni)[4:]
    matrices = tuple(linear_matrix(a, c) for a, c in zip(axes, coarse, strict=True))
    fine = apply_matrices(np.concatenate([mni, regions, tight[None]]).astype(np.float32), matrices)
    return fine[:3], fine[3:]
