from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.data.csv_table import read_table
from fedlab_utils.errors import ClinicalTableError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables") / "table.csv"


CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_what_was_written_is_read(path, rows, separator):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
        writer.writerows([("Case ID", "note"), *rows])
    unknown = {"", "na", "n/a", "nan", "none", "null", "not available", "unknown", "-", "?"}
    header, read = read_table(path)
    assert header == ["case_id", "note"]
    assert [(row.get("case_id"), row.get("note")) for row in read] == [
        tuple(None if cell.strip().casefold() in unknown else cell.strip() for cell in row)
        for row in rows
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(path, encoding):
    path.write_bytes("ID;Länge\r\nA;zurück\r\n\r\n".encode(encoding))
    assert read_table(path) == (["id", "länge"], [{"id": "A", "länge": "zurück"}])


def test_rows_may_be_short_or_long(path):
    path.write_text("ID,Age,Survival\nA,50\nB,51,10,more\n")
    assert read_table(path)[1] == [
        {"id": "A", "age": "50"},
        {"id": "B", "age": "51", "survival": "10"},
    ]


@pytest.mark.parametrize("said", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n'])
def test_the_line_in_which_excel_names_the_separator(path, said):
    path.write_bytes(f"{said}ID;Age, Sex, Grade\r\nA;60,5\r\n".encode())
    assert read_table(path) == (["id", "age_sex_grade"], [{"id": "A", "age_sex_grade": "60,5"}])
    path.write_bytes(b"sep=#\nID#Age\nA#50\n")
    assert read_table(path) == (["id", "age"], [{"id": "A", "age": "50"}])


def test_quotes(path):
    path.write_text('ID,note,Age\nA,"one\n""two""",50\nB,5" long,60\n')
    assert read_table(path)[1] == [
        {"id": "A", "note": 'one\n"two"', "age": "50"},
        {"id": "B", "note": '5" long', "age": "60"},
    ]
    path.write_text('ID,note,Age\nA,"one,50\nB,two,60\n')
    with pytest.raises(ClinicalTableError, match="a quote is never closed in its last row, 'A one"):
        read_table(path)


def test_what_is_no_table_is_named(tmp_path):
    with pytest.raises(ClinicalTableError, match=r"absent.csv: it cannot be read \(.*\)\. Save it"):
        read_table(tmp_path / "absent.csv")
    (tmp_path / "one.csv").write_text("ID,Age\n")
    with pytest.raises(ClinicalTableError, match=r"one.csv: it holds 1 lines, no table"):
        read_table(tmp_path / "one.csv")


def test_of_columns_of_one_name_the_first_that_is_filled_counts(path):
    path.write_text("id,Age,age\na,60,70\nb,,71\n")
    header, rows = read_table(path)
    assert header == ["id", "age", "age"]
    assert rows == [{"id": "a", "age": "60"}, {"id": "b", "age": "71"}]
