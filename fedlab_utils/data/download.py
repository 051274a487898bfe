"""Fetching the Medical Segmentation Decathlon's brain tumours, which need no account."""

from __future__ import annotations

import http.client
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from fedlab_utils.data.atomic import sync
from fedlab_utils.data.unpack import unpack
from fedlab_utils.errors import DownloadError

TASK = "Task01_BrainTumour"

_CHUNK = 1 << 20
_TIMEOUT_S = 60
_REMEDY_AGAIN = "Run the same command again: it goes on where it stopped"


def download_msd(
    target: Path | str,
    url: str | None = None,
    md5: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    retries: int = 3,
    wait_s: float = 1.0,
) -> Path:
    """Download, verify and unpack Decathlon Task01: 484 patients with segmentation, 7.1 GB.

    The archive is fetched with HTTP ranges, so that a broken connection or ctrl-C costs nothing
    but time: MONAI's ``download_url`` starts from zero each time. It then passes through
    ``download_url`` all the same, which verifies what is in place. The folder appears in one step
    when everything is unpacked; a second call finds it and does nothing.

    Data: Antonelli et al., Nature Communications 13:4128, 2022, doi:10.1038/s41467-022-30695-9;
    licence CC-BY-SA 4.0.

    Parameters
    ----------
    target
        Folder to unpack into.
    url, md5
        Default: the address and checksum in MONAI's ``DecathlonDataset``.
    progress
        Called with (bytes here, bytes in all).
    retries
        How often in a row to try again when no further byte arrives.
    wait_s
        Pause before trying again; it doubles from one fruitless attempt to the next.

    Returns
    -------
    pathlib.Path
        ``target/Task01_BrainTumour``.

    Raises
    ------
    DownloadError
        If the server cannot be reached, sends another file, the disk is too small, or the archive
        holds a name that points outside its folder.
    """
    from monai.apps import DecathlonDataset

    url, md5 = url or DecathlonDataset.resource[TASK], md5 or DecathlonDataset.md5[TASK]
    target = Path(target)
    final, archive = target / TASK, target / f"{TASK}.tar"
    if final.is_dir():
        return final
    try:
        target.mkdir(parents=True, exist_ok=True)
        if not archive.exists():
            _fetch(url, archive, progress, retries, wait_s)
        _verify(url, archive, md5)
        try:
            unpack(archive, final)
        except DownloadError:
            archive.unlink()
            raise
        archive.unlink()
    except OSError as error:
        raise DownloadError(
            case=TASK,
            cause=f"{target} could not be written: {error}",
            remedy=f"Free disk space or choose another folder. {_REMEDY_AGAIN}",
        ) from error
    return final


def _fetch(
    url: str,
    archive: Path,
    progress: Callable[[int, int], None] | None,
    retries: int,
    wait_s: float,
) -> None:
    """Bring the whole file to ``archive``, going on from ``archive.part`` if there is one."""
    part = archive.with_name(archive.name + ".part")
    best, fruitless = _size(part), 0
    while True:
        try:
            _receive(url, part, progress)
            break
        except (http.client.HTTPException, ConnectionError, urllib.error.URLError) as error:
            fruitless = 0 if _size(part) > best else fruitless + 1
            best = max(best, _size(part))
            refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if fruitless > retries or refused:
                raise DownloadError(
                    case=url,
                    cause=f"the download broke off after {_size(part) / 1e6:.1f} MB: {error}",
                    remedy=f"Check the connection. {_REMEDY_AGAIN}",
                ) from error
            time.sleep(wait_s * 2 ** max(0, fruitless - 1))
    sync(part)
    part.replace(archive)
    _tag(part).unlink(missing_ok=True)
    sync(archive.parent)


def _receive(url: str, part: Path, progress: Callable[[int, int], None] | None) -> None:
    """Receive what is missing of ``part``; raise if the connection ends before the file does."""
    tag, have = _tag(part), _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have and tag.exists():
        # The rest only if the file is still the same one, else all of it.
        headers["If-Range"] = tag.read_text("utf-8")
    try:
        request = urllib.request.Request(url, headers=headers)
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()  # Longer than the file on the server: begin again.
        raise ConnectionError("the part on disk does not fit the server's file") from error
    except TimeoutError as error:  # While the answer's first line is waited for.
        raise ConnectionError(str(error)) from error
    with response:
        if response.status != http.client.PARTIAL_CONTENT or not _continues(response, have):
            have = 0
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if validator and not validator.startswith("W/"):
            tag.write_text(validator, "utf-8")
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else 0
        _check_space(part, total - have, total)
        with part.open("ab" if have else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                have += len(chunk)
                if progress:
                    progress(have, total)
    if total and have < total:
        raise ConnectionError(f"{total - have} bytes are missing")


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except OSError as error:  # Of the network, which must not be taken for one of the disk.
        raise ConnectionError(str(error)) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag(part: Path) -> Path:
    """Where the server's name for this version of the file is kept."""
    return part.with_name(part.name + ".tag")


def _continues(response: http.client.HTTPResponse, have: int) -> bool:
    return (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")


def _check_space(part: Path, to_come: int, unpacked: int) -> None:
    """The archive is not compressed: unpacked, it needs its own size once more."""
    need, free = to_come + unpacked, shutil.disk_usage(part.parent).free
    if need > free:
        raise DownloadError(
            case=part.parent,
            cause=f"{need / 1e9:.1f} GB are needed to download and unpack, "
            f"{free / 1e9:.1f} GB are free",
            remedy="Free disk space, or choose a folder on a larger disk",
        )


def _verify(url: str, archive: Path, md5: str) -> None:
    from monai.apps.utils import HashCheckError, download_url

    try:
        download_url(url, archive, hash_val=md5, hash_type="md5")
    except (HashCheckError, RuntimeError) as error:
        size = archive.stat().st_size
        archive.unlink()
        raise DownloadError(
            case=url,
            cause=f"the server sent another file ({size} bytes, MD5 is not {md5})",
            remedy="Nothing was kept. Check the address, or a proxy that answers in its place",
        ) from error


def main(arguments: list[str]) -> int:
    """``python -m fedlab_utils.data.download FOLDER``; returns the exit code."""
    from tqdm import tqdm

    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m fedlab_utils.data.download FOLDER", file=sys.stderr)
        return 2
    with tqdm(desc=TASK, unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            folder = download_msd(arguments[0], progress=progress)
        except DownloadError as error:
            bar.close()
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            bar.close()
            print(f"Stopped. {_REMEDY_AGAIN}.", file=sys.stderr)
            return 130
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
