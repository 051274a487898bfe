"""The associations that published cohorts report, on two thousand records."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from fedlab_utils.data.phantom.clinical import clinical_record, record_of
from fedlab_utils.data.phantom.plan import draw_plan


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.DataFrame([clinical_record(index, seed=5) for index in range(2000)])


@pytest.fixture(scope="module")
def high(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.grade == "HGG"]


def test_survival_falls_with_age(high: pd.DataFrame) -> None:
    assert spearmanr(high.age, high.survival_days).statistic < -0.15


def test_median_survival_of_high_grade_is_about_a_year(high: pd.DataFrame) -> None:
    assert 300 < high.survival_days.median() < 600  # Stupp et al. 2005: 14.6 months under treatment


@pytest.mark.parametrize(
    ("column", "better", "worse"),
    [
        ("idh", "mutant", "wildtype"),
        ("mgmt", "methylated", "unmethylated"),
        ("resection", "GTR", "STR"),
    ],
)
def test_markers_and_surgery_go_with_survival(
    high: pd.DataFrame, column: str, better: str, worse: str
) -> None:
    days = high.groupby(column).survival_days.median()
    assert days[better] > 1.25 * days[worse]


def test_low_grade_patients_are_younger_and_live_longer(table: pd.DataFrame) -> None:
    groups = table.groupby("grade")
    assert groups.age.median()["LGG"] < groups.age.median()["HGG"] - 12
    assert groups.survival_days.median()["LGG"] > 2 * groups.survival_days.median()["HGG"]


def test_idh_mutations_are_where_yan_found_them(table: pd.DataFrame) -> None:
    mutant = table.assign(mutant=table.idh == "mutant").groupby("grade").mutant.mean()
    assert mutant["LGG"] > 0.7
    assert mutant["HGG"] < 0.15


def test_mgmt_is_methylated_as_often_as_hegi_found(high: pd.DataFrame) -> None:
    assert (high.mgmt == "methylated").mean() == pytest.approx(0.45, abs=0.06)


def test_symptoms_fit_the_place(table: pd.DataFrame) -> None:
    def has(word: str) -> pd.Series:
        return table.symptoms.str.contains(word)

    left = table.hemisphere == "left"
    assert has("aphasia")[left].mean() > 4 * has("aphasia")[~left].mean()
    assert not has("left-sided weakness")[left].any()
    assert not has("right-sided weakness")[~left].any()
    occipital = table.lobe == "occipital"
    assert has("visual field loss")[occipital].mean() > 0.5
    seizures = has("seizure").groupby(table.idh).mean()
    assert seizures["mutant"] > seizures["wildtype"] + 0.2


def test_fields_are_what_brats_and_hospitals_write(table: pd.DataFrame) -> None:
    assert set(table.resection) == {"GTR", "STR", "NA"}
    assert set(table.sex) == {"F", "M"}
    assert table.kps.between(40, 100).all()
    assert (table.kps % 10 == 0).all()
    assert table.age.between(18, 90).all()
    assert (table.survival_days >= 5).all()
    assert 0.02 < (table.survival_status == "alive").mean() < 0.5
    assert spearmanr(table.age, table.kps).statistic < -0.2


def test_a_record_follows_from_the_plan() -> None:
    plan = draw_plan(9, seed=2)
    record = clinical_record(9, seed=2)
    assert record == record_of(plan) == clinical_record(9, seed=2)
    assert (record["hemisphere"], record["lobe"]) == (plan.tumour.side, plan.tumour.lobe)
    assert np.isclose(record["age"], plan.age)
