from __future__ import annotations

from pathlib import Path

import pytest

from fedlab_utils.data.clinical_doubts import tables_apart, take_out_odd

TABLE = Path("survival_data.csv")


def test_ages_are_taken_out_of_the_row_alone():
    row = {"age": "999", "sex": "F"}
    rows = {"a": row, "b": row, "c": {"age": "50"}}
    [problem] = take_out_odd(TABLE, rows)
    assert problem.cause == "2 ages are above 120 years, the first 999 of a"
    assert rows == {"a": {"sex": "F"}, "b": {"sex": "F"}, "c": {"age": "50"}}
    assert row["age"] == "999"
    assert take_out_odd(TABLE, rows) == []


def test_ages_and_days_are_told_apart():
    rows = {"a": {"age": "999", "survival_days": "1.278"}, "b": {"survival_days": "300"}}
    ages, days = take_out_odd(TABLE, rows)
    assert ages.cause == "1 ages are above 120 years, the first 999 of a"
    assert days.cause == "1 times of survival are not in whole days, the first 1.278 of a"
    assert rows == {"a": {}, "b": {"survival_days": "300"}}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"age": "50"}, {"age": "60"}, "age 60 of a, there 50"),
        ({"age": "60.463"}, {"age": "60"}, None),
        ({"age": "60.463"}, {"age": "61"}, None),
        ({"age": "60"}, {"age": "999"}, None),  # told already
        ({"age": "60"}, {}, None),
        ({"survival_days": "1,278"}, {"survival_days": "ALIVE (1278 days later)"}, None),
        ({"survival_days": "300"}, {"survival_days": "310"}, "survival_days 310 of a, there 300"),
        ({"grade": "HGG"}, {"grade": "WHO IV"}, None),
        ({"grade": "HGG"}, {"grade": "2"}, "grade 2 of a, there HGG"),
        ({"grade": "HGG"}, {"grade": "GBM"}, None),
        ({"sex": "Female"}, {"sex": "F"}, None),
        ({"sex": "Female"}, {"sex": "1"}, None),
        ({"sex": "F"}, {"sex": "male"}, "sex male of a, there F"),
        ({"institution": "1"}, {"institution": "7"}, None),  # FeTS has two partitionings
    ],
)
def test_what_two_tables_say_differently(first, second, told):
    found = tables_apart([("one.csv", {"a": first}), ("two.csv", {"a": second})])
    assert [problem.cause for problem in found] == (
        [f"1 of its values contradict one.csv, the first {told}"] if told else []
    )


def test_each_pair_of_tables_is_compared():
    tables = [(name, {"a": {"age": age}}) for name, age in (("1", "50"), ("2", "60"), ("3", "60"))]
    assert [(p.case, p.remedy[-8:]) for p in tables_apart(tables)] == [
        ("2", "1 counts"),
        ("3", "1 counts"),
    ]
