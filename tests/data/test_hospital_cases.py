"""Patients of a hospital: its parts, on its scanner, without what it lacks, read when asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import (
    SEQUENCES,
    Cohort,
    PreprocessSettings,
    build_cache,
    hospital_patients,
    load_case,
    load_cohort,
    load_preprocessed,
    make_hospitals,
    preprocess,
)
from fedlab_utils.data.equipment import rendered_again
from fedlab_utils.data.phantom import write_cohort

SETTINGS = PreprocessSettings(spacing=8.0)


@pytest.fixture
def cohort(phantom_dir: Path) -> Cohort:
    return load_cohort(phantom_dir)


def test_parts_are_those_of_the_split(cohort: Cohort) -> None:
    for hospital in make_hospitals(cohort, 2).hospitals:
        patients = hospital_patients(cohort, hospital, SETTINGS)
        for part in ("train", "validation", "test"):
            found = getattr(patients, part)
            assert tuple(p.case_id for p in found) == getattr(hospital.split, part)
            for patient in found:
                due = load_preprocessed(cohort.files(patient.case_id), SETTINGS)
                np.testing.assert_array_equal(patient.image, due.image)


def test_each_hospital_sees_its_patients_on_its_own_scanner(cohort: Cohort) -> None:
    hospital = make_hospitals(cohort, 2, "scanner", 1.0).hospitals[1]
    patients = hospital_patients(cohort, hospital, SETTINGS)
    mine = (*hospital.split.train, *hospital.split.validation, *hospital.split.test)
    abroad = next(name for name in mine if cohort.table.loc[name, "scanner"] != "1.5T thick")
    case = load_case(cohort.files(abroad))
    due = preprocess(rendered_again(case, hospital.scanner, 7), SETTINGS)
    (found,) = patients.load([case.files.case_id])
    np.testing.assert_array_equal(found.image, due.image.astype(np.float16))
    np.testing.assert_array_equal(found.labels, due.labels)
    assert (found.image != load_preprocessed(case.files, SETTINGS).image).any()


def test_phantoms_of_any_seed_are_scanned_again_and_not_transformed(tmp_path: Path) -> None:
    out = write_cohort(tmp_path / "c", cases=6, seed=5000, spacing=8.0, workers=1)
    cohort = load_cohort(out)
    hospital = make_hospitals(cohort, 2, "scanner", 1.0).hospitals[1]
    patients = hospital_patients(cohort, hospital, SETTINGS)
    case = load_case(patients.files[0])
    due = preprocess(rendered_again(case, hospital.scanner, 5000), SETTINGS)
    (found,) = patients.load([case.files.case_id])
    np.testing.assert_array_equal(found.image, due.image.astype(np.float16))


def test_a_missing_sequence_arrives_as_zeros(cohort: Cohort) -> None:
    for hospital in make_hospitals(cohort, 2, "missing_sequence", 1.0).hospitals:
        gone = SEQUENCES.index(hospital.missing)
        for patient in hospital_patients(cohort, hospital, SETTINGS).train:
            due = np.array(load_preprocessed(cohort.files(patient.case_id), SETTINGS).image)
            due[gone] = 0
            np.testing.assert_array_equal(patient.image, due)


def test_nothing_is_read_before_it_is_asked_for(cohort: Cohort, monkeypatch) -> None:
    read = []
    monkeypatch.setattr(
        "fedlab_utils.data.hospital_cases.load_preprocessed",
        lambda files, *_: read.append(files.case_id),
    )
    hospital = make_hospitals(cohort, 2).hospitals[0]
    patients = hospital_patients(cohort, hospital, SETTINGS)
    assert read == []
    assert patients.train is patients.train
    assert tuple(read) == hospital.split.train


def test_a_prepared_cache_is_all_that_is_needed(cohort: Cohort, monkeypatch) -> None:
    hospital = make_hospitals(cohort, 2, "scanner", 1.0).hospitals[1]
    patients = hospital_patients(cohort, hospital, SETTINGS)
    assert build_cache(patients.files, SETTINGS, 1, equipment=patients.equipment) == ()
    monkeypatch.setattr("fedlab_utils.data.case.load_case", lambda _: pytest.fail("read again"))
    assert len(patients.train) == len(hospital.split.train)


def test_another_hospitals_patients_are_out_of_reach(cohort: Cohort) -> None:
    one, other = make_hospitals(cohort, 2).hospitals
    with pytest.raises(KeyError):
        hospital_patients(cohort, one, SETTINGS).load(other.split.train)
