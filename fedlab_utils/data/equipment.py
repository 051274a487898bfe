"""What a hospital scans with: its scanner and the sequence that it lacks, applied to a patient.

A phantom is scanned again: its anatomy is rendered with the hospital's magnet and sequences. A real
scan cannot be taken again. It gets a transform that changes what scanners change most visibly:
contrast, resolution and noise; never sharper or less noisy than it came.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from fedlab_utils.data.case import Case
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.cohort import Cohort
    from fedlab_utils.data.phantom.anatomy import Anatomy
    from fedlab_utils.data.phantom.scanner import Scanner
    from fedlab_utils.data.preprocessing import Preprocessed

REFERENCE = "3T research"
"""The scanner that all hospitals share where they do not differ; real scans count as its own."""

GAMMA = (0.5, 2.0)
"""Limits of the exponent by which the contrast of a real scan is changed."""

_SEEDS = 1000
"""Seeds that are tried where no file tells how a folder of phantoms was made."""


@dataclass(frozen=True)
class Equipment:
    """What a hospital's patients are scanned with.

    Attributes
    ----------
    scanner
        None: scans stay as they are.
    missing
        A sequence that the hospital does not take, ``"T1"``, ``"T1ce"``, ``"T2"`` or ``"FLAIR"``:
        after preprocessing it is 0 everywhere.
    phantom_seed
        The cohort's seed, from :func:`phantom_seed`, where patients are phantoms to be scanned
        again; None for real ones.
    """

    scanner: Scanner | None = None
    missing: str | None = None
    phantom_seed: int | None = None

    def scan(self, case: Case) -> Case:
        """Return the case as this hospital's scanner shows it."""
        if self.scanner is None:
            return case
        if self.phantom_seed is None:
            return transformed(case, self.scanner)
        return rendered_again(case, self.scanner, self.phantom_seed)

    def leave_out(self, patient: Preprocessed) -> Preprocessed:
        """Return the preprocessed patient without the sequence that is missing here."""
        if self.missing is None:
            return patient
        image = np.array(patient.image)
        image[SEQUENCES.index(self.missing)] = 0
        told = f"{self.missing} is not taken at this hospital and is 0 everywhere"
        return replace(patient, image=image, warnings=(*patient.warnings, told))


def phantom_seed(cohort: Cohort) -> int | None:
    """Return the seed that a cohort of phantoms was made with, or None for real patients.

    A phantom's age and hospital follow from its number and the seed; no real patient has both of
    them in common with a phantom of its name. The seed is that of the ``phantom.json`` in the
    cohort's folder, whatever it is; in a folder without one, such as a few patients copied from
    another, seeds from 0 to 999 are tried, the embedded one first.

    Raises
    ------
    UnreadableFileError
        If there is a ``phantom.json`` that cannot be read or names no seed.
    DataError
        If its seed is not that of these patients.
    """
    from fedlab_utils.data.phantom.embedded import PHANTOM
    from fedlab_utils.data.phantom.origin import find_origin, read_seed

    ages = cohort.table["age"].dropna()
    known = [(files, ages[files.case_id]) for files in cohort if files.case_id in ages.index][:3]
    paths = [path for files in cohort.cases[:1] for path in files.paths]
    origin = find_origin(cohort.root, paths[0]) if paths else None
    if origin is not None:
        seed = read_seed(origin)
        _refuse_others(origin, seed, known)
        return seed
    candidates = (PHANTOM["seed"], *range(_SEEDS)) if known else ()
    return next((s for s in candidates if all(_is_phantom(*one, s) for one in known)), None)


def _refuse_others(origin: Path, seed: int, known: list[tuple[CaseFiles, float]]) -> None:
    """Raise where patients are not those of the seed, or nothing is known to tell it by."""
    odd = [files.case_id for files, age in known if not _is_phantom(files, age, seed)]
    if odd or not known:
        why = f"{odd[0]} has another age or name there" if odd else "no table tells a patient's age"
        raise DataError(
            origin,
            f"it says that these are the phantoms of seed {seed}, and {why}",
            "Make the cohort again with fedlab phantom; if these are real scans or patients of "
            "several cohorts, take the file out of the folder",
        )


def _is_phantom(files: CaseFiles, age: float, seed: int) -> bool:
    """Return whether age and id are those of the phantom of this number."""
    from fedlab_utils.data.phantom.plan import draw_plan
    from fedlab_utils.data.phantom.write import LAYOUTS, case_ids

    number = _index(files.patient_id)
    return (
        files.layout in LAYOUTS
        and number >= 0
        and draw_plan(number, seed).age == age
        and files.case_id in case_ids(number, seed, files.layout)
    )


def _index(patient_id: str) -> int:
    """Return a phantom's number, from 0; its id ends in it, from 1. Of other ids maybe -1."""
    found = re.search(r"(\d+)$", patient_id)
    return int(found[1]) - 1 if found else -1


def rendered_again(case: Case, scanner: Scanner, seed: int) -> Case:
    """Return a phantom as another scanner shows it: the same anatomy, tumour and labels.

    Parameters
    ----------
    case
        A phantom as read from its files.
    scanner
        The new one.
    seed
        The cohort's, see :func:`phantom_seed`.

    Raises
    ------
    DataError
        If the case is not the phantom that its name says.
    """
    from fedlab_utils.data.phantom import render

    anatomy, visit = phantom_of(case, seed)
    return replace(case, image=render(anatomy, scanner, visit))


def phantom_of(case: Case, seed: int) -> tuple[Anatomy, int]:
    """Return the anatomy of a phantom that was read from files, and the number of its visit.

    Raises
    ------
    DataError
        If the case is not the phantom that its name says.
    """
    from fedlab_utils.data.phantom import make_anatomy
    from fedlab_utils.data.phantom.write import case_ids

    files = case.files
    index = max(_index(files.patient_id), 0)
    visits = case_ids(index, seed, files.layout)
    anatomy = make_anatomy(index, seed, float(case.spacing[0]))
    same = files.case_id in visits and anatomy.shape == case.image.shape[1:]
    if same and case.labels is not None:
        same = np.array_equal(anatomy.whole(anatomy.labels), case.labels)
    if not same:
        raise DataError(
            files.case_id,
            f"it is not the phantom of this number in the cohort of seed {seed}",
            "Make the cohort again with fedlab phantom, or take real scans under their own names",
        )
    return anatomy, visits.index(files.case_id)


def transformed(case: Case, scanner: Scanner) -> Case:
    """Return a real scan with contrast, resolution and noise of another scanner.

    Each sequence is scaled to median 1 where it was measured in the brain and raised to the power
    that brings grey to white matter as the scanner does, relative to :data:`REFERENCE` (within
    :data:`GAMMA`). Then it is averaged over the scanner's voxels, gets the noise that the scanner
    has beyond the reference's, and is brought back to its own grid and unit. The same case and
    scanner give the same result; the reference changes nothing, and a sequence without signal stays
    as it came.
    """
    from fedlab_utils.data.brain import bounding_box, brain_mask
    from fedlab_utils.data.phantom.artefacts import acquire
    from fedlab_utils.data.phantom.scanner import SCANNERS

    reference = SCANNERS[REFERENCE]
    if scanner == reference:
        return case
    mask = brain_mask(case.image)
    box = bounding_box(mask)
    inside = mask[box]
    rng = np.random.default_rng([*f"{case.files.case_id} {scanner.name}".encode()])
    axes = tuple(np.arange(n) * step for n, step in zip(inside.shape, case.spacing, strict=True))
    image = np.zeros_like(case.image)
    rows = zip(case.image, scanner.sequences, reference.sequences, exponents(scanner), strict=True)
    for out, (volume, sequence, before, gamma) in zip(image, rows, strict=True):
        # A scan may come with mean 0: its darkest tissue then stands for no signal.
        floor = np.float32(min(0.0, np.percentile(volume[box][inside], 1)))
        signal = np.where(inside, np.maximum(volume[box] - floor, 0), 0).astype(np.float32)
        # 0 means outside the brain, or where this sequence did not reach: it tells no brightness.
        measured = inside & (volume[box] != 0)
        level = float(np.median(signal[measured])) if measured.any() else 0.0
        if not level:
            out[...] = volume
            continue
        signal = (signal / level) ** np.float32(gamma)
        noise = np.sqrt(max(0.0, sequence.noise**2 - before.noise**2))
        signal = level * acquire(rng, signal, axes, sequence, noise)
        # What was measured stays above 0.
        out[box] = np.where(measured, np.maximum(signal, 1e-3 * level) + floor, 0)
    return replace(case, image=image)


def exponents(scanner: Scanner) -> tuple[float, ...]:
    """Return for each sequence the power that carries the reference's contrast to a scanner's."""
    from fedlab_utils.data.phantom.scanner import SCANNERS, tissue_signals
    from fedlab_utils.data.phantom.tissue import NAMES

    grey = NAMES.index("grey")  # white matter is 1 in both
    own, before = (np.log(tissue_signals(s)[:, grey]) for s in (scanner, SCANNERS[REFERENCE]))
    ratio = np.where((own * before > 0), own / np.where(before == 0, 1, before), 1.0)
    return tuple(float(g) for g in np.clip(ratio, *GAMMA))
