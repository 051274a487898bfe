from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedlab_utils.data.cohort import Cohort
from fedlab_utils.data.layouts import CaseFiles
from fedlab_utils.data.splits import split_patients
from fedlab_utils.errors import DataError


def cohort(visits: list[int], reverse: bool = False) -> Cohort:
    """Patients with so many visits each."""
    cases = [
        CaseFiles(f"P{p:03d}-{v:03d}", f"P{p:03d}", f"{v:03d}", "brats2023", "brats2023", {})
        for p, count in enumerate(visits)
        for v in range(count)
    ]
    return Cohort(Path(), "brats2023", "", tuple(cases[::-1] if reverse else cases), (), None)


VISITS = st.lists(st.integers(1, 3), min_size=1, max_size=40)


@given(VISITS, st.integers(0, 5))
def test_every_case_is_dealt_once_and_no_patient_is_separated(visits, seed):
    whole = cohort(visits)
    split = split_patients(whole, seed=seed)
    parts = [split.train, split.validation, split.test]
    assert sorted(sum(parts, ())) == [case.case_id for case in whole]
    patients = [{case_id[:4] for case_id in part} for part in parts]
    assert sum(map(len, patients)) == len(visits)


@given(VISITS)
def test_parts_have_their_share_of_patients(visits):
    split = split_patients(cohort(visits), (0.5, 0.25, 0.25))
    counts = [len({i[:4] for i in part}) for part in (split.train, split.validation, split.test)]
    for count, share in zip(counts, (0.5, 0.25, 0.25), strict=True):
        assert abs(count - share * len(visits)) <= 1
    assert all(counts) or len(visits) < 3


@pytest.mark.parametrize(("patients", "sizes"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1))])
def test_few_patients_go_to_training_and_test_first(patients, sizes):
    split = split_patients(cohort([1] * patients))
    assert (len(split.train), len(split.validation), len(split.test)) == sizes


def test_a_hundred_patients_split_exactly():
    split = split_patients(cohort([1] * 100))
    assert (len(split.train), len(split.validation), len(split.test)) == (70, 15, 15)


def test_order_of_cases_does_not_matter_but_the_seed_does():
    split = split_patients(cohort([1] * 30), seed=3)
    assert set(split_patients(cohort([1] * 30, reverse=True), seed=3).test) == set(split.test)
    assert split_patients(cohort([1] * 30), seed=4).test != split.test


def test_a_part_without_a_share_stays_empty():
    assert split_patients(cohort([1] * 5), (0.8, 0.0, 0.2)).validation == ()


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1), (0.5, 0.5), (1, 1, 1)])
def test_fractions_that_are_no_shares(fractions):
    with pytest.raises(DataError, match="three shares that sum to 1"):
        split_patients(cohort([1]), fractions)
