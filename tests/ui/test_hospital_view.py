"""The explorer of hospitals: what it shows is what the package deals, for every setting."""

from __future__ import annotations

import html
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fedlab_utils.data import (
    SEQUENCES,
    Cohort,
    PreprocessSettings,
    load_cohort,
    load_preprocessed,
    make_hospitals,
)
from fedlab_utils.data.heterogeneity import intensity_profile
from fedlab_utils.data.hospitals import KINDS
from fedlab_utils.data.phantom import write_cohort
from fedlab_utils.errors import DataError
from fedlab_utils.ui import HospitalExplorer
from fedlab_utils.ui.hospital_words import dealt, sorted_by
from tests.ui.drive import drive

SETTINGS = PreprocessSettings(spacing=8.0)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    out = tmp_path_factory.mktemp("many") / "cohort"
    return load_cohort(write_cohort(out, 14, seed=7, spacing=8.0, workers=1))


@pytest.fixture(scope="module")
def profiles(cohort: Cohort, tmp_path_factory: pytest.TempPathFactory) -> dict:
    cache = tmp_path_factory.mktemp("cache")
    patients = [load_preprocessed(files, SETTINGS, cache) for files in cohort]
    return {p.case_id: intensity_profile(p.image, p.brain) for p in patients}


def test_every_setting_shows_the_hospitals_that_the_package_makes(
    cohort: Cohort, profiles: dict
) -> None:
    explorer = HospitalExplorer(cohort, settings=SETTINGS, profiles=profiles)

    def skew() -> float | None:
        return None if explorer.skew.disabled else explorer.skew.value

    def check() -> None:
        kind, merge = explorer.kind.value, explorer.kind.value == "institution"
        count = len(explorer.partition)
        assert count == explorer.count.value or merge
        due = make_hospitals(
            cohort, count, kind, explorer.skew.value, explorer.seed.value, merge_small=merge
        )
        assert explorer.partition == due
        names = [hospital.name for hospital in due.hospitals]
        assert list(explorer.report.index) == list(explorer.samples) == names
        bars = np.sum([trace.y for trace in explorer.plot.data[:3]], axis=0)
        assert tuple(bars) == due.sizes()
        volumes = cohort.with_volumes()["volume_wt_ml"]
        assert sorted(explorer.plot.data[5].y) == pytest.approx(sorted(volumes))
        told = html.unescape(explorer._text.value)
        assert f"dealt to {count} hospitals" in told
        assert dealt(explorer.report, kind, skew()) in told
        assert sorted_by(explorer.partition, cohort.with_volumes(), kind) in told
        for hospital in due.hospitals:
            sample = explorer.samples[hospital.name]
            if kind != "scanner":
                assert sample.case_id in hospital.split.train
            assert (sample.image is None) == (hospital.missing == explorer.sequence.value)

    check()
    assert drive(explorer, check) > 20
    assert {value for _, value in explorer.kind.options} == set(KINDS)


def test_a_sample_is_the_patients_fullest_slice(cohort: Cohort) -> None:
    explorer = HospitalExplorer(cohort, settings=SETTINGS)
    explorer.sequence.value = "T1ce"
    for sample in explorer.samples.values():
        patient = load_preprocessed(cohort.files(sample.case_id), SETTINGS)
        areas = (patient.labels > 0).sum((0, 1))
        at = int(areas.argmax())
        np.testing.assert_array_equal(sample.labels, patient.labels[..., at])
        np.testing.assert_array_equal(
            sample.image, patient.image[SEQUENCES.index("T1ce"), ..., at].astype(np.float32)
        )


def test_scanners_show_one_patient_and_drift_apart(cohort: Cohort) -> None:
    explorer = HospitalExplorer(cohort, settings=SETTINGS)
    explorer.kind.value = "scanner"
    assert len({sample.case_id for sample in explorer.samples.values()}) == 1
    looks = [f"intensity_{s.lower()}" for s in SEQUENCES]
    np.testing.assert_allclose(explorer.report[looks], 0, atol=1e-6)
    explorer.skew.value = 1.0
    assert explorer.report[looks].mean(axis=None) > 0.03
    assert "The slices show one patient" in explorer.describe()
    assert "Look of the scans, mean distance from all hospitals together: H1" in explorer.describe()


def test_intensity_figures_leave_out_what_is_lacking(cohort: Cohort, profiles: dict) -> None:
    explorer = HospitalExplorer(cohort, settings=SETTINGS, profiles=profiles)
    explorer.kind.value, explorer.skew.value = "missing_sequence", 1.0
    for name, row in explorer.report.iterrows():
        lacking = [s for s in SEQUENCES if np.isnan(row[f"intensity_{s.lower()}"])]
        assert lacking == [row.missing]
        assert f"{name} {row.missing}" in explorer.describe()
    before = next(iter(profiles.values()))
    assert np.isfinite(before).all(), "the profiles handed in are not changed"


def test_what_cannot_be_dealt_is_not_offered(cohort: Cohort) -> None:
    table = cohort.with_volumes().assign(grade=None, survival_days=np.nan, volume_et_ml=1.0)
    explorer = HospitalExplorer(cohort, table, SETTINGS)
    offered = {value for _, value in explorer.kind.options}
    assert offered == set(KINDS) - {"grade", "survival", "enhancing"}
    assert explorer.count.max == 4


def test_too_few_patients_are_refused(cohort: Cohort) -> None:
    few = cohort.subset([case.case_id for case in cohort.cases[:5]])
    with pytest.raises(DataError, match="5 patients are too few for 2 hospitals"):
        HospitalExplorer(few, settings=SETTINGS)


def test_a_file_that_tells_lies_of_the_phantoms_is_refused_at_once(tmp_path: Path) -> None:
    out = write_cohort(tmp_path / "cohort", 6, seed=7, spacing=8.0, workers=1)
    (out / "phantom.json").write_text('{"seed": 8}')
    with pytest.raises(DataError, match="take the file out"):
        HospitalExplorer(load_cohort(out), settings=SETTINGS)


def test_the_twin_tells_what_the_widget_does(cohort: Cohort) -> None:
    explorer = HospitalExplorer(cohort, settings=SETTINGS)
    explorer.kind.value, explorer.skew.value = "volume", 0.6
    twin = explorer.twin()
    assert twin.alt == explorer.describe()
    assert "14 patients dealt to 4 hospitals by tumour volume, skew 0.60" in twin.alt
    assert np.asarray(Image.open(io.BytesIO(twin.png)).convert("L")).std() > 20
    explorer.kind.value = "iid"
    assert explorer.skew.disabled
    assert "skew" not in explorer.describe()
