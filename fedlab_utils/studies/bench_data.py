"""How fast patients are made, read and found again, as ratios within one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedlab_utils.data.workers import in_processes
from fedlab_utils.errors import FedLabError

if TYPE_CHECKING:
    from fedlab_utils.data import CaseFiles, Cohort, Preprocessed, PreprocessSettings

BUDGET_S = {2.0: 0.25, 1.0: 3.0}
"""Seconds that making one phantom patient may take on one core, by spacing in mm."""


def run(
    cases: int = 16, phantoms: int = 4, say: Callable[[str], object] = lambda _: None
) -> dict[str, dict[str, float]]:
    """Measure the data side of the course on this machine.

    Three comparisons, each a ratio of two times taken in the same run:

    - making a phantom patient on one core, against its budget (without writing files);
    - preparing a cohort from its files for the first time (ours: all cores, with the cache
      written), against a plain loop on one core: nibabel and the same preprocessing;
    - opening the same cohort from the warm cache, every voxel read, against that loop.

    Parameters
    ----------
    cases
        Patients of the cohort, phantoms of 240 x 240 x 155 voxels at 1 mm as BraTS publishes.
    phantoms
        Patients made to measure the phantom, after one to warm up.
    say
        Takes a line on what is being measured.

    Returns
    -------
    dict
        Row name -> ``seconds_per_patient``, what it is compared with (``budget_s`` or
        ``plain_loop_s``, also per patient) and ``ratio``: how many times faster than that.
    """
    from fedlab_utils.data import PreprocessSettings, load_cohort
    from fedlab_utils.data.phantom import write_cohort

    result = {}
    for spacing in BUDGET_S:
        say(f"making {phantoms} phantom patients at {spacing:g} mm")
        result[f"phantom at {spacing:g} mm"] = _phantom_row(spacing, phantoms)
    with tempfile.TemporaryDirectory(prefix="fedlab-bench-") as folder:
        say(f"writing a cohort of {cases} phantoms at 1 mm")
        root = write_cohort(Path(folder, "cohort"), cases=cases, seed=1, spacing=1.0)
        say("loading it: one plain core, then cold, then from the cache")
        result |= _loading_rows(load_cohort(root), PreprocessSettings(), Path(folder, "cache"))
    return result


def _phantom_row(spacing: float, patients: int) -> dict[str, float]:
    seconds = _alone(partial(_phantom_seconds, spacing), patients)
    each = seconds / patients
    return {
        "seconds_per_patient": each,
        "budget_s": BUDGET_S[spacing],
        "ratio": BUDGET_S[spacing] / each,
    }


def _phantom_seconds(spacing: float, patients: int) -> float:
    from fedlab_utils.data.phantom import make_patient

    make_patient(0, spacing=spacing)
    start = time.perf_counter()
    for index in range(1, patients + 1):
        make_patient(index, spacing=spacing)
    return time.perf_counter() - start


def _loading_rows(
    cohort: Cohort, settings: PreprocessSettings, cache: Path
) -> dict[str, dict[str, float]]:
    from fedlab_utils.data import build_cache, load_preprocessed

    files = tuple(cohort)
    plain_s, plain = _alone(partial(_plain_loop, settings), files)
    start = time.perf_counter()
    problems = build_cache(files, settings, cache_dir=cache)
    cold_s = time.perf_counter() - start
    if problems:
        raise problems[0]
    start = time.perf_counter()
    warm = [_read_all(load_preprocessed(f, settings, cache_dir=cache)) for f in files]
    warm_s = time.perf_counter() - start
    _check_same(plain, warm)
    count = len(files)
    return {
        name: {
            "seconds_per_patient": seconds / count,
            "plain_loop_s": plain_s / count,
            "ratio": plain_s / seconds,
        }
        for name, seconds in (("cohort, cold", cold_s), ("cohort, warm cache", warm_s))
    }


def _plain_loop(
    settings: PreprocessSettings, files: Sequence[CaseFiles]
) -> tuple[float, list[Preprocessed]]:
    start = time.perf_counter()
    patients = [plain_preprocessed(case, settings) for case in files]
    return time.perf_counter() - start, patients


def _alone(work: Callable, argument: object) -> Any:
    """Measure in a fresh process of one numerical thread: what one core can do."""
    (result,) = in_processes(work, [argument], workers=1)
    return result


def plain_preprocessed(files: CaseFiles, settings: PreprocessSettings) -> Preprocessed:
    """Read a case as one would without this package, and preprocess it all the same.

    nibabel loads one file after the other and turns it to RAS; nothing is checked. Files must
    follow one of the BraTS layouts.
    """
    import nibabel as nib

    from fedlab_utils.data import SCHEMES, SEQUENCES, Case, preprocess
    from fedlab_utils.data.case import FileGrid

    volumes = [nib.as_closest_canonical(nib.load(files.images[name])) for name in SEQUENCES]
    image = np.stack([volume.get_fdata(dtype=np.float32) for volume in volumes])
    stored = np.asarray(nib.as_closest_canonical(nib.load(files.label)).dataobj)
    labels = np.zeros(stored.shape, np.uint8)
    for value, label in SCHEMES[files.scheme].values.items():
        labels[stored == value] = label
    first = volumes[0]
    spacing = tuple(float(step) for step in first.header.get_zooms()[:3])
    grid = FileGrid(first.shape, first.affine)
    return preprocess(Case(files, image, labels, first.affine, spacing, grid), settings)


def _read_all(patient: Preprocessed) -> Preprocessed:
    """Touch every voxel, which a memory map would otherwise put off."""
    for array in (patient.image, patient.labels, patient.brain):
        np.asarray(array).max()
    return patient


def _check_same(plain: Sequence[Preprocessed], ours: Sequence[Preprocessed]) -> None:
    """Two times may be compared only if both ways gave the same arrays."""
    for ours_case, plain_case in zip(ours, plain, strict=True):
        same = np.array_equal(ours_case.labels, plain_case.labels) and np.array_equal(
            ours_case.image, plain_case.image.astype(ours_case.image.dtype)
        )
        if not same:
            raise FedLabError(
                case=ours_case.case_id,
                cause="the cache and the plain loop disagree",
                remedy="Do not trust these times; run the tests of fedlab_utils.data",
            )
