"""A partition in words, against figures counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fedlab_utils.data.hospitals import KINDS, Hospital, Partition
from fedlab_utils.data.splits import Split
from fedlab_utils.ui.hospital_words import NAMES, dealt, looks_apart, sorted_by, volumes_apart

TABLE = pd.DataFrame(
    {
        "patient_id": ["a", "a", "b", "c", "d"],
        "volume_wt_ml": [10.0, 99.0, 20.0, 40.0, 60.0],
        "volume_et_ml": [0.0, 5.0, 0.0, 3.0, 0.0],
        "grade": ["LGG", "LGG", "HGG", "HGG", None],
        "age": [30.0, 31.0, 41.0, 60.0, np.nan],
        "survival_days": [np.nan, np.nan, np.nan, 300.0, 500.0],
    },
    index=["a1", "a2", "b1", "c1", "d1"],
)


@pytest.fixture
def partition() -> Partition:
    split = Split((), (), ())
    return Partition(
        "iid", 0.0, 0, (Hospital("H1", ("a", "b"), split), Hospital("H2", ("c", "d"), split))
    )


@pytest.mark.parametrize(
    ("kind", "due"),
    [
        ("volume", "Median volume of the whole tumour: H1 15, H2 50 ml."),
        ("enhancing", "Share without enhancing tumour: H1 100%, H2 50%."),
        ("grade", "Share of high grade: H1 50%, H2 100%."),
        ("age", "Median age: H1 36, H2 60 years."),
        ("survival", "Median survival: H1 unknown, H2 400 days."),
        ("iid", ""),
        ("scanner", ""),
    ],
)
def test_each_hospital_tells_what_patients_were_sorted_by(partition, kind, due) -> None:
    assert sorted_by(partition, TABLE, kind) == due


@pytest.mark.parametrize(
    ("sizes", "kind", "skew", "due"),
    [
        ([4, 4], "iid", None, "8 patients dealt to 2 hospitals at random, equal sizes: 4 patients"),
        ([3, 5], "age", 0.5, "8 patients dealt to 2 hospitals by age, skew 0.50: 3 to 5 patients"),
        (
            [4, 4],
            "scanner",
            1.0,
            "hospitals, each with a scanner of its own, skew 1.00: 4 patients",
        ),
        ([4, 4], "missing_sequence", 1.0, "hospitals, some of which lack a sequence, skew 1.00: 4"),
    ],
)
def test_the_dealing_is_told_in_a_sentence(sizes, kind, skew, due) -> None:
    report = pd.DataFrame({"patients": sizes})
    report.attrs["size_imbalance"] = 0.25
    told = dealt(report, kind, skew)
    assert due in told
    assert told.endswith("patients each, size imbalance 0.25.")


def test_looks_are_a_mean_over_the_sequences_that_are_there() -> None:
    columns = ["intensity_t1", "intensity_t1ce", "intensity_t2", "intensity_flair"]
    report = pd.DataFrame([[0.1, 0.2, 0.3, np.nan], [0.5] * 4], ["H1", "H2"], columns)
    assert "together: H1 0.20, H2 0.50 interquartile ranges." in looks_apart(report)
    assert looks_apart(report * np.nan) == ""


def test_hospitals_beyond_chance_are_counted() -> None:
    report = pd.DataFrame(
        {
            "jsd_wt": [0.5, 0.2, np.nan],
            "jsd_wt_by_chance": [0.4, 0.4, np.nan],
            "median_wt_ml": [12.0, 60.0, np.nan],
        }
    )
    assert "medians 12 to 60 ml; 1 of 2 hospitals lie further" in volumes_apart(report)
    assert volumes_apart(report * np.nan) == ""


def test_every_kind_has_a_name() -> None:
    assert set(NAMES) == set(KINDS)
