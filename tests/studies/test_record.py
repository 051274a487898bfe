"""Rows are read back as they were written, and none is lost to a file that is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.errors import FedLabError, StudyError
from fedlab_utils.studies.record import read_rows, results_file, work_folder, write_rows
from fedlab_utils.studies.runner import Study
from tests.conftest import REPOSITORY

STUDY = Study("tiny", "Is it odd?", ({"seed": 0}, {"seed": 1}), lambda *_: {}, 0.1)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=3), max_size=4))
def test_rows_come_back_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict]
) -> None:
    folder = tmp_path_factory.mktemp("results")
    write_rows(results_file("tiny", folder), STUDY, rows)
    assert read_rows("tiny", folder) == rows


def test_a_row_more_is_a_line_more(tmp_path: Path) -> None:
    file, rows = tmp_path / "results" / "tiny.json", [{"a": [1, {"b": 2}]}, {"a": []}]
    texts = []
    for count in (1, 2):
        write_rows(file, STUDY, rows[:count])
        texts.append(file.read_text("utf-8").splitlines())
    assert len(texts[1]) == len(texts[0]) + 1
    about = json.loads(file.read_text("utf-8"))
    assert (about["study"], about["question"], about["cells"]) == ("tiny", "Is it odd?", 2)


@pytest.mark.parametrize("text", ["{", "[]", '{"study": "tiny"}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    results_file("tiny", tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=r"tiny\.json"):
        read_rows("tiny", tmp_path)


def test_a_study_that_was_never_run_has_no_rows(tmp_path: Path) -> None:
    assert read_rows("tiny", tmp_path) == []


def test_rows_and_work_lie_in_the_data_of_the_checkout() -> None:
    assert results_file("tiny") == REPOSITORY / "data" / "results" / "tiny.json"
    assert work_folder("tiny") == REPOSITORY / "data" / "studies" / "tiny"


def test_outside_a_checkout_there_is_no_place_for_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedlab_utils.data.places.checkout", lambda: None)
    with pytest.raises(FedLabError, match="checkout"):
        results_file("tiny")
