"""Studies go on where they stopped, and record where each number came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedlab_utils.errors import StudyError
from fedlab_utils.studies.record import read_rows
from fedlab_utils.studies.runner import (
    STUDIES,
    OutOfTimeError,
    Study,
    Workplace,
    load_study,
    run_study,
)


def study(measure, seeds: int = 3) -> Study:
    return Study("tiny", "Is it odd?", tuple({"seed": s} for s in range(seeds)), measure, 0.1)


def quiet(_: str) -> None:
    pass


def odd(settings: dict, _: Workplace) -> dict:
    return {"odd": settings["seed"] % 2}


def test_every_cell_is_recorded_with_its_provenance(tmp_path: Path) -> None:
    rows = run_study(study(odd), results=tmp_path, work=tmp_path / "work", say=quiet)
    assert [(row["settings"]["seed"], row["result"]["odd"]) for row in rows] == [
        (0, 0),
        (1, 1),
        (2, 0),
    ]
    stored = json.loads((tmp_path / "tiny.json").read_text())
    assert stored["rows"] == rows
    assert stored["question"] == "Is it odd?"
    for row in rows:
        assert {"command", "commit", "device", "packages", "date", "wall_seconds"} <= set(
            row["provenance"]
        )
        assert row["provenance"]["command"] == "python -m fedlab_utils study tiny"


def test_a_cell_that_pauses_is_taken_up_again_and_none_is_measured_twice(tmp_path: Path) -> None:
    calls: list[int] = []

    def slow(settings: dict, place: Workplace) -> dict:
        calls.append(settings["seed"])
        half = place.folder / f"half-{settings['seed']}"
        if settings["seed"] == 1 and not half.exists():
            half.touch()
            raise OutOfTimeError
        return odd(settings, place)

    where = {"results": tmp_path, "work": tmp_path / "work", "say": quiet}
    assert len(run_study(study(slow), **where)) == 1
    assert len(run_study(study(slow), **where)) == 3
    assert len(run_study(study(slow), **where)) == 3
    assert calls == [0, 1, 1, 2]


def test_a_cell_is_given_what_was_recorded_before_it(tmp_path: Path) -> None:
    def so_far(_: dict, place: Workplace) -> dict:
        return {"before": [row["settings"]["seed"] for row in place.rows]}

    rows = run_study(study(so_far), results=tmp_path, work=tmp_path / "work", say=quiet)
    assert [row["result"]["before"] for row in rows] == [[], [0], [0, 1]]


def test_one_process_at_a_time_works_on_a_study(tmp_path: Path) -> None:
    where = {"results": tmp_path, "work": tmp_path / "work", "say": quiet}

    def meddle(settings: dict, place: Workplace) -> dict:
        with pytest.raises(StudyError, match="another process works on it"):
            run_study(study(odd), **where)
        return odd(settings, place)

    assert len(run_study(study(meddle), **where)) == 3


def test_a_cell_of_several_pieces_names_them_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off by the clock and by ctrl-C, then gone on with elsewhere and at another commit."""
    now = {"time": 1000.0, "machine": "first", "commit": "a"}
    provenance = "fedlab_utils.segmentation.provenance"
    monkeypatch.setattr("time.time", lambda: now["time"])
    monkeypatch.setattr(f"{provenance}.device_name", lambda _: now["machine"])
    state = {"changed": False}
    monkeypatch.setattr(f"{provenance}.checkout_state", lambda: {"commit": now["commit"], **state})
    pieces = iter([(60.0, OutOfTimeError), (7.5, KeyboardInterrupt), (2.25, None), (1.0, None)])
    seen: list[int] = []

    def slow(settings: dict, place: Workplace) -> dict:
        seen.append(len(place.earlier))
        seconds, end = next(pieces)
        now["time"] += seconds
        if end is not None:
            raise end
        return odd(settings, place)

    where = {"results": tmp_path, "work": tmp_path / "work", "say": quiet}
    assert run_study(study(slow, seeds=2), **where) == []
    now |= {"machine": "second", "commit": "b"}
    with pytest.raises(KeyboardInterrupt):
        run_study(study(slow, seeds=2), **where)
    now |= {"machine": "third", "commit": "c"}
    two, one = run_study(study(slow, seeds=2), **where)
    assert seen == [0, 1, 2, 0]
    about = two["provenance"]
    assert [(p["device"], p["commit"], p["wall_seconds"]) for p in about["pieces"]] == [
        ("first", "a", 60.0),
        ("second", "b", 7.5),
        ("third", "c", 2.2),
    ]
    assert (about["wall_seconds"], about["commit"], about["device"]) == (69.7, "c", "third")
    assert one["provenance"]["wall_seconds"] == 1.0
    assert "pieces" not in one["provenance"]
    assert read_rows("tiny", tmp_path) == [two, one]


@pytest.mark.parametrize(("again", "always", "calls"), [(0, 0, 3), (1, 0, 6), (0, 1, 6)])
def test_what_is_recorded_is_measured_again_where_asked(
    tmp_path: Path, again: int, always: int, calls: int
) -> None:
    from dataclasses import replace

    seen: list[int] = []

    def count(settings: dict, _: Workplace) -> dict:
        seen.append(settings["seed"])
        return {"call": len(seen)}

    counted = replace(study(count), always=bool(always))
    places = {"results": tmp_path, "work": tmp_path / "work", "say": quiet}
    run_study(counted, **places)
    rows = run_study(counted, **places, again=bool(again))
    assert len(seen) == calls
    assert [row["result"]["call"] for row in rows] == list(range(calls - 2, calls + 1))
    assert read_rows("tiny", tmp_path) == rows


def test_no_cell_begins_when_the_time_is_over(tmp_path: Path) -> None:
    said: list[str] = []
    rows = run_study(study(odd), hours=0.0, results=tmp_path, work=tmp_path, say=said.append)
    assert rows == []
    assert "paused after 0 of 3" in said[-1]


@pytest.mark.parametrize("hours", [-1.0, float("nan")])
def test_what_is_no_time_is_refused(tmp_path: Path, hours: float) -> None:
    with pytest.raises(StudyError, match="hours are"):
        run_study(study(odd), hours=hours, results=tmp_path, work=tmp_path / "work", say=quiet)


def test_a_failing_cell_keeps_what_is_recorded(tmp_path: Path) -> None:
    def failing(settings: dict, place: Workplace) -> dict:
        if settings["seed"] == 2:
            raise ValueError("broken")
        return odd(settings, place)

    with pytest.raises(ValueError, match="broken"):
        run_study(study(failing), results=tmp_path, work=tmp_path, say=quiet)
    assert [row["settings"]["seed"] for row in read_rows("tiny", tmp_path)] == [0, 1]


def test_a_damaged_record_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text("{", encoding="utf-8")
    with pytest.raises(StudyError, match=r"tiny\.json"):
        run_study(study(odd), results=tmp_path, work=tmp_path / "work", say=quiet)
    assert (tmp_path / "tiny.json").read_text("utf-8") == "{"


def test_cells_of_other_settings_are_dropped(tmp_path: Path) -> None:
    run_study(study(odd, seeds=3), results=tmp_path, work=tmp_path, say=quiet)
    rows = run_study(study(odd, seeds=1), results=tmp_path, work=tmp_path, say=quiet)
    assert [row["settings"]["seed"] for row in rows] == [0]


@pytest.mark.parametrize("name", list(STUDIES))
def test_every_study_of_the_list_can_be_run(name: str) -> None:
    found = load_study(name)
    assert found.name == name
    assert found.question.endswith("?")
    assert found.cells
    as_stored = json.loads(json.dumps(found.cells))
    assert as_stored == list(found.cells), "settings must survive JSON, or nothing is found again"
    assert all(found.cells.count(cell) == 1 for cell in found.cells)


def test_an_unknown_study_is_refused() -> None:
    with pytest.raises(StudyError, match="Choose one of"):
        load_study("nothing")
