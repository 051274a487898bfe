from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedlab_utils.data.atomic import new_folder, remove_stale, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "entry"
    with new_folder(final) as folder:
        (folder / "a").write_text("1")
        (folder / "sub").mkdir()
        (folder / "sub" / "b").write_text("2")
        assert not final.exists()
    assert (final / "sub" / "b").read_text() == "2"
    assert names(final.parent) == ["entry"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_failure_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "entry") as folder:
            (folder / "a").write_text("1")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert names(tmp_path) == []


def test_the_first_of_two_stays(tmp_path: Path) -> None:
    final = tmp_path / "entry"
    with new_folder(final) as slow:
        with new_folder(final) as fast:
            (fast / "who").write_text("fast")
        (slow / "who").write_text("slow")
    assert (final / "who").read_text() == "fast"
    assert names(tmp_path) == ["entry"]


def test_what_may_not_stay_is_replaced(tmp_path: Path) -> None:
    final = tmp_path / "entry"
    final.mkdir()
    (final / "broken").write_text("")
    with new_folder(final, keep=lambda there: not (there / "broken").exists()) as folder:
        (folder / "good").write_text("")
    assert names(final) == ["good"]
    assert names(tmp_path) == ["entry"]


def test_text_is_replaced_in_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "memo" / "text"
    write_text(path, "old")
    write_text(path, "grüße")
    assert path.read_text("utf-8") == "grüße"
    assert names(path.parent) == ["text"]


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from fedlab_utils.data import atomic;"
        "f = atomic._temporary(Path(sys.argv[1])); f.mkdir(); (f / 'half').write_text('')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert len(names(tmp_path)) == 1
    with new_folder(tmp_path / "entry") as mine:
        remove_stale(tmp_path)
        assert names(tmp_path) == [mine.name]
    assert names(tmp_path) == ["entry"]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    write_text(tmp_path / "note", "")
    assert names(tmp_path) == ["entry", "note"]


def test_leftovers_of_another_machine_stay_for_a_day(tmp_path: Path) -> None:
    foreign = tmp_path / ".fedlab-tmp-elsewhere-1-abcdef01"
    foreign.mkdir()
    remove_stale(tmp_path)
    assert foreign.exists()
    os.utime(foreign, (0, 0))
    remove_stale(tmp_path)
    assert not foreign.exists()
