"""The report of a partition against numbers worked out by hand, and against what it is for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import PreprocessSettings, describe, hospital_profiles, load_cohort
from fedlab_utils.data.heterogeneity import jensen_shannon
from fedlab_utils.data.hospitals import make_hospitals
from tests.data.test_hospitals import cohort


def toy(patients: int = 60, visits: int = 1):
    of = cohort(patients, visits)
    volumes = of.table["volume_wt_ml"]
    return replace(of, table=of.table.assign(volume_tc_ml=volumes / 2))


def report(of, *how, **more):
    partition = make_hospitals(of, *how, table=of.table, **more)
    return partition, describe(partition, of, of.table)


def test_numbers_are_those_of_the_hospitals_patients() -> None:
    of = toy(visits=2)
    partition, found = report(of, 5, "dirichlet", 0.5, 3)
    by_patient = of.table.drop_duplicates("patient_id").set_index("patient_id")
    groups = []
    for hospital, (name, row) in zip(partition.hospitals, found.iterrows(), strict=True):
        volumes = by_patient.loc[list(hospital.patients), "volume_tc_ml"]
        groups.append(volumes.to_numpy())
        assert name == hospital.name
        assert row.patients == len(hospital.patients) == row.train + row.validation + row.test
        assert row.median_tc_ml == pytest.approx(float(np.median(volumes)))
    np.testing.assert_allclose(found["jsd_tc"], jensen_shannon(groups))
    sizes = np.array(partition.sizes(), float)
    assert found.attrs["size_imbalance"] == pytest.approx(sizes.std() / sizes.mean())
    assert found["intensity_t1"].isna().all()


def test_sorted_hospitals_stand_out_of_chance_and_random_ones_do_not() -> None:
    of = toy(120)
    _, mixed = report(of, 4, "volume", 0.0)
    _, apart = report(of, 4, "volume", 1.0)
    assert (apart["jsd_wt"] > 1.5 * apart["jsd_wt_by_chance"]).all()
    assert 0.47 < (mixed["jsd_wt"] / mixed["jsd_wt_by_chance"]).mean() < 0.97


def test_without_volumes_their_columns_are_empty() -> None:
    of = toy()
    blind = of.table.assign(volume_et_ml=np.nan)
    partition = make_hospitals(of, 3)
    found = describe(partition, of, blind)
    assert found[["median_et_ml", "jsd_et", "jsd_et_by_chance"]].isna().all(axis=None)
    assert found["jsd_wt"].notna().all()


def test_what_equipment_does_is_told() -> None:
    of = toy()
    _, found = report(of, 2, "scanner", 1.0)
    assert found["scanner"].tolist() == ["3T research", "1.5T thick"]
    _, found = report(of, 4, "missing_sequence", 0.5)
    lacking = found["missing"].tolist()
    assert sorted(map(str, lacking)).count("None") == 2, "None where nothing is missing"
    assert found["scanner"].isna().all()


def test_profiles_are_those_of_the_hospitals_own_scanner(phantom_dir: Path) -> None:
    """The same patients: at the first hospital the skew changes nothing, at the second it does."""
    of = load_cohort(phantom_dir)
    settings = PreprocessSettings(spacing=4.0)
    none, full = (
        hospital_profiles(make_hospitals(of, 2, "scanner", skew), of, settings, at_most=2)
        for skew in (0.0, 1.0)
    )
    np.testing.assert_array_equal(none["H1"], full["H1"])
    assert full["H2"].shape == (2, 4, 33)
    assert (np.abs(none["H2"] - full["H2"]).mean((0, 2)) > 0.02).all(), "in each sequence"
    found = describe(make_hospitals(of, 2, "scanner", 1.0), of, profiles=full)
    due = np.abs(full["H1"].mean(0) - full["H2"].mean(0)).mean(-1) / 2
    looks = found[[f"intensity_{s}" for s in ("t1", "t1ce", "t2", "flair")]]
    np.testing.assert_allclose(looks, [due, due], rtol=1e-5)


def test_a_sequence_that_is_lacking_has_no_distance(phantom_dir: Path) -> None:
    of = load_cohort(phantom_dir)
    partition = make_hospitals(of, 2, "missing_sequence", 1.0)
    profiles = hospital_profiles(partition, of, PreprocessSettings(spacing=8.0), at_most=1)
    found = describe(partition, of, profiles=profiles)
    for _, row in found.iterrows():
        for sequence in ("T1", "T1ce", "T2", "FLAIR"):
            lacking = row.missing == sequence
            assert np.isnan(row[f"intensity_{sequence.lower()}"]) == lacking
