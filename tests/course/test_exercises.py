from __future__ import annotations

import json

import pytest

from fedlab_utils.course import check, hint, progress, quiz, solution
from fedlab_utils.course.registry import find_exercise


def right(voxels, spacing):
    x, y, z = spacing
    return voxels * x * y * z / 1000


def wrong(voxels, spacing):
    return voxels + 0 * sum(spacing)


def entry() -> dict:
    return progress.read_progress()["exercises"].get("millilitres", {})


def test_a_right_answer_is_told_and_recorded() -> None:
    message = check.millilitres(right)
    assert (message.status, message.heading) == ("passed", "Passed")
    assert entry() == {"attempts": 1, "passed": True}


def test_a_wrong_answer_is_told_recorded_and_does_not_undo_a_pass() -> None:
    message = check.millilitres(wrong)
    assert message.status == "wrong"
    assert 'hint("millilitres")' in message.advice
    assert entry() == {"attempts": 1, "passed": False}
    check.millilitres(right)
    check.millilitres(wrong)
    assert entry() == {"attempts": 3, "passed": True}


def test_a_stub_or_an_unrecorded_try_leaves_no_trace() -> None:
    assert check.millilitres(lambda *_: None).status == "stub"
    assert check.millilitres(right, record=False).status == "passed"
    assert entry() == {}


def test_an_unknown_name_proposes_the_nearest() -> None:
    assert check.milliliters(right).status == "unknown"
    for message in (check.milliliters(), hint("milliliters"), solution("milliliters")):
        assert "Did you mean `millilitres`?" in str(message)
    assert "There are:" in str(check.xyzzy())


def test_check_lists_its_exercises_for_completion() -> None:
    assert {"millilitres", "dice", "pooled_mean"} <= set(dir(check))
    with pytest.raises(AttributeError):
        _ = check._repr_html_


def test_hints_go_one_further_each_time_and_say_when_there_are_no_more() -> None:
    hints = find_exercise("millilitres").hints
    for shown in hints:
        assert shown in str(hint("millilitres"))
    for _ in range(2):
        over = str(hint("millilitres"))
        assert over.startswith("You have seen all hints. There are 2 for millilitres.")
        assert '`hint("millilitres", 1)` shows the first again' in over
        assert '`solution("millilitres")`' in over
    assert hints[0] in str(hint("millilitres", 1))
    assert hints[-1] in str(hint("millilitres", 99))
    assert "This was the last" in str(hint("millilitres", 99))


@pytest.mark.parametrize("tier", ["two", float("nan"), float("inf"), [1], 2j, object()])
def test_a_tier_that_is_no_number_is_answered(tier) -> None:
    message = hint("millilitres", tier)
    assert message.status == "unknown"
    assert "numbered 1 to 2" in str(message)
    assert entry() == {}


@pytest.mark.parametrize("name", [None, 5, [], {}, right, float("nan")])
def test_a_name_that_is_no_text_is_answered(name) -> None:
    for message in (hint(name), hint(name, 1), solution(name), quiz(name)):
        assert message.status == "unknown"
        assert "Give its name in quotes" in str(message)


@pytest.mark.parametrize(
    "entry", [{"attempts": None, "hints": "x"}, {"passed": 1}, {"hints": True}]
)
def test_a_progress_file_of_wrong_types_does_not_stop_the_check(entry) -> None:
    path = progress.progress_path()
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"exercises": {"millilitres": entry}, "quizzes": {}}))
    assert "Hint 1 of" in str(hint("millilitres"))
    assert check.millilitres(right).status == "passed"
    assert progress.read_progress()["exercises"]["millilitres"]["attempts"] == 1
    assert len(progress.set_aside()) == 1


def test_the_solution_is_shown_as_code_and_noted() -> None:
    text = str(solution("millilitres"))
    assert "```python\ndef my_millilitres" in text
    assert "SOLUTION" not in text
    assert entry() == {"solution_seen": True}


def test_a_folder_that_cannot_be_written_does_not_stop_the_check(tmp_path, monkeypatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("FEDLAB_HOME", str(blocked / "home"))
    message = check.millilitres(right)
    assert message.status == "passed"
    assert "could not be saved" in message.advice
