"""A whole phantom patient: images, labels and record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedlab_utils.data.phantom.anatomy import Anatomy, make_anatomy
from fedlab_utils.data.phantom.clinical import record_of
from fedlab_utils.data.phantom.rendering import render
from fedlab_utils.data.phantom.scanner import Scanner


@dataclass(frozen=True)
class PhantomPatient:
    """One patient, ready to look at or to write.

    Attributes
    ----------
    case_id
        ``"Phantom01_017"``: institution and number.
    image
        ``(4, X, Y, Z)`` float32 in RAS, whole numbers, 0 outside the brain.
    labels
        ``(X, Y, Z)`` uint8, canonical.
    mask
        ``(X, Y, Z)`` bool, brain.
    affine
        ``(4, 4)`` float64, voxel to RAS mm.
    clinical
        The health record; see :func:`fedlab_utils.data.phantom.clinical.clinical_record`.
    anatomy
        What the images were rendered from.
    """

    case_id: str
    image: np.ndarray
    labels: np.ndarray
    mask: np.ndarray
    affine: np.ndarray
    clinical: dict[str, object]
    anatomy: Anatomy


def ras_affine(spacing: float) -> np.ndarray:
    """Return the affine of a volume in RAS: the space of BraTS files, at any spacing."""
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = np.array([-239.5, -0.5, -0.5]) + spacing / 2
    return affine


def make_patient(
    index: int, seed: int = 0, spacing: float = 2.0, scanner: Scanner | str | None = None
) -> PhantomPatient:
    """Make patient ``index`` of the cohort ``seed``.

    Parameters
    ----------
    index
        The patient's number. Its content does not depend on how many others are made, or where.
    seed
        The cohort.
    spacing
        Voxel edge in mm: 120 x 120 x 78 voxels at 2 mm, 240 x 240 x 155 at 1 mm.
    scanner
        A scanner or its name; None: that of the patient's own hospital.
    """
    anatomy = make_anatomy(index, seed, spacing)
    return PhantomPatient(
        f"Phantom{anatomy.plan.institution}_{index + 1:03d}",
        render(anatomy, scanner),
        anatomy.whole(anatomy.labels),
        anatomy.whole(anatomy.mask),
        ras_affine(spacing),
        record_of(anatomy.plan),
        anatomy,
    )
