from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
import threading
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fedlab_utils.data import download
from fedlab_utils.data.download import TASK, download_msd
from fedlab_utils.errors import DownloadError

IMAGE = bytes(range(256)) * 2000  # half a megabyte


def archive(members: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


GOOD = archive(
    {
        f"{TASK}/dataset.json": b"{}",
        f"{TASK}/._dataset.json": b"a twin from macOS",
        f"{TASK}/imagesTr/BRATS_001.nii.gz": IMAGE,
    }
)


class Server:
    """Serves ``content``; each item of ``breaks`` ends one answer after that many bytes."""

    def __init__(self, content: bytes) -> None:
        self.content, self.tag = content, '"one"'
        self.breaks: list[int] = []
        self.ranges = True
        self.requests: list[str | None] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/{TASK}.tar"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range")
        self.requests.append(wanted)
        condition = handler.headers.get("If-Range")
        start = 0
        if wanted and self.ranges and condition in (None, self.tag):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                handler.send_error(416)
                return
            handler.send_response(206)
            end = len(self.content)
            handler.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(self.content) - start))
        if self.tag:
            handler.send_header("ETag", self.tag)
        handler.end_headers()
        stop = start + self.breaks.pop(0) if self.breaks else None
        handler.wfile.write(self.content[start:stop])
        handler.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(GOOD)
    yield running
    running.http.shutdown()
    running.http.server_close()


def fetch(server: Server, target: Path, **options: object) -> Path:
    md5 = hashlib.md5(GOOD).hexdigest()
    return download_msd(target, **{"url": server.url, "md5": md5, "wait_s": 0.0, **options})


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*")) if folder.exists() else []


def is_whole(folder: Path) -> bool:
    image = folder / TASK / "imagesTr" / "BRATS_001.nii.gz"
    expected = [TASK, f"{TASK}/dataset.json", f"{TASK}/imagesTr"]
    expected.append(f"{TASK}/imagesTr/BRATS_001.nii.gz")
    return names(folder) == expected and image.read_bytes() == IMAGE


def test_whole_download(server: Server, tmp_path: Path) -> None:
    seen = []
    target = tmp_path / "data sets" / "msd"
    assert fetch(server, target, progress=lambda *at: seen.append(at)) == target / TASK
    assert is_whole(target)
    assert seen[-1] == (len(GOOD), len(GOOD))


def test_second_run_does_nothing(server: Server, tmp_path: Path) -> None:
    fetch(server, tmp_path)
    asked = len(server.requests)
    fetch(server, tmp_path)
    assert len(server.requests) == asked


def test_goes_on_where_the_server_broke_off(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000, 50_000]
    fetch(server, tmp_path)
    assert is_whole(tmp_path)
    assert server.requests == [None, "bytes=100000-", "bytes=150000-"]


def test_goes_on_in_the_next_run(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000, 0]
    with pytest.raises(DownloadError, match=r"after 0\.1 MB.*goes on where it stopped"):
        fetch(server, tmp_path, retries=0)
    assert not (tmp_path / TASK).exists()
    fetch(server, tmp_path)
    assert is_whole(tmp_path)
    assert server.requests[-1] == "bytes=100000-"


def test_without_a_tag_it_goes_on_too(server: Server, tmp_path: Path) -> None:
    server.tag, server.breaks = "", [100_000]
    fetch(server, tmp_path)
    assert is_whole(tmp_path)
    assert server.requests[-1] == "bytes=100000-"


def test_another_file_in_between_is_fetched_from_the_start(server: Server, tmp_path: Path) -> None:
    server.content, server.tag, server.breaks = b"x" * len(GOOD), '"old"', [100_000, 0]
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, retries=0)
    server.content, server.tag = GOOD, '"new"'
    fetch(server, tmp_path)
    assert is_whole(tmp_path)


def test_a_server_without_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges, server.breaks = False, [100_000]
    fetch(server, tmp_path)
    assert is_whole(tmp_path)


def test_a_server_that_never_gets_further_is_given_up(server: Server, tmp_path: Path) -> None:
    server.ranges, server.breaks = False, [1000] * 50
    with pytest.raises(DownloadError):
        fetch(server, tmp_path, retries=2)
    assert len(server.requests) == 4


def test_a_part_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TASK}.tar.part").write_bytes(b"x" * (len(GOOD) + 5))
    fetch(server, tmp_path)
    assert is_whole(tmp_path)


def test_a_wrong_file_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = b"<html>Please log in</html>"
    with pytest.raises(DownloadError, match=r"another file \(26 bytes, MD5"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []


def test_not_found_is_not_tried_again(server: Server, tmp_path: Path) -> None:
    server.answer = lambda handler: (server.requests.append(None), handler.send_error(404))
    with pytest.raises(DownloadError, match="404"):
        fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="Check the connection"):
        download_msd(tmp_path, url="http://127.0.0.1:9/x.tar", md5="0", retries=1, wait_s=0.0)


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


MALICIOUS = {
    "up": {f"{TASK}/../../evil": b"x"},
    "absolute": {"/tmp/evil": b"x"},
    "backslash": {f"{TASK}\\..\\..\\evil": b"x"},
    "drive": {"C:evil": b"x"},
    "symlink": {f"{TASK}/out": link(f"{TASK}/out", "../..", tarfile.SYMTYPE)},
    "through symlink": {
        f"{TASK}/out": link(f"{TASK}/out", "/tmp", tarfile.SYMTYPE),
        f"{TASK}/out/evil": b"x",
    },
    "hard link": {f"{TASK}/out": link(f"{TASK}/out", "/etc/hostname", tarfile.LNKTYPE)},
    "device": {f"{TASK}/null": link(f"{TASK}/null", "", tarfile.CHRTYPE)},
}


@pytest.mark.parametrize("kind", MALICIOUS)
def test_an_archive_cannot_leave_its_folder(server: Server, tmp_path: Path, kind: str) -> None:
    server.content = archive({f"{TASK}/dataset.json": b"{}", **MALICIOUS[kind]})
    target = tmp_path / "deep" / "msd"
    md5 = hashlib.md5(server.content).hexdigest()
    with pytest.raises(DownloadError, match="the archive holds"):
        fetch(server, target, md5=md5)
    assert names(tmp_path) == ["deep", "deep/msd"]


@pytest.mark.parametrize("content", [b"no tar at all" * 100, archive({"other/file": b"x"})])
def test_an_archive_of_something_else(server: Server, tmp_path: Path, content: bytes) -> None:
    server.content = content
    with pytest.raises(DownloadError, match=r"no tar archive|holds no Task01"):
        fetch(server, tmp_path, md5=hashlib.md5(content).hexdigest())
    assert names(tmp_path) == []


def test_too_small_a_disk_is_told_before_the_download(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**6, 0, len(GOOD) + 1))
    with pytest.raises(DownloadError, match="are needed to download and unpack"):
        fetch(server, tmp_path)
    assert not any((tmp_path / name).is_dir() for name in names(tmp_path))


def test_a_disk_that_fills_up_while_unpacking_keeps_the_archive(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(DownloadError, match="No space left"):
        fetch(server, tmp_path)
    assert names(tmp_path) == [f"{TASK}.tar"]
    monkeypatch.undo()
    asked = len(server.requests)
    fetch(server, tmp_path)
    assert is_whole(tmp_path)
    assert len(server.requests) == asked


def test_address_and_checksum_are_monais(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without ``url`` and ``md5`` the official file is asked for, and nothing else accepted."""
    asked = []

    def fetched(url: str, archive: Path, *_: object) -> None:
        asked.append(url)
        archive.write_bytes(b"something else")

    monkeypatch.setattr(download, "_fetch", fetched)
    with pytest.raises(DownloadError, match="MD5 is not 240a19d752f0d9e9101544901065d872"):
        download_msd(tmp_path)
    assert asked == [f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{TASK}.tar"]
