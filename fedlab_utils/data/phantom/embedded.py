"""The embedded patients: phantoms that a lesson gets when no other data set is named."""

from __future__ import annotations

from pathlib import Path

from fedlab_utils.data.places import phantom_folder
from fedlab_utils.errors import DataError

PHANTOM = {"cases": 60, "seed": 7, "spacing": 2.0, "layout": "brats2018"}
"""How many, and what decides them."""


def embedded_patients() -> Path:
    """Return their folder; they are made when they are not there yet.

    Raises
    ------
    DataError
        If they cannot be written.
    """
    folder = phantom_folder()
    if not folder.exists():
        _make(folder)
    return folder


def _make(folder: Path) -> None:
    from fedlab_utils.data.phantom import write_cohort

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_cohort(folder, **PHANTOM)
    except DataError:
        if not folder.exists():  # else another kernel was quicker, and its patients are the same
            raise
