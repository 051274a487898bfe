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
_END = "<end of the table>"  # swallowed by a quote that is never closed
_SAVE_AGAIN = "Save it again as csv with a header line, or take it out of the folder"


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read a csv file in whatever encoding and with whatever separator it has.

    Returns
    -------
    Column names in lower case with ``_`` between words, and rows of text without unknown values. Of
    columns of one name the first counts in which the row says something.

    Raises
    ------
    ClinicalTableError
        If it is empty, too large, no table, in an unknown encoding, or has a quote that is never
        closed.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would never end
            raise ClinicalTableError(path.name, "it is no file", _SAVE_AGAIN)
        if path.stat().st_size > MAX_BYTES:
            raise ClinicalTableError(path.name, "it has more than 50 MB", "Name a clinical table")
        content = _decode(path.read_bytes())
        if "\0" in content:
            cause = "it has zero bytes, as UTF-16 without a byte order mark or a damaged file has"
            raise ClinicalTableError(path.name, cause, "Save it again as csv in UTF-8")
        separator, text = _separator(content.lstrip("\r\n"))
        ended = io.StringIO(f"{text}\n{_END}\n", newline="")
        *lines, last = [line for line in csv.reader(ended, delimiter=separator) if any(line)]
    except (OSError, csv.Error) as error:
        raise ClinicalTableError(path.name, f"it cannot be read ({error})", _SAVE_AGAIN) from error
    if last != [_END]:
        start = " ".join(last)[:40].partition("\n")[0]
        raise ClinicalTableError(
            path.name, f"a quote is never closed in its last row, {start!r}", "Close it"
        )
    if len(lines) < 2:
        raise ClinicalTableError(path.name, f"it holds {len(lines)} lines, no table", _SAVE_AGAIN)
    header = [column_name(name) for name in lines[0]]
    rows = [
        {
            name: value.strip()
            for name, value in reversed(list(zip(header, line, strict=False)))
            if name and value.strip().casefold() not in _UNKNOWN
        }
        for line in lines[1:]
    ]
    return header, rows


def column_name(text: str) -> str:
    """Return a column's name in lower case with ``_`` between words."""
    return re.sub(r"\W+", "_", text.casefold()).strip("_")


def _separator(text: str) -> tuple[str, str]:
    """Return what separates cells, and the text without the line in which Excel says so."""
    if said := re.match(r'"?sep=(.)"?[ \t]*\r?\n', text, re.I):
        return said[1], text[said.end() :].lstrip("\r\n")
    first_line = text.partition("\n")[0]
    return max(",;\t|", key=first_line.count), text


def _decode(content: bytes) -> str:
    """Decode by byte order mark, else as UTF-8, else as Latin-1, which takes any byte."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
