"""Virtual hospitals: every patient at exactly one, and again so for a seed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedlab_utils.data import Cohort
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.conventions import SEQUENCES
from fedlab_utils.data.dealing import ATTRIBUTES
from fedlab_utils.data.hospitals import KINDS, SCANNER_ORDER, Partition, make_hospitals
from fedlab_utils.data.institutions import FEWEST
from fedlab_utils.data.phantom import SCANNERS
from fedlab_utils.errors import DataError

DEALT = [kind for kind in KINDS if kind != "institution"]


def cohort(patients: int = 60, visits: int = 1, institutions: int = 4) -> Cohort:
    """Patients whose files nobody opens, each with values of its own; the last ones are healthy."""
    rows = [(p, v) for p in range(patients) for v in range(visits)]
    cases = tuple(CaseFiles(f"P{p:04}-{v}", f"P{p:04}", str(v), "x", "y", {}) for p, v in rows)
    number = np.array([p for p, _ in rows])
    table = pd.DataFrame(
        {
            "patient_id": [case.patient_id for case in cases],
            "institution": [f"site {p % institutions}" for p in number],
            "grade": np.where(number % 3, "HGG", "LGG"),
            "age": 20.0 + (number * 7) % 61,
            "survival_days": np.where(number % 5, 100.0 + number, np.nan),
            "volume_wt_ml": 5.0 + (number * 11) % 61,
            "volume_et_ml": np.where(number < 0.8 * patients, 3.0, 0.0),
        },
        index=[case.case_id for case in cases],
    )
    return Cohort(Path("there"), "x", "toy", cases, (), table)


def dealt(of: Cohort, count: int | None, kind: str, skew: float = 0.0, seed: int = 0) -> Partition:
    return make_hospitals(of, count, kind, skew, seed, table=of.table)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(DEALT),
    patients=st.integers(6, 60),
    visits=st.integers(1, 2),
    share=st.floats(0, 1),
    skew=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_every_patient_is_at_one_hospital_and_every_case_in_one_part(
    kind: str, patients: int, visits: int, share: float, skew: float, seed: int
) -> None:
    of = cohort(patients, visits)
    count = 2 + int(share * (patients // FEWEST - 2))
    partition = dealt(of, count, kind, skew, seed)
    assert len(partition) == count
    assert sorted(p for h in partition.hospitals for p in h.patients) == list(of.patients)
    cases = []
    for hospital in partition.hospitals:
        parts = (hospital.split.train, hospital.split.validation, hospital.split.test)
        assert all(parts)
        mine = [case for part in parts for case in part]
        assert {of.files(case).patient_id for case in mine} == set(hospital.patients)
        whose = [{of.files(case).patient_id for case in part} for part in parts]
        assert sum(map(len, whose)) == len(hospital.patients), "visits stay together"
        cases += mine
    assert sorted(cases) == sorted(case.case_id for case in of)


@pytest.mark.parametrize("count", [2, 7, 100])
@pytest.mark.parametrize("kind", DEALT)
def test_two_to_a_hundred_hospitals_the_same_for_a_seed_and_others_for_another(
    kind: str, count: int
) -> None:
    of = cohort(320)
    first, again, other = (dealt(of, count, kind, 0.5, seed) for seed in (1, 1, 2))
    assert first == again
    assert first.hospitals != other.hospitals
    assert len({hospital.name for hospital in first.hospitals}) == count


def spread_of_means(of: Cohort, kind: str, skew: float) -> float:
    """Standard deviation over hospitals of their patients' mean value, over ten seeds."""
    values = of.table.set_index("patient_id")[ATTRIBUTES[kind]]
    values = values.map({"LGG": 0.0, "HGG": 1.0}) if kind == "grade" else values
    values = (values > 0).astype(float) if kind == "enhancing" else values
    return float(
        np.mean(
            [
                np.std(
                    [values[list(h.patients)].mean() for h in dealt(of, 5, kind, skew, s).hospitals]
                )
                for s in range(10)
            ]
        )
    )


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_more_skew_sets_hospitals_further_apart(kind: str) -> None:
    of = cohort(100)
    spreads = [spread_of_means(of, kind, skew) for skew in (0.0, 0.5, 1.0)]
    assert spreads[0] < spreads[1] < spreads[2]


@pytest.mark.parametrize("kind", ["volume", "age"])
def test_full_skew_sorts_and_none_is_like_iid(kind: str) -> None:
    of = cohort(60)
    values = of.table.set_index("patient_id")[ATTRIBUTES[kind]]
    ranges = [
        values[list(h.patients)].agg(["min", "max"]) for h in dealt(of, 6, kind, 1.0).hospitals
    ]
    for lower, upper in pairwise(ranges):
        assert lower["max"] < upper["min"]
    # Means of ten patients drawn at random spread sqrt(10) times less than the patients do.
    ratio = spread_of_means(of, kind, 0.0) / spread_of_means(of, kind, 1.0)
    assert ratio == pytest.approx(10**-0.5, rel=0.25)


def test_who_has_no_enhancing_tumour_ends_up_together() -> None:
    of = cohort(100)
    volumes = of.table.set_index("patient_id")["volume_et_ml"]
    healthy = [
        (volumes[list(h.patients)] == 0).mean() for h in dealt(of, 5, "enhancing", 1.0).hospitals
    ]
    assert sorted(healthy) == [0, 0, 0, 0, 1]


def test_patients_of_unknown_value_are_spread() -> None:
    of = cohort(100)
    known = of.table.set_index("patient_id")["survival_days"].notna()
    shares = np.mean(
        [
            [known[list(h.patients)].mean() for h in dealt(of, 4, "survival", 1.0, seed).hospitals]
            for seed in range(40)
        ],
        axis=0,
    )
    np.testing.assert_allclose(shares, 0.8, atol=0.05)


@pytest.mark.parametrize("kind", ["iid", "volume", "age", "scanner", "missing_sequence"])
def test_sizes_are_equal_where_quantity_is_not_the_matter(kind: str) -> None:
    sizes = dealt(cohort(101), 8, kind, 1.0).sizes()
    assert max(sizes) - min(sizes) <= 1


def test_sizes_follow_the_power_law() -> None:
    sizes = np.array(dealt(cohort(1000), 5, "power_law", 0.5).sizes())
    due = 1000 / np.arange(1, 6) / sum(1 / np.arange(1, 6))
    assert np.abs(sizes - due).max() <= 1
    assert len(set(dealt(cohort(100), 5, "power_law", 0.0).sizes())) == 1


def test_dirichlet_sizes_have_its_spread() -> None:
    """The variance of a share is (1/k)(1 - 1/k) / (k a + 1), here with a = 1."""
    drawn = [dealt(cohort(600), 4, "dirichlet", 0.5, seed).sizes() for seed in range(150)]
    shares = np.array(drawn) / 600
    assert shares.var() == pytest.approx(0.25 * 0.75 / 5, rel=0.2)
    assert set(dealt(cohort(600), 4, "dirichlet", 0.0).sizes()) == {150}


def test_no_hospital_is_too_small_however_skewed() -> None:
    for kind in ("power_law", "dirichlet"):
        sizes = dealt(cohort(31), 10, kind, 1.0).sizes()
        assert min(sizes) >= FEWEST
        assert sum(sizes) == 31


@pytest.mark.parametrize(
    ("count", "kind", "skew", "words"),
    [
        (1, "iid", 0, "count: it is 1"),
        (101, "iid", 0, "count: it is 101"),
        (2.5, "iid", 0, "count: it is 2.5"),
        (4, "random", 0, "there is no partition 'random'. Choose of iid"),
        (4, "volume", 1.1, "skew: it is 1.1"),
        (4, "volume", float("nan"), "skew: it is nan"),
        (None, "iid", 0, "count: it is None"),
        (21, "iid", 0, "60 patients are too few for 21 hospitals of 3 or more. Take 20"),
        (5, "institution", 0, "it has 4 institutions, and 5 were asked for"),
    ],
)
def test_the_impossible_is_refused(count, kind: str, skew: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        dealt(cohort(60), count, kind, skew)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"seed": -1}, "seed: it is -1"),
        ({"seed": 2**63}, "seed: it is 9223372036854775808"),
        ({"seed": 1.5}, "seed: it is 1.5. Pass a whole number"),
        ({"seed": None}, "seed: it is None"),
        ({"skew": "0.5"}, "skew: it is '0.5'. Pass a finite number"),
        ({"skew": None}, "skew: it is None"),
        ({"fractions": ("a", "b", "c")}, r"fractions: \('a', 'b', 'c'\) are not three shares"),
        ({"fractions": (0.5, (0.5,), 0)}, "are not three shares that sum to 1"),
        ({"fractions": None}, "None are not three shares that sum to 1"),
        ({"fractions": {0.5, 0.25}}, "are not three shares that sum to 1"),
    ],
)
def test_arguments_of_another_type_are_refused(wrong: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        make_hospitals(cohort(60), 4, **wrong)


def test_numbers_of_numpy_deal_as_those_of_python() -> None:
    of = cohort(60)
    given = make_hospitals(of, np.int64(4), "dirichlet", np.float32(0.5), np.int64(7))
    assert given == make_hospitals(of, 4, "dirichlet", 0.5, 7)
    assert type(given.seed) is int


def test_a_table_of_other_patients_or_columns_is_refused() -> None:
    of = cohort(60)
    partial, renamed = of.table.iloc[:-1], of.table.rename(columns={"patient_id": "patient"})
    wordy = of.table.assign(volume_wt_ml="large")
    for table, words in (
        (of.table.drop(columns="volume_wt_ml"), "table: it has no column 'volume_wt_ml'"),
        (renamed, "table: it has no column 'patient_id'"),
        (partial, "table: it lacks 1 of the cohort's 60 patients, P0059 among them"),
        (wordy, "table: its column 'volume_wt_ml' holds what is no number"),
        ("volumes.csv", "table: it is a str"),
    ):
        with pytest.raises(DataError, match=words):
            make_hospitals(of, 4, "volume", 1.0, table=table)
    more = cohort(80).table
    more["volume_wt_ml"] = 5.0 + np.arange(80)
    assert make_hospitals(of, 4, "volume", 1.0, table=more).sizes() == (15, 15, 15, 15)


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_a_column_that_tells_nobody_apart(kind: str) -> None:
    of = cohort(30)
    of.table[ATTRIBUTES[kind]] = np.nan
    with pytest.raises(DataError, match=f"'{ATTRIBUTES[kind]}' does not tell its patients apart"):
        dealt(of, 3, kind, 1.0)


def test_each_hospital_has_its_scanner_and_nothing_is_changed_without_skew() -> None:
    of = cohort(60)
    own = [h.scanner for h in dealt(of, 9, "scanner", 1.0).hospitals]
    assert own == [SCANNERS[name] for name in (*SCANNER_ORDER, *SCANNER_ORDER[:2])]
    assert len({h.scanner for h in dealt(of, 9, "scanner", 0.0).hospitals}) == 1
    between = [h.scanner for h in dealt(of, 2, "scanner", 0.5).hospitals]
    strengths = [scanner.field_strength_t for scanner in between]
    assert strengths == [3.0, 2.25], "half way from 3 T to 1.5 T"


@settings(max_examples=30, deadline=None)
@given(count=st.integers(2, 20), skew=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_skew_is_the_share_of_hospitals_that_lack_a_sequence(
    count: int, skew: float, seed: int
) -> None:
    hospitals = dealt(cohort(60), count, "missing_sequence", skew, seed).hospitals
    lacking = [h.missing for h in hospitals if h.missing]
    assert abs(len(lacking) - skew * count) <= 0.5
    turns = [lacking.count(sequence) for sequence in SEQUENCES]
    assert sum(turns) == len(lacking)
    assert max(turns) - min(turns) <= 1, "in turns"


def test_other_kinds_leave_scans_as_they_are() -> None:
    for kind in (*ATTRIBUTES, "iid", "power_law", "dirichlet", "institution"):
        count = None if kind == "institution" else 4
        for hospital in dealt(cohort(60), count, kind, 1.0).hospitals:
            assert hospital.scanner is None
            assert hospital.missing is None


def test_a_joint_hospital_has_its_parts_too() -> None:
    partition = make_hospitals(cohort(40, institutions=8), 3, "institution", merge_small=True)
    assert [h.name for h in partition.hospitals] == ["site 6", "site 7", "6 smaller sites"]
    assert sum(partition.sizes()) == 40
    assert all(h.split.train and h.split.validation and h.split.test for h in partition.hospitals)
