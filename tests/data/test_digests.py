from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest

from fedlab_utils.data import digests
from fedlab_utils.data.digests import content_digests


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a b.nii", tmp_path / "ü.nii"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    return paths


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds pass between writing the files and hashing them."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10_000_000_000)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which files were read."""
    seen: list[Path] = []
    real = digests._digest
    monkeypatch.setattr(digests, "_digest", lambda path: seen.append(path) or real(path))
    return seen


def test_digest_is_blake2b(tmp_path: Path, files: list[Path]) -> None:
    expected = [hashlib.blake2b(p.read_bytes(), digest_size=20).hexdigest() for p in files]
    assert content_digests(files, tmp_path / "memo") == expected


@pytest.mark.usefixtures("later")
def test_unchanged_files_are_read_once(
    tmp_path: Path, files: list[Path], hashed: list[Path]
) -> None:
    first = content_digests(files, tmp_path / "memo")
    assert content_digests(files, tmp_path / "memo") == first
    assert hashed == files


@pytest.mark.usefixtures("later")
def test_a_change_of_the_same_size_is_seen(tmp_path: Path, files: list[Path]) -> None:
    first = content_digests(files, tmp_path / "memo")
    content = files[0].read_bytes()
    files[0].write_bytes(content[::-1])
    second = content_digests(files, tmp_path / "memo")
    assert second[0] != first[0]
    assert second[1] == first[1]


def test_a_file_that_has_just_changed_is_not_remembered(
    tmp_path: Path, files: list[Path], hashed: list[Path]
) -> None:
    content_digests(files, tmp_path / "memo")
    content_digests(files, tmp_path / "memo")
    assert hashed == files * 2


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"stats": 1}'])
def test_a_spoilt_memo_is_ignored(tmp_path: Path, files: list[Path], spoilt: str) -> None:
    first = content_digests(files, tmp_path / "memo")
    for record in (tmp_path / "memo").iterdir():
        record.write_text(spoilt)
    assert content_digests(files, tmp_path / "memo") == first


@pytest.mark.usefixtures("later")
def test_a_memo_that_cannot_be_written_costs_only_time(tmp_path: Path, files: list[Path]) -> None:
    blocked = tmp_path / "memo"
    blocked.write_text("a file where the folder should be")
    assert len(content_digests(files, blocked)) == 2


def test_a_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        content_digests([tmp_path / "absent"], tmp_path / "memo")
