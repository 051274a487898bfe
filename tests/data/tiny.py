"""A small made-up patient: an ellipsoid brain with a round tumour, quick to make and to check."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

from fedlab_utils.data.case import Case, FileGrid
from fedlab_utils.data.layouts import CaseFiles, find_cases

SHAPE = (44, 52, 40)


def brain(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """An ellipsoid that fills most of the volume: 1.4 l at 4 mm."""
    at = np.indices(shape, np.float32)
    middle = (np.array(shape) - 1) / 2
    radius = middle * 0.82
    return sum(((a - m) / r) ** 2 for a, m, r in zip(at, middle, radius, strict=True)) <= 1


def labels(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Oedema around an enhancing rim around necrosis, in canonical numbering."""
    centre = np.array(shape).reshape(3, 1, 1, 1) * np.array([0.62, 0.45, 0.55]).reshape(3, 1, 1, 1)
    distance = np.linalg.norm(np.indices(shape) - centre, axis=0)
    result = np.zeros(shape, np.uint8)
    result[distance < 9] = 2
    result[distance < 6] = 3
    result[distance < 3] = 1
    return result * brain(shape)


def image(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> np.ndarray:
    """Positive whole numbers in the brain, brighter towards the right and in the tumour."""
    rng = np.random.default_rng(seed)
    inside, tumour = brain(shape), labels(shape)
    slope = np.linspace(0, 60, shape[0]).reshape(-1, 1, 1)
    volumes = [
        300 + 50 * c + slope + 40 * tumour + rng.normal(0, 10, shape).astype(np.float32)
        for c in range(4)
    ]
    return np.stack([np.where(inside, np.round(v), 0) for v in volumes]).astype(np.float32)


def case(
    spacing: tuple[float, float, float] = (4.0, 4.0, 4.0),
    origin: tuple[float, float, float] = (-90.0, -110.0, -70.0),
    case_id: str = "Brats18_Tiny_1_1",
    **changes: object,
) -> Case:
    """The patient in memory; ``changes`` replace fields of the Case."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    names = {s: Path(f"{case_id}_{s.lower()}.nii.gz") for s in ("T1", "T1ce", "T2", "FLAIR")}
    files = CaseFiles(case_id, case_id, "", "brats2018", "brats2017", names)
    fields = {
        "files": files,
        "image": image(),
        "labels": labels(),
        "affine": affine,
        "spacing": spacing,
        "grid": FileGrid(SHAPE, affine),
    }
    return Case(**{**fields, **changes})


def write(root: Path, case_id: str = "Brats18_Tiny_1_1", seed: int = 0) -> CaseFiles:
    """The patient as files in the BraTS 2018 layout, axes left-posterior-superior."""
    folder = root / case_id
    folder.mkdir(parents=True)
    affine = np.diag([-4.0, -4.0, 4.0, 1.0])
    affine[:3, 3] = (90.0, 110.0, -70.0)
    stored = labels()[::-1, ::-1]
    stored = np.where(stored == 3, 4, stored).astype(np.uint8)
    nib.save(nib.Nifti1Image(stored, affine), folder / f"{case_id}_seg.nii.gz")
    suffixes = ("t1", "t1ce", "t2", "flair")
    for suffix, volume in zip(suffixes, image(seed=seed), strict=True):
        turned = volume[::-1, ::-1].astype(np.int16)
        nib.save(nib.Nifti1Image(turned, affine), folder / f"{case_id}_{suffix}.nii.gz")
    return next(c for c in find_cases(root).cases if c.case_id == case_id)
