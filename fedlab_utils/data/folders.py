"""Walk a folder that a stranger filled: links, loops, forbidden corners and all."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from fedlab_utils.errors import DataError, LayoutError, MissingFileError, UnreadableFileError

MAX_DEPTH = 8
"""How deep below the top a data set may lie; the deepest published one needs four."""

ARCHIVES = (
    *(".zip", ".7z", ".rar", ".tar"),
    *(".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz"),
)
"""Endings of files that have to be unpacked first."""


@dataclass
class Listing:
    """What a folder holds.

    Parameters
    ----------
    files, folders
        Sorted paths, without hidden ones and what macOS adds to archives.
    problems
        Folders that could not be opened.
    """

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    problems: list[DataError] = field(default_factory=list)

    @property
    def archives(self) -> list[Path]:
        """Files that have to be unpacked first."""
        return [path for path in self.files if path.name.lower().endswith(ARCHIVES)]


def open_root(root: str | os.PathLike[str]) -> Path:
    """Return a folder's path, or say why it is none.

    Raises
    ------
    MissingFileError
        If nothing is there.
    LayoutError
        If it is an archive or another file.
    """
    path = Path(root).expanduser()
    try:
        if path.is_dir():
            return path
        there = os.path.lexists(path)
    except (OSError, ValueError) as error:
        raise MissingFileError(path, f"it cannot be reached ({error})", "Name a folder") from error
    if not there:
        raise MissingFileError(path, "there is no such folder", "Check the path, or FEDLAB_DATA")
    if path.name.lower().endswith(ARCHIVES):
        raise LayoutError(path, "it is an archive", "Unpack it and name the folder that comes out")
    raise LayoutError(path, "it is not a folder", "Name the folder that holds the data set")


def walk(root: Path) -> Listing:
    """List files and folders below ``root``. Links are followed, but each folder only once."""
    listing = Listing()
    seen: set[tuple[int, int]] = set()
    queue = [(root, 0)]
    while queue:
        folder, depth = queue.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            listing.problems.append(
                UnreadableFileError(
                    folder.name,
                    f"the folder {folder} cannot be opened ({error.strerror})",
                    "Check its permissions",
                )
            )
            continue
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            path = Path(entry.path)
            if _is_folder(entry):
                listing.folders.append(path)
                if depth < MAX_DEPTH:
                    queue.append((path, depth + 1))
            else:
                listing.files.append(path)
    listing.files.sort()
    listing.folders.sort()
    return listing


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself: a file, which fails when it is opened
        return False
