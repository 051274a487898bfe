from __future__ import annotations

from xml.etree import ElementTree

from fedlab_utils.course import progress, progress_board


def test_the_board_counts_each_kind() -> None:
    progress.record_attempt("millilitres", passed=True)
    progress.record_attempt("dice", passed=False)
    progress.record_solution_seen("dice")
    progress.record_quiz("lonely-patient", right=True)
    progress.record_quiz("empty-prediction", right=False)
    assert progress_board().rows()[0] == ("00 Start here", "1 of 3", "1", "1", "1 of 3")


def test_the_board_is_a_table_that_a_screen_reader_understands() -> None:
    bundle = progress_board()._repr_mimebundle_()
    table = ElementTree.fromstring(bundle["text/html"])
    assert table.find("caption").text.startswith("Your progress")
    assert {cell.get("scope") for cell in table.find("thead/tr")} == {"col"}
    assert all(row[0].get("scope") == "row" for row in table.find("tbody"))
    assert "00 Start here | 0 of 3" in bundle["text/plain"]


def test_the_board_says_in_full_where_progress_is_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FEDLAB_HOME", str(tmp_path / "a & b"))
    bundle = progress_board()._repr_mimebundle_()
    where = f"Kept on this machine only, in {tmp_path / 'a & b' / 'progress.json'}."
    assert bundle["text/plain"].endswith(where)
    assert where in ElementTree.fromstring(bundle["text/html"]).find("caption").text


def test_forgetting_starts_again() -> None:
    progress.record_attempt("dice", passed=True)
    assert progress_board(forget=True).rows()[0][1] == "0 of 3"


def test_a_file_that_was_set_aside_is_named() -> None:
    path = progress.progress_path()
    path.parent.mkdir(parents=True)
    path.write_text('{"exercises": {"dice": {"attempts": null}}, "quizzes": {}}')
    shown = progress_board()._repr_mimebundle_()
    [name] = progress.set_aside()
    for kind in ("text/html", "text/plain"):
        assert f"could not be read is kept beside it as {name}." in shown[kind]
