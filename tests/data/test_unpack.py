from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from fedlab_utils.data.unpack import unpack
from fedlab_utils.errors import DownloadError


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


def link(name: str, to: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


MALICIOUS = {
    "up": {"folder/../../evil": b"x"},
    "absolute": {"/tmp/evil": b"x"},
    "backslash": {"folder\\..\\..\\evil": b"x"},
    "drive": {"C:evil": b"x"},
    "symlink": {"folder/out": link("folder/out", "../..", tarfile.SYMTYPE)},
    "through symlink": {
        "folder/out": link("folder/out", "/tmp", tarfile.SYMTYPE),
        "folder/out/evil": b"x",
    },
    "hard link": {"folder/out": link("folder/out", "/etc/hostname", tarfile.LNKTYPE)},
    "device": {"folder/null": link("folder/null", "", tarfile.CHRTYPE)},
}


def store(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "deep" / "archive.tar"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", MALICIOUS)
def test_an_archive_cannot_leave_its_folder(tmp_path: Path, kind: str) -> None:
    path = store(tmp_path, archive({"folder/good": b"1", **MALICIOUS[kind]}))
    with pytest.raises(DownloadError, match="the archive holds"):
        unpack(path, path.with_name("folder"))
    assert names(tmp_path) == ["deep", "deep/archive.tar"]


def test_files_of_the_folder_and_nothing_else(tmp_path: Path) -> None:
    members = {
        "./folder/a/b.txt": b"1",
        "folder/._c": b"a twin from macOS",
        "._folder": b"another",
        "other/d": b"2",
    }
    path = store(tmp_path, archive(members))
    unpack(path, tmp_path / "deep" / "folder")
    assert names(tmp_path / "deep") == ["archive.tar", "folder", "folder/a", "folder/a/b.txt"]
    assert (tmp_path / "deep" / "folder" / "a" / "b.txt").read_bytes() == b"1"


@pytest.mark.parametrize("content", [b"no tar at all" * 100, archive({"other/file": b"x"})])
def test_an_archive_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = store(tmp_path, content)
    with pytest.raises(DownloadError, match=r"no tar archive|holds no folder"):
        unpack(path, tmp_path / "deep" / "folder")
    assert names(tmp_path) == ["deep", "deep/archive.tar"]
