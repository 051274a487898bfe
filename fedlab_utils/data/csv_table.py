"""Read a csv file of unknown origin: in any encoding, with any separator, as text alone."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from fedlab_utils.errors import ClinicalTableError

MAX_BYTES = 50_000_000
"""A larger file is no clinical table."""

_UNKNOWN = {"", "na", "n/a", "nan", "none", "null", "not available", "unknown", "-", "?"}
_SAVE_AGAIN = "Save it again as csv with a header line, or take it out of the folder"


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read a csv file in whatever encoding and with whatever separator it has.

    Returns
    -------
    Column names in lower case with ``_`` between words, and rows of text without unknown values.

    Raises
    ------
    ClinicalTableError
        If it is empty, too large, or no table.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ClinicalTableError(path.name, "it has more than 50 MB", "Name a clinical table")
        text = _decode(path.read_bytes())
        first_line = text.lstrip("\r\n").partition("\n")[0]
        separator = max(",;\t|", key=first_line.count)
        lines = [line for line in csv.reader(io.StringIO(text), delimiter=separator) if any(line)]
    except (OSError, csv.Error) as error:
        raise ClinicalTableError(path.name, f"it cannot be read ({error})", _SAVE_AGAIN) from error
    if len(lines) < 2:
        raise ClinicalTableError(path.name, f"it holds {len(lines)} lines, no table", _SAVE_AGAIN)
    header = [re.sub(r"\W+", "_", name.casefold()).strip("_") for name in lines[0]]
    rows = [
        {
            name: value.strip()
            for name, value in zip(header, line, strict=False)
            if name and value.strip().casefold() not in _UNKNOWN
        }
        for line in lines[1:]
    ]
    return header, rows


def _decode(content: bytes) -> str:
    """Decode by byte order mark, else as UTF-8, else as Latin-1, which takes any byte."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
