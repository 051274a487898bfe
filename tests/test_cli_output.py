"""How every command answers: errors, documents, progress."""

from __future__ import annotations

import errno
import io
import json
import math
import sys

import pytest
import typer

from fedlab_utils.cli_output import print_json, progress_bar, reported
from fedlab_utils.errors import LayoutError

LINE = "LayoutError: folder: it is empty. Name another.\n"


def test_an_error_is_one_line_and_a_document_where_asked_for(capsys) -> None:
    for as_json in (False, True):
        with pytest.raises(typer.Exit) as stopped, reported(as_json):
            raise LayoutError("folder", "it is empty", "Name another")
        assert stopped.value.exit_code == 2
        out, err = capsys.readouterr()
        assert err == LINE
    parts = {"type": "LayoutError", "case": "folder", "cause": "it is empty"}
    assert json.loads(out) == {"error": parts | {"remedy": "Name another"}}


def test_a_disk_that_is_full_is_an_error_of_its_place(capsys) -> None:
    with pytest.raises(typer.Exit) as stopped, reported():
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")
    assert stopped.value.exit_code == 2
    words = "DataError: /somewhere: No space left on device. Check its place and free space.\n"
    assert capsys.readouterr().err == words


@pytest.mark.parametrize("error", [OSError("no number, so no disk"), ZeroDivisionError()])
def test_what_is_a_fault_of_the_program_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)), reported():
        raise error


@pytest.mark.parametrize(
    ("said", "words"), [("", "Nothing half-written was left behind."), ("Go on.", "Go on.")]
)
def test_ctrl_c_exits_130(said: str, words: str, capsys) -> None:
    with pytest.raises(typer.Exit) as stopped, reported(stopped=said):
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert capsys.readouterr().err == f"Stopped. {words}\n"


def test_a_document_holds_no_number_that_json_does_not_know(capsys) -> None:
    print_json({"dice": 0.5})
    assert capsys.readouterr().out == '{"dice": 0.5}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"dice": math.nan})


def test_the_bar_shows_in_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for terminal in (True, False):
        stream = io.StringIO()
        stream.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stderr", stream)
        with progress_bar("phantom", unit="patient") as progress:
            progress(1, 4)
            progress(4, 4)
        shown[terminal] = stream.getvalue()
    assert "phantom: 100%" in shown[True]
    assert "4/4" in shown[True]
    assert shown[False] == ""
