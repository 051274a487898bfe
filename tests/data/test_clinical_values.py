from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.data.clinical_values import (
    MAX_AGE,
    grade,
    implausible_age,
    number,
    resection,
    survival,
    unclear_days,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,278", 1278),
        ("1,278.5 days", 1278.5),
        ("1,234,567", 1234567),
        ("55,2", 55.2),
        ("0,500", 0.5),
        ("1234,567", 1234.567),
        ("12,3456", 12.3456),
        ("60.463", 60.463),
        ("ALIVE (361 days later)", 361),
        ("-5", None),
        ("-1,278", None),
        ("none", None),
        ("", None),
        (None, None),
    ],
)
def test_the_first_number_of_a_text(text, value):
    assert number(text) == value


@given(st.integers(0, 10**9))
def test_thousands_as_python_writes_them(value):
    assert number(f"{value:,}") == number(str(value)) == value


def test_a_limit_tells_thousands_from_a_decimal_comma():
    assert number("60,463", MAX_AGE) == 60.463
    assert number("999", MAX_AGE) is None
    assert number("1,278", 2000) == 1278


@pytest.mark.parametrize(
    ("text", "implausible"),
    [("999", True), ("121", True), ("120", False), ("60,463", False), ("-5", False), (None, False)],
)
def test_ages_that_nobody_reaches(text, implausible):
    assert implausible_age(text) == implausible


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        ("1.278", True),
        ("1.000", True),
        ("1.278.000", True),
        ("ALIVE (1.278 days later)", True),
        ("14.3", True),
        ("14,3", True),
        ("1,278", False),
        ("1278", False),
        ("736.0", False),
        ("0.000", False),
        ("14.3 months", False),  # read as unknown
        ("-5", False),
        (None, False),
    ],
)
def test_days_that_are_not_whole(text, unclear):
    assert unclear_days(text) == unclear


@pytest.mark.parametrize(
    ("text", "status", "days", "alive"),
    [
        ("300", "1.0", 300, False),
        ("300", "1", 300, False),
        ("300", "Dead", 300, False),
        ("300", "Deceased", 300, False),
        ("300", "0", 300, True),
        ("300", "0.0", 300, True),
        ("300", " Alive", 300, True),
        ("300", "Lost to Follow-up", 300, True),
        ("300", "pending", 300, None),
        ("300", "2", 300, None),
        ("300", "", 300, None),
        ("300", None, 300, False),
        ("ALIVE (361 days later)", None, 361, True),
        ("ALIVE (361 days later)", "pending", 361, True),
        ("ALIVE (361 days later)", "", 361, True),
        ("not known", "dead", None, None),
        ("12 months", "dead", None, None),
        ("1.5 yrs", None, None, None),
        ("ALIVE (3 years later)", None, None, None),
        ("361 days", "dead", 361, False),
        (None, "alive", None, None),
    ],
)
def test_survival(text, status, days, alive):
    assert survival(text, status) == (days, alive)


@pytest.mark.parametrize("form", ["{}", "WHO {}", "Grade {}", "WHO Grade {}", "who cns grade: {}"])
@pytest.mark.parametrize(
    ("rank", "expected"),
    [("IV", "HGG"), ("iii", "HGG"), ("2", "LGG"), ("1.0", "LGG"), ("4.0", "HGG"), ("HGG", "HGG")],
)
def test_grades(form, rank, expected):
    assert grade(form.format(rank)) == expected


def test_other_words_stay():
    assert grade("lgg") == "LGG"
    assert grade("5") == "5"
    assert grade(None) is None
    assert [resection(text) for text in ("Y", "N", "biopsy", "", None)] == [
        "GTR", "STR", "biopsy", None, None
    ]  # fmt: skip
