"""Preprocessed phantom patients by the hundred, made in memory and kept as plain arrays.

Training for real scans wants many anatomies, each drawn with contrasts that no scanner list holds
(:func:`fedlab_utils.data.phantom.render_randomised`). Writing them as NIfTI first would cost more
time than making them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings

if TYPE_CHECKING:
    from fedlab_utils.data.phantom import Anatomy


def phantom_patients(
    folder: Path,
    indices: Sequence[int],
    draws: int,
    seed: int,
    spacing: float = 2.0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    scanner: str | None = None,
) -> list[Preprocessed]:
    """Make patients, or take those that are there, and map them into memory.

    Parameters
    ----------
    folder
        Where the arrays are kept: in it a folder per seed, spacing and state of the code that makes
        them, and in that one per rendering.
    indices
        Numbers of the phantom patients.
    draws
        Random renderings of each anatomy. 0: one rendering, by a scanner.
    seed
        Of the phantom cohort.
    spacing
        Voxel edge in mm.
    workers
        Processes; None: one per core.
    progress
        Called with (anatomies done, all).
    scanner
        Its name, where ``draws`` is 0; None: that of the patient's own hospital.

    Returns
    -------
    list of Preprocessed
        ``max(1, draws)`` per index, images float16 as from the cache. Renderings of one anatomy
        share the patient id.
    """
    from fedlab_utils.data.workers import spread

    folder = folder / f"{seed}-{spacing:g}mm-{_recipe()}"
    folder.mkdir(parents=True, exist_ok=True)
    names = _renderings(draws, scanner)
    missing = [i for i in indices if not _place(folder, i, names[-1]).exists()]
    work = partial(_make, folder, draws, seed, spacing, scanner)
    for done, _ in enumerate(spread(work, missing, workers), start=1):
        if progress is not None:
            progress(done, len(missing))
    return [_open(folder, i, name) for i in indices for name in names]


def _renderings(draws: int, scanner: str | None) -> list[str]:
    """Return the names of an anatomy's renderings."""
    if draws:
        return [str(draw) for draw in range(draws)]
    return ["own" if scanner is None else re.sub(r"\W", "_", scanner)]


@cache
def _recipe() -> str:
    """Return a hash of the code that makes and preprocesses phantoms."""
    import fedlab_utils.data

    root = Path(fedlab_utils.data.__file__).parent
    files = [*sorted((root / "phantom").glob("*.py")), root / "preprocessing.py", root / "brain.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:10]


def _place(folder: Path, index: int, rendering: str) -> Path:
    return folder / f"{index:05d}-{rendering}"


def _open(folder: Path, index: int, rendering: str) -> Preprocessed:
    from fedlab_utils.data.cache_entry import open_entry

    return open_entry(
        _place(folder, index, rendering),
        f"Phantom_{index:05d}_{rendering}",
        f"Phantom_{index:05d}",
    )


def _make(
    folder: Path, draws: int, seed: int, spacing: float, scanner: str | None, index: int
) -> None:
    from fedlab_utils.data.atomic import new_folder
    from fedlab_utils.data.cache_entry import write_entry
    from fedlab_utils.data.phantom import make_anatomy, render, render_randomised

    anatomy = make_anatomy(index, seed, spacing)
    for draw, name in enumerate(_renderings(draws, scanner)):
        place = _place(folder, index, name)
        if place.exists():
            continue
        image = render_randomised(anatomy, draw) if draws else render(anatomy, scanner)
        with new_folder(place) as new:
            write_entry(new, _prepared(anatomy, image, spacing))


def one_phantom(
    index: int, seed: int, spacing: float = 2.0, scanner: str | None = None
) -> Preprocessed:
    """Make one patient as :func:`phantom_patients` does with ``draws`` 0, and keep no file."""
    from fedlab_utils.data.phantom import make_anatomy, render

    anatomy = make_anatomy(index, seed, spacing)
    patient = _prepared(anatomy, render(anatomy, scanner), spacing)
    name = f"Phantom_{index:05d}"
    [rendering] = _renderings(0, scanner)
    return replace(patient, case_id=f"{name}_{rendering}", patient_id=name)


def _prepared(anatomy: Anatomy, image: np.ndarray, spacing: float) -> Preprocessed:
    """Take a rendering the way a scan takes from its files to the network."""
    from fedlab_utils.data.case import Case, FileGrid
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.phantom.patient import ras_affine
    from fedlab_utils.data.preprocessing import preprocess

    affine = ras_affine(spacing)
    files = CaseFiles("phantom", "phantom", "", "brats2018", "brats2017", {})
    grid = FileGrid(image.shape[1:], affine)
    labels = anatomy.whole(anatomy.labels)
    case = Case(files, image, labels, affine, (spacing,) * 3, grid)
    return preprocess(case, PreprocessSettings(spacing=spacing))
