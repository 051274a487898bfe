"""Other right answers pass; wrong ones and mutants are tried in ``course/test_lessons.py``."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from tests.course.checks.right import assert_accepted


def regions_by_membership(labels):
    groups = ([ENHANCING], [ENHANCING, NECROSIS], [ENHANCING, NECROSIS, OEDEMA])
    return np.array([np.isin(labels, group) for group in groups])


def labels_by_loop(raw, allowed):
    clean = np.zeros(raw.shape, np.uint8)
    for place, value in np.ndenumerate(raw):
        nearest = min(allowed, key=lambda label: abs(label - value))
        if not abs(nearest - value) <= 0.05:
            raise ValueError(value)
        clean[place] = nearest
    return clean


def ras_by_nibabel(volume, affine):
    return nibabel.as_closest_canonical(
        nibabel.Nifti1Image(volume, affine, dtype="int64")
    ).get_fdata()


def ras_step_by_step(volume, affine):
    for axis in range(3):
        j = int(np.nonzero(affine[axis, :3])[0][0])
        if affine[axis, j] < 0:
            volume = np.flip(volume, j)
    return np.moveaxis(volume, [0, 1, 2], [int(np.nonzero(affine[:3, j])[0][0]) for j in range(3)])


def split_by_shuffling(patients, test_fraction, rng):
    everyone = sorted(set(patients.tolist()))
    rng.shuffle(everyone)
    chosen = set(everyone[: round(test_fraction * len(everyone))])
    return np.array([patient in chosen for patient in patients])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("regions", regions_by_membership),
        ("clean_labels", labels_by_loop),
        ("to_ras", ras_by_nibabel),
        ("to_ras", ras_step_by_step),
        ("split_by_patient", split_by_shuffling),
    ],
)
def test_right_answers_written_otherwise_pass(name, answer) -> None:
    assert_accepted(name, answer)
