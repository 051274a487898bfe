"""Keys that hospitals know each other by: who has which, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fedlab_utils.errors import FederationError, PrivacyError
from fedlab_utils.federated.hospital_keys import PRIVATE, PUBLIC, make_keys, read_keys, write_keys
from fedlab_utils.privacy.masks import verified


def folders(out: Path, count: int = 3) -> list[Path]:
    return [out / "hospitals" / f"{number:03d}" for number in range(count)]


def test_each_hospital_has_its_own_key_and_the_list_of_all() -> None:
    keys = make_keys(3)
    for number, own in enumerate(keys):
        signature = own.identity.sign(b"hello")
        for other in keys:
            assert other.known == keys[0].known
            assert verified(other.known[number], signature, b"hello")
        assert not verified(own.known[(number + 1) % 3], signature, b"hello")


def test_keys_survive_on_disk_and_the_private_one_is_its_owner_s(tmp_path: Path) -> None:
    write_keys(tmp_path, folders(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    write_keys(tmp_path, folders(tmp_path))  # as a resumed run does
    assert {path: path.read_bytes() for path in before} == before
    for number, folder in enumerate(folders(tmp_path)):
        assert stat.S_IMODE((folder / PRIVATE).stat().st_mode) == 0o600
        own = read_keys(tmp_path, folder)
        assert verified(own.known[number], own.identity.sign(b"x"), b"x")


def test_another_number_of_hospitals_is_refused(tmp_path: Path) -> None:
    write_keys(tmp_path, folders(tmp_path))
    with pytest.raises(FederationError, match="not of 4 hospitals"):
        write_keys(tmp_path, folders(tmp_path, 4))


@pytest.mark.parametrize("content", ["", "[]", '{"0": "zz"}', '{"a": "00"}', '{"0": "00"}'])
def test_a_damaged_list_is_refused(tmp_path: Path, content: str) -> None:
    write_keys(tmp_path, folders(tmp_path))
    (tmp_path / PUBLIC).write_text(content)
    with pytest.raises(PrivacyError, match="no list of hospitals' keys"):
        read_keys(tmp_path, folders(tmp_path)[0])


@pytest.mark.parametrize("content", [None, b"", b"short"])
def test_a_missing_or_damaged_private_key_is_refused(tmp_path: Path, content: bytes | None) -> None:
    write_keys(tmp_path, folders(tmp_path))
    private = folders(tmp_path)[0] / PRIVATE
    private.unlink() if content is None else private.write_bytes(content)
    with pytest.raises(PrivacyError, match="no private key"):
        read_keys(tmp_path, folders(tmp_path)[0])
