"""Preprocessed patients on disk, made once and mapped into memory afterwards."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from fedlab_utils.data.atomic import new_folder
from fedlab_utils.data.cache_entry import open_entry, write_entry
from fedlab_utils.data.digests import content_digests
from fedlab_utils.data.places import cache_folder
from fedlab_utils.data.preprocessing import Preprocessed, PreprocessSettings, preprocess
from fedlab_utils.data.workers import available_cores, spread
from fedlab_utils.errors import CacheError, DataError, UnreadableFileError

if TYPE_CHECKING:
    from fedlab_utils.data.case_files import CaseFiles
    from fedlab_utils.data.equipment import Equipment

CODE_VERSION = 1
"""Raise it whenever preprocessing gives other arrays for the same files and settings."""


def load_preprocessed(
    files: CaseFiles,
    settings: PreprocessSettings | None = None,
    cache_dir: Path | None = None,
    equipment: Equipment | None = None,
) -> Preprocessed:
    """Return a preprocessed case from the cache, building it there first if need be.

    An entry is named by the content of the case's files, the settings and ``CODE_VERSION``, so
    that it can never be out of date. Any number of processes may ask for one case at once, and
    any may be killed: an entry appears in one step, whole.

    Parameters
    ----------
    files
        The case, from a cohort or :func:`fedlab_utils.data.find_cases`.
    settings
        Default :class:`PreprocessSettings`.
    cache_dir
        Default :func:`cache_folder`.
    equipment
        What the patient is scanned with instead; None: as the files are.

    Returns
    -------
    Preprocessed
        Its arrays are read-only memory maps. The image is float16: its rounding, at most 0.002
        standard deviations, is far below any scanner's noise, and it halves what training reads.
        It is stored slice after slice, so that an axial slice is one contiguous piece.

    Raises
    ------
    CacheError
        If the cache cannot be written or read.
    DataError
        If the case itself cannot be read; nothing is cached then.
    """
    settings = settings or PreprocessSettings()
    _allow_many_maps()
    entry = _entry(files, settings, cache_dir, equipment)
    found = open_entry(entry, files.case_id, files.patient_id)
    if found is None:
        _build(files, settings, entry, equipment)
        found = open_entry(entry, files.case_id, files.patient_id)
    if found is None:
        raise CacheError(
            case=files.case_id,
            cause=f"the cache entry {entry} cannot be read right after it was written",
            remedy="Delete that folder; if this happens again, set FEDLAB_CACHE to a local disk",
        )
    return found


def build_cache(
    cases: Iterable[CaseFiles],
    settings: PreprocessSettings | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cache_dir: Path | None = None,
    equipment: Equipment | None = None,
) -> tuple[DataError, ...]:
    """Build the cache of many cases in parallel; no process is started for what is there.

    Parameters
    ----------
    cases
        A cohort, or any of its cases' files.
    settings, cache_dir, equipment
        See :func:`load_preprocessed`.
    workers
        Processes; default one per core, at most eight.
    progress
        Called with (done, total): once for all that is there, then after each case.

    Returns
    -------
    tuple of DataError
        One for each case that could not be preprocessed; the others are cached all the same.
    """
    cases = tuple(cases)
    how = {"settings": settings, "cache_dir": cache_dir, "equipment": equipment}
    left = [files for files in cases if not _is_cached(files, **how)]
    outcomes = spread(partial(_attempt, **how), left, workers or min(available_cores(), 8), _killed)
    problems = []
    if progress and len(left) < len(cases):
        progress(len(cases) - len(left), len(cases))
    for done, problem in enumerate(outcomes, len(cases) - len(left) + 1):
        if problem is not None:
            problems.append(problem)
        if progress:
            progress(done, len(cases))
    return tuple(problems)


def _is_cached(
    files: CaseFiles,
    settings: PreprocessSettings | None,
    cache_dir: Path | None,
    equipment: Equipment | None,
) -> bool:
    try:
        entry = _entry(files, settings or PreprocessSettings(), cache_dir, equipment)
    except DataError:
        return False  # whoever builds it says why
    return open_entry(entry, files.case_id, files.patient_id) is not None


def _entry(
    files: CaseFiles,
    settings: PreprocessSettings,
    cache_dir: Path | None,
    equipment: Equipment | None,
) -> Path:
    root = Path(cache_dir) if cache_dir else cache_folder()
    return root / entry_name(files, settings, root, equipment)


def entry_name(
    files: CaseFiles,
    settings: PreprocessSettings,
    root: Path,
    equipment: Equipment | None = None,
) -> str:
    """Return the folder name of a case's entry: its id and the hash of all that decides it.

    Raises
    ------
    UnreadableFileError
        If a file of the case is not there or may not be read.
    """
    roles = _paths(files)
    try:
        digests = content_digests(list(roles.values()), root / "digests")
    except OSError as error:
        raise UnreadableFileError(
            case=files.case_id,
            cause=f"{error.filename} cannot be read: {error.strerror}",
            remedy="Check that the file is there and that you may read it",
        ) from error
    decisive = {
        "code": CODE_VERSION,
        "settings": asdict(settings),
        "layout": files.layout,
        "scheme": files.scheme,
        "files": dict(zip(roles, digests, strict=True)),
    }
    if equipment is not None:
        decisive["equipment"] = asdict(equipment)
    key = hashlib.blake2b(json.dumps(decisive, sort_keys=True).encode(), digest_size=16)
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', files.case_id)}-{key.hexdigest()}"


@cache
def _allow_many_maps() -> None:
    """Let this process map thousands of files: each costs a descriptor, and 1024 is a usual cap."""
    if os.name == "posix":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _paths(files: CaseFiles) -> dict[str, Path]:
    paths = {"images": files.images} if isinstance(files.images, Path) else dict(files.images)
    return paths if files.label is None else {**paths, "label": files.label}


def _attempt(
    files: CaseFiles,
    settings: PreprocessSettings | None,
    cache_dir: Path | None,
    equipment: Equipment | None,
) -> DataError | None:
    try:
        load_preprocessed(files, settings, cache_dir, equipment)
    except CacheError:
        raise  # A full disk fails every case: stop at the first.
    except DataError as problem:
        return problem
    except (Exception, MemoryError) as error:
        return DataError(
            files.case_id,
            f"preprocessing it failed in an unknown way ({type(error).__name__}: {error})",
            "Check the case with fedlab validate; if it is sound, leave it out and report this",
        )
    return None


def _killed(files: CaseFiles) -> DataError:
    return DataError(
        files.case_id,
        "preprocessing it killed the process that tried",
        "Check the case with fedlab validate; if it is sound, free memory or use fewer workers",
    )


def _build(
    files: CaseFiles, settings: PreprocessSettings, entry: Path, equipment: Equipment | None
) -> None:
    from fedlab_utils.data.case import load_case

    case = load_case(files)
    result = preprocess(equipment.scan(case) if equipment else case, settings)
    if equipment:
        result = equipment.leave_out(result)
    try:
        with new_folder(entry, keep=lambda there: _whole(there, files)) as folder:
            write_entry(folder, result)
    except OSError as error:
        raise CacheError(
            case=files.case_id,
            cause=f"the cache in {entry.parent} could not be written: {error}",
            remedy="Free some disk space there, close other notebooks that use the cache, "
            "or set FEDLAB_CACHE to another folder",
        ) from error


def _whole(entry: Path, files: CaseFiles) -> bool:
    return open_entry(entry, files.case_id, files.patient_id) is not None
