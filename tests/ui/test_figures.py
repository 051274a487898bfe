"""The static figures: their words against numbers taken from the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fedlab_utils.data import load_cohort, preprocess
from fedlab_utils.ui import intensity_histograms, volumes_by_institution


def test_histograms_name_the_range_of_the_patients_medians(phantom_dir: Path) -> None:
    cohort = load_cohort(phantom_dir)
    cases = [cohort.load(files.case_id) for files in cohort.cases[:3]]
    picture = intensity_histograms(cases, [preprocess(case) for case in cases])
    medians = [float(np.median(case.image[2][case.image[2] != 0])) for case in cases]
    assert f"T2 {min(medians):.4g} to {max(medians):.4g}" in picture.alt
    assert "3 patients" in picture.alt


def test_volumes_by_institution_names_each_institution() -> None:
    table = pd.DataFrame(
        {
            "institution": ["A1", "A1", "B2", "B2"],
            "patient_id": list("abcd"),
            "volume_et_ml": [1.0, 3.0, 5.0, 7.0],
            "volume_tc_ml": [10.0, 30.0, 50.0, 70.0],
            "volume_wt_ml": [20.0, 40.0, 60.0, 80.0],
        },
        index=list("wxyz"),
    )
    alt = volumes_by_institution(table).alt
    assert "A1" in alt
    assert "B2" in alt
