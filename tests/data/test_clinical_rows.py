from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.clinical_rows import add_row, index_by_case, key_of
from fedlab_utils.data.csv_table import column_name
from fedlab_utils.errors import ClinicalTableError

TABLE = Path("survival_data.csv")


def cases(*names: str) -> list[CaseFiles]:
    return [CaseFiles(name, name[:-2], "", "brats2018", "brats2017", Path()) for name in names]


def index(names: list[str], *rows: dict[str, str]) -> tuple[dict, list]:
    header, strange = list(rows[0]), []
    copies = [dict(row) for row in rows]
    return index_by_case(TABLE, header, copies, cases(*names), [], strange), strange


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("FeTS2022_01341", "BraTS2021_01341"),
        ("UCSF-PDGM-004", "UCSF-PDGM-0004"),
        (" Brats18_2013_2_1", "brats18_2013_2_1 "),
    ],
)
def test_names_of_one_case(one, other):
    assert key_of(one) == key_of(other)


def test_the_column_of_ids_is_the_one_that_holds_the_cases():
    rows, strange = index(
        ["Brats18_2013_2_1"],
        {"brats_2017_subject_id": "Brats17_2013_2_1", "old": "Brats18_2013_2_1", "age": "50"},
    )
    assert rows["brats18_2013_2_1"]["age"] == "50"
    assert strange == []


def test_a_status_is_empty_where_the_table_has_a_column_for_it_and_days_alone():
    days = {"id": "Brats18_2013_2_1", "os": "300"}
    without, _ = index(["Brats18_2013_2_1"], days)
    assert without == {"brats18_2013_2_1": {"survival_days": "300"}}
    rows, _ = index(
        ["Brats18_2013_2_1", "Brats18_2013_3_1", "Brats18_2013_4_1"],
        {"id": "Brats18_2013_3_1", "os": "200", "1_dead_0_alive": "1"},
        days,
        {"id": "Brats18_2013_4_1"},
    )
    assert rows == {
        "brats18_2013_2_1": {"survival_days": "300", "survival_status": ""},
        "brats18_2013_3_1": {"survival_days": "200", "survival_status": "1"},
        "brats18_2013_4_1": {},
    }


OPEN = {"survival_days": "310", "survival_status": ""}
DEAD = {"survival_days": "300", "survival_status": "dead"}


@pytest.mark.parametrize(
    ("rows", "known"),
    [
        ([{"age": "50"}, {"age": "60", "sex": "F"}], {"age": "50", "sex": "F"}),
        ([OPEN], OPEN),
        ([OPEN, DEAD], {"survival_days": "310", "survival_status": "dead"}),
        ([DEAD, OPEN], DEAD),
        ([{"survival_days": "300"}, OPEN], {"survival_days": "300"}),
        ([OPEN, {"survival_days": "300"}], OPEN),
    ],
)
def test_what_a_table_says_first_counts(rows, known):
    joined = {}
    for row in rows:
        add_row(joined, row)
    assert joined == known


def test_rows_about_other_cases_or_without_any_are_no_problem():
    _, strange = index(
        ["Brats18_2013_2_1"],
        {"id": "Brats18_2013_2_1"},
        {"id": "Brats18_2013_3_1"},  # of another visit or patient of the set
        {"id": "Brats18_TCIA05_396"},
        {"id": "UPENN-GBM-00001"},
        {"note": "no id"},
    )
    assert strange == []
    assert index(["Brats18_2013_2_1"], {"id": "Brats18_2013_3_1"}) == ({}, [])


def test_rows_that_name_no_case_are_warned_about():
    rows, [warning] = index(
        ["Brats18_2013_2_1"],
        {"id": "Brats18_2013_2_1"},
        {"id": "Brats18-2013-3-1"},
        {"id": "total"},
    )
    assert "brats18_2013_2_1" in rows
    assert str(warning) == (
        "survival_data.csv: 2 of its 3 rows name no case, the first 'Brats18-2013-3-1'. "
        "Correct what stands in the column id, or take these rows out."
    )


def test_among_ids_of_ones_own_nothing_is_strange():
    assert index(["patient_1"], {"id": "patient_1"}, {"id": "patient_2"})[1] == []


@pytest.mark.parametrize("name", ["id", "case", "code"])
def test_a_table_whose_rows_match_nothing_is_refused(name):
    with pytest.raises(ClinicalTableError, match=r"none of its columns .* holds ids of cases"):
        index(["Brats18_2013_2_1"], {name: "Brats18-2013-2-1", "age": "50"})


def test_rows_inside_a_cell_are_refused():
    """As an open quote leaves them that a later one closes."""
    with pytest.raises(
        ClinicalTableError, match=r"row of Brats18_2013_3_1 lies inside a cell .*note"
    ):
        index(
            ["Brats18_2013_2_1", "Brats18_2013_3_1"],
            {"id": "Brats18_2013_2_1", "note": "big,50\nBrats18_2013_3_1,small,51"},
        )
    index(["Brats18_2013_2_1"], {"id": "Brats18_2013_2_1", "note": "two\nlines"})


@pytest.mark.parametrize("name", ["Brats18_2013_2_1", "BraTS-GLI-00002-000"])
def test_a_table_that_begins_with_a_patient_is_refused(name):
    """As a table without names of columns does: its first patient would be lost in silence."""
    with pytest.raises(ClinicalTableError, match=f"first line is the row of {name.casefold()}"):
        index(
            [name, "Brats18_2013_3_1"],
            {column_name(name): "Brats18_2013_3_1", "60": "61", "gtr": "STR"},
        )


def test_rows_that_contradict_each_other_are_said_and_left_out():
    name = "Brats18_2013_2_1"
    rows = [
        {"id": name, "age": "60", "os": "100", "eor": "GTR", "note": "first"},
        {"id": name, "age": "70", "os": "100", "sex": "F", "note": "second"},
        {"id": name, "age": "60", "os": "100"},
        {"id": "Brats18_2013_9_1", "age": "1"},
        {"id": "Brats18_2013_9_1", "age": "2"},
    ]
    problems = []
    by_key = index_by_case(TABLE, list(rows[0]), rows, cases(name), problems, [])
    known = by_key[name.casefold()]
    assert "age" not in known
    assert (known["survival_days"], known["resection"], known["note"]) == ("100", "GTR", "first")
    (problem,) = problems
    assert isinstance(problem, ClinicalTableError)
    assert problem.case == "survival_data.csv"
    assert name.casefold() in problem.cause
    assert "age 60 and 70" in problem.cause


def test_rows_that_say_the_same_twice_are_no_problem():
    row = {"id": "Brats18_2013_2_1", "age": "60"}
    problems = []
    by_key = index_by_case(TABLE, list(row), [dict(row), dict(row)], cases(row["id"]), problems, [])
    assert by_key == {"brats18_2013_2_1": {"age": "60"}}
    assert problems == []


def test_of_several_names_of_a_column_the_first_counts():
    older, newer = "survival_from_surgery_days", "survival_from_surgery_days_updated"
    for row in ({older: "300", newer: "322"}, {newer: "322", older: "300"}):
        rows, _ = index(["Brats18_2013_2_1"], {"id": "Brats18_2013_2_1", **row})
        assert rows["brats18_2013_2_1"] == {"survival_days": "322"}
