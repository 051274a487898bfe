"""What a cell that was interrupted has taken so far: where, at which commit, how long.

A study may go on days later, at another commit, on another machine. Each piece of a cell is
remembered beside its checkpoint, so that the record of the whole cell names them all. A process
that is killed, or that an error ends, has no time to leave its piece: that one is missing then.
"""

from __future__ import annotations

import json
from pathlib import Path

from fedlab_utils.errors import StudyError

PIECE = ("commit", "changed", "device", "date", "wall_seconds")
"""What is kept of a piece's provenance."""

FILE = "pieces.json"


def earlier_pieces(folder: Path, settings: dict) -> list[dict]:
    """Return the pieces of a cell that were broken off, oldest first.

    Raises
    ------
    StudyError
        If their file is there and cannot be read.
    """
    for cell in _read(folder / FILE):
        if cell["settings"] == settings:
            return list(cell["pieces"])
    return []


def remember_piece(folder: Path, settings: dict, provenance: dict) -> None:
    """Add a piece of a cell that will go on later."""
    pieces = [*earlier_pieces(folder, settings), _piece(provenance)]
    _keep(folder, settings, [{"settings": settings, "pieces": pieces}])


def forget_pieces(folder: Path, settings: dict) -> None:
    """Drop the pieces of a cell that is recorded."""
    if (folder / FILE).exists():
        _keep(folder, settings, [])


def whole(provenance: dict, earlier: list[dict]) -> dict:
    """Return the provenance of a cell of several pieces.

    Parameters
    ----------
    provenance
        Of its last piece, see :func:`fedlab_utils.segmentation.record_provenance`.
    earlier
        From :func:`earlier_pieces`.

    Returns
    -------
    dict
        As it was where there is but one piece. Else ``pieces`` holds each with its ``commit``,
        ``changed``, ``device``, ``date`` and ``wall_seconds``, and ``wall_seconds`` is their sum.
    """
    if not earlier:
        return provenance
    pieces = [*earlier, _piece(provenance)]
    seconds = round(sum(piece["wall_seconds"] for piece in pieces), 1)
    return {**provenance, "wall_seconds": seconds, "pieces": pieces}


def _piece(provenance: dict) -> dict:
    return {name: provenance[name] for name in PIECE}


def _keep(folder: Path, settings: dict, new: list[dict]) -> None:
    from fedlab_utils.data.atomic import write_text

    others = [cell for cell in _read(folder / FILE) if cell["settings"] != settings]
    write_text(folder / FILE, json.dumps([*others, *new], indent=1) + "\n")


def _read(file: Path) -> list[dict]:
    if not file.exists():
        return []
    try:
        cells = json.loads(file.read_text("utf-8"))
        return [{"settings": cell["settings"], "pieces": cell["pieces"]} for cell in cells]
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "Remove it; the time that interrupted cells took before is lost then"
        raise StudyError(file, f"it cannot be read ({error!r})", remedy) from None
