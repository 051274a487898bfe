"""How a folder of phantoms was made, in a small file beside them: ``phantom.json``.

The seed in it tells phantoms from real patients and lets them be scanned again. Whoever can write
into a data set's folder can write this file: it is read with care, and what it says is compared
with the patients by :func:`fedlab_utils.data.equipment.phantom_seed`.
"""

from __future__ import annotations

import json
import os
import reprlib
from pathlib import Path

from fedlab_utils.data.atomic import write_text
from fedlab_utils.errors import UnreadableFileError

ORIGIN = "phantom.json"
"""Name of the file, in the cohort's folder."""

MAX_SEED = 2**128 - 1
"""Largest seed of a cohort: as many bits as numpy asks of a seed that nobody guesses."""

_MAX_BYTES = 10_000
_REMEDY = "Make the cohort again with fedlab phantom, or take the file out of the folder"


def write_origin(folder: Path, seed: int, spacing: float, layout: str, cases: int) -> None:
    """Write what :func:`fedlab_utils.data.phantom.write_cohort` was asked for."""
    told = {"seed": int(seed), "spacing": float(spacing), "layout": layout, "cases": int(cases)}
    write_text(folder / ORIGIN, json.dumps(told, indent=1) + "\n")


def find_origin(root: Path, path: Path) -> Path | None:
    """Return the ``phantom.json`` nearest above a file, or None. Nothing above ``root`` counts.

    A link counts as well, also one that leads nowhere.
    """
    root = root.expanduser()
    places = (folder / ORIGIN for folder in path.parents if folder.is_relative_to(root))
    return next((place for place in places if os.path.lexists(place)), None)


def read_seed(path: Path) -> int:
    """Return the seed that a ``phantom.json`` names, a whole number from 0 to :data:`MAX_SEED`.

    Raises
    ------
    UnreadableFileError
        If it is no file, too large, no JSON, or names no such seed.
    """
    try:
        if not path.is_file():  # a pipe would never end
            raise UnreadableFileError(path, "it is no file", _REMEDY)
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise UnreadableFileError(path, f"it has more than {_MAX_BYTES} bytes", _REMEDY)
        told = json.loads(content)
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFileError(path, f"it is no JSON ({error})", _REMEDY) from error
    seed = told.get("seed") if isinstance(told, dict) else None
    if type(seed) is not int or not 0 <= seed <= MAX_SEED:
        raise UnreadableFileError(path, f"its seed is {reprlib.repr(seed)}", _REMEDY)
    return seed
