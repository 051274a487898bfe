"""Write phantom patients as a public data set would look on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

import numpy as np

from fedlab_utils.data import naming
from fedlab_utils.data.atomic import new_folder
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.interrupts import first_interrupt_only
from fedlab_utils.data.labels import encode_labels
from fedlab_utils.data.nifti import write_nifti
from fedlab_utils.data.phantom.anatomy import make_anatomy
from fedlab_utils.data.phantom.clinical import clinical_record
from fedlab_utils.data.phantom.origin import MAX_SEED, write_origin
from fedlab_utils.data.phantom.patient import ras_affine
from fedlab_utils.data.phantom.plan import stream
from fedlab_utils.data.phantom.rendering import render
from fedlab_utils.data.phantom.tables import write_tables
from fedlab_utils.data.workers import spread
from fedlab_utils.errors import DataError

LAYOUTS = ("brats2018", "brats2021", "brats2023", "msd")
"""Layouts that can be written, of those that :mod:`fedlab_utils.data.naming` knows."""

SPACINGS = (0.5, 8.0)
"""Finest and coarsest voxel edge, mm."""

_SECOND_VISIT = 0.12
"""Share of patients who come twice, where the layout knows visits."""


@dataclass(frozen=True)
class _Job:
    """One patient to write."""

    folder: Path
    index: int
    seed: int
    spacing: float
    layout: str


def write_cohort(
    out: str | os.PathLike[str],
    cases: int,
    seed: int = 0,
    spacing: float = 2.0,
    layout: str = "brats2018",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make phantom patients and write them as NIfTI files and clinical tables.

    How they were made stands in ``phantom.json`` beside them, see
    :mod:`fedlab_utils.data.phantom.origin`.

    Parameters
    ----------
    out
        A folder that does not exist yet. It appears when everything is written, or not at all.
    cases
        How many patients, at least 1. The first n of a larger cohort of the same seed are the same
        patients.
    seed
        The cohort, from 0 to 2**128 - 1.
    spacing
        Voxel edge, 0.5 to 8 mm.
    layout
        ``"brats2018"``, ``"brats2021"``, ``"brats2023"`` (some patients have two visits) or
        ``"msd"``.
    workers
        Processes; None: one per core. The files do not depend on it.
    progress
        Called with (patients done, patients in all).

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    DataError
        If ``out`` exists or cannot be written, the layout is unknown, or a number is out of range.
    """
    out = Path(out)
    _check_settings(cases, seed, spacing, layout)
    try:
        if out.exists() or out.is_symlink():
            raise DataError(out, "the folder is there already", "Remove it or name another one")
        with first_interrupt_only(), new_folder(out) as folder:
            jobs = [_Job(folder, index, seed, spacing, layout) for index in range(cases)]
            for done, _ in enumerate(spread(_write_patient, jobs, workers), 1):
                if progress:
                    progress(done, cases)
            records = [
                {"case_id": case_id, **clinical_record(index, seed)}
                for index in range(cases)
                for case_id in case_ids(index, seed, layout)
            ]
            write_tables(folder, records, layout)
            write_origin(folder, seed, spacing, layout, cases)
    except OSError as error:
        raise DataError(
            out,
            f"the folder cannot be written ({error.strerror or error})",
            "Name a folder on a disk that you may write to and that has room",
        ) from error
    return out


def _check_settings(cases: int, seed: int, spacing: float, layout: str) -> None:
    low, high = SPACINGS
    if layout not in LAYOUTS:
        raise DataError("phantom", f"there is no layout {layout!r}", f"Use {', '.join(LAYOUTS)}")
    for name, value, least in (("cases", cases, 1), ("seed", seed, 0)):
        if not isinstance(value, Integral) or value < least:
            raise DataError(
                "phantom", f"{name} is {value!r}", f"Pass a whole number of {least} or more"
            )
    if seed > MAX_SEED:
        raise DataError(
            "phantom", f"seed has {int(seed).bit_length()} bits", "Pass a seed of at most 128"
        )
    if not low <= spacing <= high:  # nor is NaN
        raise DataError(
            "phantom", f"spacing is {spacing} mm", f"Pass a voxel edge of {low:g} to {high:g} mm"
        )


def case_ids(index: int, seed: int, layout: str) -> list[str]:
    """Return the ids of a patient's visits in a layout; the site is the phantom institution."""
    site = clinical_record(index, seed)["institution"]
    if layout == "brats2018":
        return [f"Brats18_Phantom{site}_{index + 1:03d}_1"]
    if layout == "brats2021":
        return [f"BraTS2021_Phantom{site}_{index + 1:05d}"]
    if layout == "msd":
        return [f"BRATS_{index + 1:03d}"]
    visits = 1 + (stream(seed, index, "visits").random() < _SECOND_VISIT)
    return [f"BraTS-Phantom{site}-{index + 1:05d}-{visit:03d}" for visit in range(visits)]


def _write_patient(job: _Job) -> None:
    anatomy = make_anatomy(job.index, job.seed, job.spacing)
    # BraTS files run towards left and back: the first two axes are turned round.
    turned = (slice(None, None, -1), slice(None, None, -1))
    affine = ras_affine(job.spacing)
    for axis in (0, 1):
        affine[axis, 3] += affine[axis, axis] * (anatomy.shape[axis] - 1)
        affine[axis, axis] *= -1
    layout = naming.LAYOUTS[job.layout]
    for visit, case_id in enumerate(case_ids(job.index, job.seed, job.layout)):
        scheme = layout.scheme_of(layout.identify(case_id))
        labels = encode_labels(anatomy.whole(anatomy.labels)[turned], scheme)
        image = render(anatomy, visit=visit)[(slice(None), *turned)].astype(np.int16)
        if job.layout == "msd":
            _write_decathlon(job.folder, case_id, image, labels, affine)
            continue
        folder = job.folder
        if job.layout == "brats2018":
            folder = folder / anatomy.plan.grade
            folder.mkdir(exist_ok=True)
        folder = folder / case_id
        folder.mkdir()
        volumes = {**dict(zip(SEQUENCES, image, strict=True)), naming.LABEL: labels}
        for role, suffix, _ in layout.files:
            write_nifti(folder / f"{case_id}{suffix}.nii.gz", volumes[role], affine)


def _write_decathlon(
    folder: Path, case_id: str, image: np.ndarray, labels: np.ndarray, affine: np.ndarray
) -> None:
    """The Decathlon keeps one 4-D file per case, in an order of its own."""
    order = [SEQUENCES.index(name) for name in naming.MSD_ORDER]
    volumes = {"imagesTr": np.moveaxis(image[order], 0, -1), "labelsTr": labels}
    for name, volume in volumes.items():
        (folder / name).mkdir(exist_ok=True)  # not its parents: that folder may be given up
        write_nifti(folder / name / f"{case_id}.nii.gz", volume, affine)
