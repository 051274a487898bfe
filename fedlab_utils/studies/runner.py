"""Recorded studies: experiments too long for a lesson, worked off cell by cell, resumable.

A study is a list of cells, each with its settings, and a function that measures one. What is done
is written to ``data/results/NAME.json`` after every cell (see :mod:`fedlab_utils.studies.record`);
what a cell needs on the way (phantoms, checkpoints) lies in ``data/studies/NAME``, which git does
not keep.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.pieces import earlier_pieces, forget_pieces, remember_piece, whole
from fedlab_utils.studies.record import read_rows, results_file, work_folder, write_rows

STUDIES = {
    "sim_to_real": "fedlab_utils.studies.sim_to_real",
    "sim_to_real_3d": "fedlab_utils.studies.sim_to_real_3d",
    "gallery": "fedlab_utils.studies.gallery",
    "pooled_training": "fedlab_utils.studies.pooled_training",
    "heterogeneity": "fedlab_utils.studies.heterogeneity",
    "federation_gap": "fedlab_utils.studies.federation_gap",
    "heterogeneity_unet": "fedlab_utils.studies.heterogeneity_unet",
    "private_fine_tuning": "fedlab_utils.studies.private_fine_tuning",
    "private_models": "fedlab_utils.studies.private_models",
    "protections": "fedlab_utils.studies.protections",
    "membership": "fedlab_utils.studies.membership",
    "compression_frontier": "fedlab_utils.studies.compression_frontier",
    "robustness": "fedlab_utils.studies.robustness",
}
"""Name of a study -> module with its ``STUDY``."""


class OutOfTimeError(Exception):
    """The time given is over; raised inside a cell that has saved how far it came."""


@dataclass(frozen=True)
class Workplace:
    """What a cell is given to work with.

    Attributes
    ----------
    folder
        For what must survive a pause; the study's own.
    say
        Takes a line on how things go.
    until
        ``time.monotonic()`` at which to stop, or None.
    rows
        What is recorded of the study so far.
    earlier
        Pieces of this very cell that were broken off, see :mod:`fedlab_utils.studies.pieces`.
    """

    folder: Path
    say: Callable[[str], None] = print
    until: float | None = None
    rows: tuple[dict, ...] = ()
    earlier: tuple[dict, ...] = ()

    def pause_if_late(self) -> None:
        """Stop here if the time is over; call it where the cell can go on from next time."""
        if self.until is not None and time.monotonic() >= self.until:
            raise OutOfTimeError


@dataclass(frozen=True)
class Study:
    """An experiment.

    Attributes
    ----------
    name
        Of the command and of the file.
    question
        What it answers, one sentence.
    cells
        Settings of each cell, JSON values, in the order of work.
    measure
        ``measure(settings, workplace) -> result``; both JSON values. Seeds belong to the settings.
    hours
        What it takes on two cores, roughly.
    always
        Whether every call measures recorded cells again, since they take minutes.
    """

    name: str
    question: str
    cells: tuple[dict, ...]
    measure: Callable[[dict, Workplace], dict] = field(repr=False)
    hours: float
    always: bool = False


def load_study(name: str) -> Study:
    """Return a study by name.

    Raises
    ------
    StudyError
        If there is none of that name.
    """
    if name not in STUDIES:
        raise StudyError(name, "there is no such study", f"Choose one of {', '.join(STUDIES)}")
    return import_module(STUDIES[name]).STUDY


def run_study(
    study: Study,
    hours: float | None = None,
    results: Path | None = None,
    work: Path | None = None,
    say: Callable[[str], None] = print,
    again: bool = False,
) -> list[dict]:
    """Measure the cells that are not recorded yet.

    Parameters
    ----------
    study
        From :func:`load_study`.
    hours
        Stop after that time; the next call goes on. None: until it is done.
    results, work
        Folders, by default ``data/results`` and ``data/studies`` of the checkout.
    say
        Takes a line on how things go.
    again
        Measure recorded cells again, as after a change of what they depend on. The old rows stay
        recorded until the first new one is there.

    Returns
    -------
    list of dict
        The rows recorded so far: ``settings``, ``result``, ``provenance``. Where a cell was
        interrupted, by ctrl-C or the end of its time, the last names all its pieces, and its
        ``wall_seconds`` is their sum; a process that was killed leaves no piece. The
        commit is the one at the time of this call, whose code the process works with.

    Raises
    ------
    StudyError
        If another process works on this study, its record cannot be read, or ``hours`` is no time.
    """
    from filelock import FileLock, Timeout

    from fedlab_utils.segmentation.provenance import checkout_state

    if hours is not None and not hours >= 0:  # NaN is no time either
        raise StudyError(study.name, f"hours are {hours}", "Pass 0 or more, or none")
    file, code = results_file(study.name, results), checkout_state()
    until = None if hours is None else time.monotonic() + 3600 * hours
    place = Workplace(work_folder(study.name, work), say, until)
    place.folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.folder / "lock", timeout=0):
            return _go_on(study, file, place, code, again)
    except Timeout:
        raise StudyError(
            study.name,
            "another process works on it and writes the same file",
            "Wait for it, or end it with ctrl-C, which it heeds after the step it is at",
        ) from None


def _go_on(study: Study, file: Path, place: Workplace, code: dict, again: bool) -> list[dict]:
    recorded = [] if again or study.always else read_rows(study.name, file.parent)
    rows = [row for row in recorded if row["settings"] in study.cells]
    done = [row["settings"] for row in rows]
    try:
        for number, settings in enumerate(study.cells, start=1):
            if settings in done:
                continue
            place.pause_if_late()
            place.say(f"{study.name}: cell {number} of {len(study.cells)}: {settings}")
            rows.append(_measure(study, settings, replace(place, rows=tuple(rows)), code))
            rows.sort(key=lambda row: study.cells.index(row["settings"]))
            write_rows(file, study, rows)
            forget_pieces(place.folder, settings)
    except OutOfTimeError:
        place.say(
            f"{study.name}: paused after {len(rows)} of {len(study.cells)} cells; call it again"
        )
    return rows


def _measure(study: Study, settings: dict, place: Workplace, code: dict) -> dict:
    """Measure one cell; where it is broken off, remember that piece."""
    from fedlab_utils.segmentation.devices import best_device
    from fedlab_utils.segmentation.provenance import record_provenance

    earlier = earlier_pieces(place.folder, settings)
    started = time.time()
    command = f"python -m fedlab_utils study {study.name}"

    def about() -> dict[str, object]:
        return record_provenance(started, best_device(), command=command, **code)

    try:
        result = study.measure(settings, replace(place, earlier=tuple(earlier)))
    except (OutOfTimeError, KeyboardInterrupt):
        remember_piece(place.folder, settings, about())
        raise
    return {"settings": settings, "result": result, "provenance": whole(about(), earlier)}
