"""Content hashes of a case's files, remembered as long as the files do not change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

from fedlab_utils.data.atomic import write_text

_RACY_NS = 2_000_000_000
_CHUNK = 1 << 20


def content_digests(paths: Sequence[Path], memo: Path) -> list[str]:
    """Return the BLAKE2b digest of each file's content.

    Reading and hashing a case takes far longer than opening its cache, so that digests are kept
    in ``memo`` together with each file's size, time of change and inode, and trusted while these
    stay the same. As git does, a file that changed within the last two seconds is not remembered:
    a second change in the same tick of the clock would go unseen.

    Parameters
    ----------
    paths
        Files to hash.
    memo
        Folder of remembered digests; a digest that cannot be stored there is computed again.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    stats = [fingerprint(path) for path in paths]
    names = "\n".join(str(path.absolute()) for path in paths)
    record = memo / f"{hashlib.blake2b(names.encode(), digest_size=16).hexdigest()}.json"
    try:
        known = json.loads(record.read_text("utf-8"))
        if known["stats"] == stats and len(known["digests"]) == len(paths):
            return known["digests"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # Absent or spoilt: hash again.
    digests = [_digest(path) for path in paths]
    if [fingerprint(path) for path in paths] == stats and all(map(settled, stats)):
        # A memo is a convenience: a full or read-only disk must not stop the reading.
        with contextlib.suppress(OSError):
            write_text(record, json.dumps({"stats": stats, "digests": digests}))
    return digests


def fingerprint(path: Path) -> list[int]:
    """Return what changes when a file does: size, time of change and inode.

    Raises
    ------
    OSError
        If there is no such file.
    """
    stat = path.stat()
    return [stat.st_size, max(stat.st_mtime_ns, stat.st_ctime_ns), stat.st_mtime_ns, stat.st_ino]


def settled(stats: list[int]) -> bool:
    """Return whether a file of this fingerprint cannot change any more without changing it."""
    return time.time_ns() - stats[1] > _RACY_NS


def _digest(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=20)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
