"""Institutions as hospitals: as the data set names them, joined on request, or from a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.data import Cohort
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.institutions import FEWEST, institutions, with_partitioning
from fedlab_utils.errors import ClinicalTableError, DataError
from tests.data.test_hospitals import cohort


def of_sizes(*sizes: int) -> Cohort:
    """One institution of each size, named A, B, ..."""
    of = cohort(sum(sizes))
    of.table["institution"] = [chr(65 + n) for n, size in enumerate(sizes) for _ in range(size)]
    return of


def sizes(groups: dict[str, list[str]]) -> dict[str, int]:
    return {name: len(group) for name, group in groups.items()}


def test_institutions_are_those_of_the_data_set() -> None:
    of = cohort(40, institutions=4)
    groups = institutions(of)
    assert list(groups) == [f"site {n}" for n in range(4)]
    names = of.table.set_index("patient_id")["institution"]
    for name, group in groups.items():
        assert set(names[group]) == {name}
        assert group == sorted(group)


def unknown_institution(of: Cohort) -> None:
    of.table.loc[of.table.index[:2], "institution"] = None


def two_institutions_of_one_patient(of: Cohort) -> None:
    of.table.loc[of.table.index[0], "institution"] = "site 9"


def small_institution(of: Cohort) -> None:
    of.table.loc[of.table["patient_id"] == "P0000", "institution"] = "site 9"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_institution, "institution of 1 of 40 patients is unknown"),
        (two_institutions_of_one_patient, "P0000: its visits are at 2 institutions"),
        (small_institution, "a hospital needs 3 patients, but site 9 has 1. Join small sites"),
    ],
)
def test_institutions_that_are_no_hospitals(spoil, words: str) -> None:
    of = cohort(40, visits=2)
    spoil(of)
    with pytest.raises(DataError, match=words):
        institutions(of)


@pytest.mark.parametrize(
    ("there", "count", "due"),
    [
        ((9, 8, 7), None, {"A": 9, "B": 8, "C": 7}),  # nothing to join
        ((9, 2, 8, 1), None, {"A": 9, "C": 8, "B+D": 3}),  # the small ones are enough together
        ((9, 8, 7, 1), None, {"A": 9, "B": 8, "C+D": 8}),  # alone too few: the next joins them
        ((9, 1, 7, 1), None, {"A": 9, "B+C+D": 9}),
        ((9, 8, 2, 2, 2, 2), None, {"A": 9, "B": 8, "4 smaller sites": 8}),
        ((9, 8, 7, 6), 3, {"A": 9, "B": 8, "C+D": 13}),  # beyond the two largest
        ((9, 8, 7, 6), 4, {"A": 9, "B": 8, "C": 7, "D": 6}),
    ],
)
def test_small_institutions_are_joined_on_request(there, count, due) -> None:
    assert sizes(institutions(of_sizes(*there), count, merge_small=True)) == due


@settings(max_examples=60, deadline=None)
@given(
    large=st.lists(st.integers(FEWEST, 9), min_size=2, max_size=9),
    small=st.lists(st.integers(1, FEWEST - 1), max_size=5),
    share=st.floats(0, 1),
)
def test_joined_institutions_lose_nobody_and_none_is_too_small(
    large: list, small: list, share: float
) -> None:
    of = of_sizes(*large, *small)
    count = 2 + int(share * (len(large) - 2))
    groups = institutions(of, count, merge_small=True)
    assert len(groups) == count
    assert min(sizes(groups).values()) >= FEWEST
    assert sorted(p for group in groups.values() for p in group) == list(of.patients)


def test_what_cannot_be_joined_is_refused() -> None:
    with pytest.raises(DataError, match=r"2 institutions, 1 after joining small ones, and 2 to"):
        institutions(of_sizes(9, 1), merge_small=True)
    with pytest.raises(DataError, match="it has 3 institutions, and 5 were asked for"):
        institutions(of_sizes(9, 8, 7), 5, merge_small=True)


def fets() -> Cohort:
    """Four patients of BraTS 2021, which FeTS publishes under its own names."""
    of = cohort(4)
    names = [f"BraTS2021_{n:05}" for n in (3, 5, 8, 13)]
    cases = tuple(CaseFiles(name, name, "", "brats2021", "brats2017", {}) for name in names)
    table = of.table.assign(patient_id=names).set_axis(names, axis=0)
    return Cohort(Path("there"), "brats2021", "toy", cases, (), table)


def test_a_partitioning_as_fets_publishes_it(tmp_path: Path) -> None:
    path = tmp_path / "partitioning_2.csv"
    path.write_text(
        "Partition_ID,Subject_ID\n1,FeTS2022_00003\n1,FeTS2022_00005\n"
        "12,FeTS2022_00008\n18,FeTS2022_01341\n"
    )
    of = fets()
    found = with_partitioning(of, path)
    assert found.table["institution"].tolist()[:3] == ["1", "1", "12"]
    assert found.table["institution"].isna().tolist() == [False, False, False, True]
    assert found.cases == of.cases
    assert of.table["institution"].tolist()[0] == "site 0", "the cohort given is not changed"


def test_tables_that_partition_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("Subject_ID,Age\nFeTS2022_00003,50\n")
    with pytest.raises(
        ClinicalTableError, match=r"mine.csv: it names the institution of none of 4"
    ):
        with_partitioning(fets(), path)
    path.write_text("Partition_ID,Subject_ID\n1,FeTS2022_00003\n2,FeTS2022_00003\n")
    with pytest.raises(ClinicalTableError, match="institution 1 and 2"):
        with_partitioning(fets(), path)
    with pytest.raises(ClinicalTableError, match="cannot be read"):
        with_partitioning(fets(), tmp_path / "absent.csv")
