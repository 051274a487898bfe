from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
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


@pytest.mark.parametrize(
    ("patients", "fractions", "sizes"),
    [
        (2, (0.5, 0.25, 0.25), (1, 0, 1)),
        (2, (0.2, 0.4, 0.4), (1, 0, 1)),
        (2, (0.1, 0.8, 0.1), (1, 0, 1)),
        (2, (0.4, 0.6, 0.0), (1, 1, 0)),
        (1, (0.2, 0.6, 0.2), (1, 0, 0)),
        (1, (0.2, 0.2, 0.6), (1, 0, 0)),
        (1, (0.0, 0.6, 0.4), (0, 0, 1)),
        (3, (0.1, 0.8, 0.1), (1, 1, 1)),
    ],
)
def test_few_patients_follow_that_order_whatever_the_shares(patients, fractions, sizes):
    split = split_patients(cohort([1] * patients), fractions)
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


@pytest.mark.parametrize(
    "fractions",
    [
        (0.5, 0.2, 0.2),
        (1.2, -0.1, -0.1),
        (0.5, 0.5),
        (1, 1, 1),
        (float("nan"), 0.5, 0.5),
        (float("inf"), -float("inf"), 1),
    ],
)
def test_fractions_that_are_no_shares(fractions):
    with pytest.raises(DataError, match="three shares that sum to 1"):
        split_patients(cohort([1]), fractions)


def stratified(values: list[object], visits: int = 1, reverse: bool = False) -> Cohort:
    """Patients with these values in the column ``grade``, each with so many visits."""
    whole = cohort([visits] * len(values), reverse)
    ids = [case.case_id for case in whole]
    table = pd.DataFrame({"grade": [values[int(name[1:4])] for name in ids]}, index=ids)
    return Cohort(whole.root, whole.layout, "", whole.cases, (), table)


def patients_of(split) -> list[set[str]]:
    return [{name[:4] for name in part} for part in (split.train, split.validation, split.test)]


SHARES = st.sampled_from(
    [
        (0.7, 0.15, 0.15),
        (0.5, 0.25, 0.25),
        (0.8, 0.0, 0.2),
        (1 / 3, 1 / 3, 1 / 3),
        (0.62, 0.31, 0.07),
    ]
)
VALUES = st.lists(st.sampled_from(["HGG", "LGG", "?", None, "rare"]), min_size=15, max_size=90)


@settings(deadline=None)
@given(VALUES.filter(any), SHARES, st.integers(0, 5), st.integers(1, 2))
def test_each_value_and_all_together_have_their_shares(values, shares, seed, visits):
    whole = stratified(values, visits)
    split = split_patients(whole, shares, seed, stratify="grade")
    assert sorted(split.train + split.validation + split.test) == [case.case_id for case in whole]
    parts = patients_of(split)
    assert sum(map(len, parts)) == len(values)  # no patient is in two parts
    plain = patients_of(split_patients(whole, shares, seed))
    assert [len(part) for part in parts] == [len(part) for part in plain]
    for value, size in Counter(values).items():
        for part, share in zip(parts, shares, strict=True):
            count = sum(values[int(patient[1:])] == value for patient in part)
            assert abs(count - size * share) < 1 - 1e-6
            if abs(size * share - round(size * share)) < 1e-6:
                assert count == round(size * share)


def test_a_stratified_split_follows_the_seed_and_not_the_order_of_cases():
    values = ["HGG"] * 20 + ["LGG"] * 7 + ["a", "b", "c"]
    splits = [split_patients(stratified(values), seed=s, stratify="grade") for s in range(8)]
    again = split_patients(stratified(values, reverse=True), seed=3, stratify="grade")
    assert set(again.test) == set(splits[3].test)
    assert len({split.test for split in splits}) == 8
    # whoever is alone with a value is not always in the same part
    assert len({"P027-000" in split.train for split in splits}) == 2


def test_larger_remainders_are_rounded_up_more_often():
    values = ["x"] * 6 + ["y"] * 9 + ["z"] * 5  # 0.15 of them: 0.9, 1.35, 0.75
    counts = []
    for seed in range(60):
        test = patients_of(split_patients(stratified(values), seed=seed, stratify="grade"))[2]
        counts.append([sum(values[int(name[1:])] == value for name in test) for value in "xyz"])
    x, y, z = np.mean(counts, axis=0)
    assert x > 0.7
    assert 1 <= y < 1.6
    assert z > 0.5


@pytest.mark.parametrize(
    ("values", "column", "cause"),
    [
        (["HGG"] * 20, "colour", "no column 'colour'.*Choose among grade"),
        ([None] * 20, "grade", "the column 'grade' is empty for all 20 cases"),
        (["HGG", "LGG", "HGG"], "grade", "3 patients are too few"),
    ],
)
def test_what_cannot_be_stratified(values, column, cause):
    with pytest.raises(DataError, match=cause):
        split_patients(stratified(values), stratify=column)


def test_visits_that_disagree_are_named():
    whole = stratified(["HGG"] * 20, visits=2)
    whole.table.loc["P004-001", "grade"] = "LGG"
    with pytest.raises(DataError, match="P004: its visits have the values HGG and LGG"):
        split_patients(whole, stratify="grade")
    whole.table.loc["P004-001", "grade"] = None  # unknown at one visit is no contradiction
    split_patients(whole, stratify="grade")


def test_the_default_split_stays_what_it_was():
    """Recorded before splits could be stratified: results on disk refer to it."""
    split = split_patients(cohort([1, 2, 1, 1, 2, 1, 1, 1, 1, 1]), seed=1)
    assert split.validation == ("P006-000", "P009-000")
    assert split.test == ("P003-000",)
