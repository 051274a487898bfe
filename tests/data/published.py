"""Small cases written under the names of the published data sets, by nibabel alone."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np

SHAPE = (12, 14, 10)
LPS = np.array([[-1.0, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1]])
"""The affine of BraTS files: axes towards left, posterior, superior."""

BRATS = {"T1": "_t1", "T1ce": "_t1ce", "T2": "_t2", "FLAIR": "_flair", "label": "_seg"}
BRATS_2023 = {"T1": "-t1n", "T1ce": "-t1c", "T2": "-t2w", "FLAIR": "-t2f", "label": "-seg"}
UPENN = {"T1": "_T1", "T1ce": "_T1GD", "T2": "_T2", "FLAIR": "_FLAIR"}
UCSF = {
    "T1": "_T1",
    "T1ce": "_T1c",
    "T2": "_T2",
    "FLAIR": "_FLAIR",
    "label": "_tumor_segmentation",
}
MEAN = {"T1": 100, "T1ce": 200, "T2": 300, "FLAIR": 400}
"""Mean intensity by which a test tells the sequences apart."""


def brain() -> np.ndarray:
    """Mask of the voxels that are not background, not symmetric along any axis."""
    mask = np.zeros(SHAPE, bool)
    mask[1:10, 2:13, 1:9] = True
    return mask


def scan(sequence: str) -> np.ndarray:
    """One sequence, int16, background 0."""
    noise = np.random.default_rng(MEAN[sequence]).integers(-20, 20, SHAPE)
    return np.where(brain(), MEAN[sequence] + noise, 0).astype(np.int16)


def segmentation(oedema: int = 2, necrosis: int = 1, enhancing: int = 4) -> np.ndarray:
    """A tumour of 60 voxels: 36 oedema, 12 enhancing, 12 necrosis; uint8."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:7, 3:6, 2:6] = oedema
    labels[2:4, 3:6, 2:4] = necrosis
    labels[5:7, 3:6, 4:6] = enhancing
    return labels


def save(path: Path, array: np.ndarray, affine: np.ndarray = LPS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


def write_case(
    folder: Path,
    case_id: str,
    suffixes: dict[str, str] = BRATS,
    labels: np.ndarray | None = None,
    ending: str = ".nii.gz",
) -> Path:
    """Write a case as published, with ``labels`` or those of BraTS 2021, and return its folder."""
    labels = segmentation() if labels is None else labels
    for role, suffix in suffixes.items():
        array = labels if role == "label" else scan(role)
        save(folder / f"{case_id}{suffix}{ending}", array)
    return folder


def write_msd(root: Path, number: int = 1) -> Path:
    """Write a case of the Decathlon's Task01: volumes FLAIR, T1w, t1gd, T2w."""
    name = f"BRATS_{number:03d}.nii.gz"
    volumes = np.stack([scan(s) for s in ("FLAIR", "T1", "T1ce", "T2")], axis=-1)
    save(root / "imagesTr" / name, volumes.astype(np.float32))
    save(root / "labelsTr" / name, segmentation(oedema=1, necrosis=2, enhancing=3))
    (root / "imagesTr" / f"._{name}").write_bytes(b"\0\5\x16\7Mac OS X")
    return root
