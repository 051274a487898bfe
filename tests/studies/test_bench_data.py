from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data.case import load_case
from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.preprocessing import PreprocessSettings, preprocess
from fedlab_utils.errors import FedLabError
from fedlab_utils.studies import bench_data

SETTINGS = PreprocessSettings(4.0)


def test_the_plain_loop_gives_what_the_package_gives(phantom_dir: Path) -> None:
    """A ratio of times says something only if both sides do the same work."""
    files = next(iter(load_cohort(phantom_dir)))
    plain = bench_data.plain_preprocessed(files, SETTINGS)
    ours = preprocess(load_case(files), SETTINGS)
    assert np.array_equal(plain.image, ours.image)
    assert np.array_equal(plain.labels, ours.labels)
    np.testing.assert_allclose(plain.affine, ours.affine)
    bench_data._check_same([plain], [ours])
    other = replace(ours, image=ours.image + 1)
    with pytest.raises(FedLabError, match="disagree"):
        bench_data._check_same([plain], [other])


def test_rows_are_ratios_of_what_they_state(
    phantom_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedlab_utils.data.phantom.write_cohort", lambda *_, **__: phantom_dir)
    monkeypatch.setattr(bench_data, "_phantom_seconds", lambda spacing, _: spacing)
    monkeypatch.setattr(bench_data, "_alone", lambda work, argument: work(argument))
    said = []
    result = bench_data.run(phantoms=4, say=said.append)
    assert len(said) == 4
    assert set(result) == {
        "phantom at 2 mm",
        "phantom at 1 mm",
        "cohort, cold",
        "cohort, warm cache",
    }
    assert result["phantom at 2 mm"]["ratio"] == pytest.approx(0.25 / (2.0 / 4))
    for name, against in (
        ("phantom at 1 mm", "budget_s"),
        ("cohort, cold", "plain_loop_s"),
        ("cohort, warm cache", "plain_loop_s"),
    ):
        row = result[name]
        assert row["ratio"] == pytest.approx(row[against] / row["seconds_per_patient"])
