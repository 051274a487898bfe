from __future__ import annotations

import hashlib
import shutil
import threading
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fedlab_utils.data import download
from fedlab_utils.data.download import TASK, download_msd
from fedlab_utils.errors import DownloadError
from tests.data.test_unpack import archive

IMAGE = bytes(range(256)) * 2000  # half a megabyte


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


def test_a_malicious_archive_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.content = archive({f"{TASK}/dataset.json": b"{}", f"{TASK}/../../evil": b"x"})
    target = tmp_path / "deep" / "msd"
    with pytest.raises(DownloadError, match="the archive holds"):
        fetch(server, target, md5=hashlib.md5(server.content).hexdigest())
    assert names(tmp_path) == ["deep", "deep/msd"]


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


def test_command_line(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(download, "download_msd", lambda target, **_: fetch(server, Path(target)))
    assert download.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / TASK)
    assert is_whole(tmp_path)


def test_command_line_reports_in_one_line(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.content = b"<html>Please log in</html>"
    monkeypatch.setattr(download, "download_msd", lambda target, **_: fetch(server, Path(target)))
    assert download.main([str(tmp_path)]) == 1
    assert "another file" in capsys.readouterr().err
    assert download.main([]) == 2


def test_a_server_that_does_not_answer_is_tried_again_and_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A time-out is an error of the network, though it is an ``OSError`` as a full disk is."""
    monkeypatch.setattr(download, "_TIMEOUT_S", 0.2)
    asked, may_go = [], threading.Event()

    def keep_waiting(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        may_go.wait(20)

    monkeypatch.setattr(server, "answer", keep_waiting)
    try:
        with pytest.raises(DownloadError, match=r"broke off after 0.0 MB: timed out. Check the c"):
            fetch(server, tmp_path, retries=1)
    finally:
        may_go.set()
    assert len(asked) == 2
