"""Pieces of interrupted cells: each cell has its own, until it is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.pieces import (
    FILE,
    PIECE,
    earlier_pieces,
    forget_pieces,
    remember_piece,
    whole,
)

A, B = {"seed": 0, "sequences": ["T1"]}, {"seed": 1, "sequences": ["T1"]}


def about(seconds: float) -> dict:
    told = {"commit": "c", "changed": False, "device": "d", "date": "2026-01-01 00:00"}
    return {**told, "wall_seconds": seconds, "packages": {"torch": "2"}, "command": "x"}


def test_cells_do_not_mix(tmp_path: Path) -> None:
    assert earlier_pieces(tmp_path, A) == []
    forget_pieces(tmp_path, A)
    assert list(tmp_path.iterdir()) == []
    for settings, seconds in ((A, 1.0), (B, 2.0), (A, 3.0)):
        remember_piece(tmp_path, settings, about(seconds))
    assert [piece["wall_seconds"] for piece in earlier_pieces(tmp_path, A)] == [1.0, 3.0]
    forget_pieces(tmp_path, A)
    assert earlier_pieces(tmp_path, A) == []
    assert [piece["wall_seconds"] for piece in earlier_pieces(tmp_path, B)] == [2.0]
    assert all(set(piece) == set(PIECE) for piece in earlier_pieces(tmp_path, B))


def test_the_whole_is_the_sum_of_its_pieces_and_one_piece_is_as_it_was(tmp_path: Path) -> None:
    assert whole(about(5.0), []) == about(5.0)
    remember_piece(tmp_path, A, about(1.1))
    remember_piece(tmp_path, A, about(2.2))
    told = whole(about(3.3), earlier_pieces(tmp_path, A))
    assert told["wall_seconds"] == 6.6
    assert [piece["wall_seconds"] for piece in told.pop("pieces")] == [1.1, 2.2, 3.3]
    assert told == {**about(3.3), "wall_seconds": 6.6}


@pytest.mark.parametrize("text", ["{", "[1]", '[{"settings": {}}]', "7"])
def test_a_damaged_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    for use in (earlier_pieces, forget_pieces):
        with pytest.raises(StudyError, match=r"pieces\.json"):
            use(tmp_path, A)
    with pytest.raises(StudyError):
        remember_piece(tmp_path, A, about(1.0))
    assert (tmp_path / FILE).read_text("utf-8") == text
