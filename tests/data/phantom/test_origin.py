"""How a cohort was made: what the file says, where it is found, what in it is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.phantom.origin import MAX_SEED, ORIGIN, find_origin, read_seed, write_origin
from fedlab_utils.errors import UnreadableFileError


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    write_origin(tmp_path, np.int64(5000), np.float32(2), "msd", np.int64(3))
    told = json.loads((tmp_path / ORIGIN).read_text("utf-8"))
    assert told == {"seed": 5000, "spacing": 2.0, "layout": "msd", "cases": 3}
    assert read_seed(tmp_path / ORIGIN) == 5000
    write_origin(tmp_path, MAX_SEED, 2.0, "msd", 3)
    assert read_seed(tmp_path / ORIGIN) == MAX_SEED


def test_a_person_may_add_to_it_and_save_it_in_another_encoding(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / ORIGIN).write_text('{"note": "für Kurs 3", "seed": 9}', encoding)
        assert read_seed(tmp_path / ORIGIN) == 9


def test_it_is_found_between_a_case_and_the_root_and_the_nearest_one_counts(tmp_path: Path) -> None:
    root, case = tmp_path / "data", tmp_path / "data" / "cohort" / "HGG" / "case" / "t1.nii.gz"
    case.parent.mkdir(parents=True)
    write_origin(tmp_path, 1, 2.0, "brats2018", 1)
    assert find_origin(root, case) is None
    write_origin(root, 2, 2.0, "brats2018", 1)
    assert find_origin(root, case) == root / ORIGIN
    write_origin(root / "cohort", 3, 2.0, "brats2018", 1)
    assert find_origin(root, case) == root / "cohort" / ORIGIN


def test_it_is_found_from_where_one_stands_and_from_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_origin(tmp_path, 1, 2.0, "brats2018", 1)
    monkeypatch.chdir(tmp_path)
    assert find_origin(Path(), Path("HGG/case/t1.nii.gz")) == Path(ORIGIN)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert find_origin(Path("~"), tmp_path / "HGG/case/t1.nii.gz") == tmp_path / ORIGIN


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no JSON"),
        (b'{"seed": 7', "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"[" * 9_000, "no JSON"),
        (b'{"seed": ' + b"9" * 5_000 + b"}", "no JSON"),
        (b'{"seed": 7}' + b" " * 10_000, "more than 10000 bytes"),
        (b"7", "seed is None"),
        (b"[7]", "seed is None"),
        (b"{}", "seed is None"),
        (b'{"seed": null}', "seed is None"),
        (b'{"seed": "7"}', "seed is '7'"),
        (b'{"seed": 7.0}', "seed is 7.0"),
        (b'{"seed": true}', "seed is True"),
        (b'{"seed": [7]}', r"seed is \[7\]"),
        (b'{"seed": NaN}', "seed is nan"),
        (b'{"seed": 1e400}', "seed is inf"),
        (b'{"seed": -1}', "seed is -1"),
        (b'{"seed": %d}' % (MAX_SEED + 1), "seed is 34028"),
        (b'{"seed": "' + b"x" * 9_000 + b'"}', "seed is 'x"),
    ],
)
def test_a_file_that_names_no_seed(tmp_path: Path, content: bytes, cause: str) -> None:
    (tmp_path / ORIGIN).write_bytes(content)
    with pytest.raises(UnreadableFileError, match=cause) as raised:
        read_seed(tmp_path / ORIGIN)
    assert raised.value.case == str(tmp_path / ORIGIN)
    assert len(raised.value.cause) < 200


def test_what_is_no_file(tmp_path: Path) -> None:
    origin = tmp_path / ORIGIN
    origin.mkdir()
    with pytest.raises(UnreadableFileError, match="it is no file"):
        read_seed(origin)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders, and links by right")
def test_links_and_pipes(tmp_path: Path) -> None:
    origin, other = tmp_path / ORIGIN, tmp_path / "other"
    origin.symlink_to(other)
    for make in (lambda: None, other.mkdir, lambda: os.mkfifo(other)):
        make()
        assert find_origin(tmp_path, tmp_path / "t1.nii.gz") == origin
        with pytest.raises(UnreadableFileError, match="it is no file"):
            read_seed(origin)
        if other.exists():
            other.rmdir() if other.is_dir() else other.unlink()
    origin.unlink()
    origin.symlink_to(origin)
    with pytest.raises(UnreadableFileError, match="it is no file"):
        read_seed(origin)
    origin.unlink()
    other.write_text('{"seed": 11}')
    origin.symlink_to(other)
    assert read_seed(origin) == 11
