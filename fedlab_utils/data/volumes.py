"""Tumour volumes of a case; none is measured twice as long as its segmentation stays the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from fedlab_utils.data.case_files import CaseFiles
from fedlab_utils.data.conventions import REGIONS
from fedlab_utils.data.digests import fingerprint, settled
from fedlab_utils.data.labels import decode_labels
from fedlab_utils.data.nifti import read_stored
from fedlab_utils.data.regions import to_regions
from fedlab_utils.errors import DataError


def region_volumes(files: CaseFiles) -> tuple[float, ...]:
    """Return the volumes of ET, TC and WT in millilitres.

    NaN where there is no segmentation, or none that can be read. Nothing is read twice in a
    process as long as the file stays the same.
    """
    try:
        if files.label is not None:
            stats = fingerprint(files.label)
            measure = _measure if settled(stats) else _measure.__wrapped__
            return measure(files.label, files.scheme, tuple(stats))
    except (DataError, OSError):
        pass
    return (np.nan,) * len(REGIONS)


@cache
def _measure(label: Path, scheme: str, _: tuple[int, ...]) -> tuple[float, ...]:
    """Return the volumes of the regions, ml; remembered by the file's fingerprint, the last one."""
    raw, affine = read_stored(label, label.name)
    regions = to_regions(decode_labels(raw, scheme, label.name))
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    return tuple(float(np.count_nonzero(region) * voxel_ml) for region in regions)
