"""Walk a folder that a stranger filled: links, loops, forbidden corners and all."""

from __future__ import annotations

import errno
import os
import stat
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

_NO_LINK = "Name the folder that holds the data set, or mend the link"


@dataclass
class Listing:
    """What a folder holds.

    Parameters
    ----------
    files, folders
        Sorted paths, without hidden ones and what macOS adds to archives.
    problems
        One per folder that could not be opened.
    closed
        These folders.
    """

    files: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    problems: list[DataError] = field(default_factory=list)
    closed: set[Path] = field(default_factory=set)

    @property
    def archives(self) -> list[Path]:
        """Files that have to be unpacked first."""
        return [path for path in self.files if path.name.lower().endswith(ARCHIVES)]


def open_root(root: str | os.PathLike[str]) -> Path:
    """Return a folder's path, or say why it is none.

    Raises
    ------
    MissingFileError
        If nothing is there, or nothing at the end of a link.
    LayoutError
        If it is an archive or another file.
    """
    path = Path(root).expanduser()
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return path
    except (FileNotFoundError, NotADirectoryError) as error:
        cause, remedy = "there is no such folder", "Check the path, or FEDLAB_DATA"
        if path.is_symlink():
            cause, remedy = f"it is a link to {path.readlink()}, which is not there", _NO_LINK
        raise MissingFileError(path, cause, remedy) from error
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.ELOOP:
            cause = "it is a link that leads back to itself, by way of other links or at once"
            raise MissingFileError(path, cause, _NO_LINK) from error
        raise MissingFileError(path, f"it cannot be reached ({error})", "Name a folder") from error
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
            listing.closed.add(folder)
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
