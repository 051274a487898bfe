from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import volumes as module
from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.cohort import load_cohort
from fedlab_utils.data.volumes import region_volumes
from tests.data.published import LPS, save, segmentation, write_case

IDS = ("Brats18_2013_2_1", "Brats18_2013_3_1")
AS_WRITTEN = pytest.approx((0.012, 0.024, 0.060))  # ET, TC, WT of the published layout's patient


@pytest.fixture
def files(tmp_path: Path) -> CaseFiles:
    for case_id in IDS:
        write_case(tmp_path / "HGG" / case_id, case_id)
    return load_cohort(tmp_path).files(IDS[0])


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the segmentations that were read, ten seconds after they were written."""
    names, real, now = [], module.read_stored, time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 10_000_000_000)
    monkeypatch.setattr(
        module, "read_stored", lambda path, case: names.append(path.name) or real(path, case)
    )
    return names


def test_volumes_are_voxels_times_voxel_size(files):
    assert region_volumes(files) == AS_WRITTEN
    save(files.label, segmentation(), LPS @ np.diag([2.0, 1, 3, 1]))
    assert region_volumes(files) == pytest.approx((0.072, 0.144, 0.360))


def test_a_segmentation_is_measured_once_as_long_as_it_stays_the_same(files, read):
    first = region_volumes(files)
    assert region_volumes(files) == region_volumes(replace(files)) == first == AS_WRITTEN
    assert read == [files.label.name]
    save(files.label, np.where(segmentation() == 2, 4, segmentation()).astype(np.uint8))
    assert region_volumes(files)[0] == pytest.approx(0.048)
    assert len(read) == 2
    # the same file read by another scheme is another segmentation
    region_volumes(replace(files, scheme="msd"))
    assert len(read) == 3


def test_a_file_that_may_still_be_written_is_not_remembered(files):
    for voxel, expected in ((4, 0.001), (0, 0.0)):
        mask = 0 * segmentation()
        mask[5, 5, 5] = voxel
        save(files.label, mask)
        assert region_volumes(files)[2] == pytest.approx(expected)


@pytest.mark.usefixtures("read")
def test_a_segmentation_that_was_broken_is_tried_again(files):
    content = files.label.read_bytes()
    files.label.write_bytes(b"")
    assert np.isnan(region_volumes(files)).all()
    files.label.write_bytes(content)
    assert region_volumes(files) == AS_WRITTEN


def test_a_case_without_segmentation_has_no_volume(files):
    assert np.isnan(region_volumes(replace(files, label=None))).all()
