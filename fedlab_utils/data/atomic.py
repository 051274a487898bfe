"""Folders and files that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

_PREFIX = ".fedlab-tmp"
_FOREIGN_HOST_STALE_S = 24 * 3600


@contextlib.contextmanager
def new_folder(final: Path, keep: Callable[[Path], bool] = Path.is_dir) -> Iterator[Path]:
    """Give a temporary sibling of ``final`` to fill; it becomes ``final`` when all went well.

    The files are synced to disk before the folder is renamed, so that ``final`` is never half
    there, not even after a power cut. If the body raises, nothing is left behind. If somebody else
    was first, theirs stays and ours is dropped.

    Parameters
    ----------
    final
        Where the folder will stand; its parent is made if needed.
    keep
        Whether what already stands at ``final`` may stay; if not, it is replaced.

    Yields
    ------
    pathlib.Path
        The temporary folder, on the same file system.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(final.parent)
    temporary = _temporary(final.parent)
    temporary.mkdir()
    try:
        yield temporary
        _sync_tree(temporary)
        _publish(temporary, final, keep)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file in one piece, replacing what was there."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece, replacing what was there; remove what a killed process left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(path.parent)
    temporary = _temporary(path.parent)
    try:
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_stale(parent: Path) -> None:
    """Remove temporary files that a killed process left in ``parent``.

    A file of this machine is stale once its process is gone. One of another machine (a shared
    disk) is left alone for a day, since its process cannot be seen from here.
    """
    with os.scandir(parent) as entries:
        leftovers = [Path(e.path) for e in entries if e.name.startswith(_PREFIX)]
    for path in leftovers:
        if _is_stale(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows cannot open a folder, and journals its renames itself.
    descriptor = os.open(path, os.O_RDWR if path.is_file() and os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            sync(Path(root, name))
        sync(Path(root))


def _publish(temporary: Path, final: Path, keep: Callable[[Path], bool]) -> None:
    """Rename into place. A folder that must go is renamed aside first: that is one step too."""
    for _ in range(5):
        try:
            # os.rename never replaces a folder that holds something, on any system.
            os.rename(temporary, final)  # noqa: PTH104
        except OSError:
            if not final.exists():
                raise
            if keep(final):
                return
            aside = _temporary(final.parent)
            with contextlib.suppress(FileNotFoundError):
                final.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            sync(final.parent)
            return
    raise FileExistsError(f"{final} is replaced by others again and again")


def _temporary(parent: Path) -> Path:
    return parent / f"{_PREFIX}-{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", platform.node()) or "host"


def _is_stale(path: Path) -> bool:
    import psutil

    parts = path.name.removeprefix(_PREFIX + "-").split("-")
    if len(parts) == 3 and parts[0] == _host() and parts[1].isdigit():
        return not psutil.pid_exists(int(parts[1]))
    try:
        return time.time() - path.stat().st_mtime > _FOREIGN_HOST_STALE_S
    except FileNotFoundError:
        return False
