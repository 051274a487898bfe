"""Other right answers pass, likely slips get their name; see ``course/test_lessons.py`` too."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
import torch

from fedlab_utils.data.conventions import ENHANCING, NECROSIS, OEDEMA
from tests.course.checks.right import assert_accepted, message_to


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
        ("regions", lambda labels: list(regions_by_membership(labels))),
        ("regions", lambda labels: regions_by_membership(labels).tolist()),
        ("regions", lambda labels: torch.tensor(regions_by_membership(labels))),
        ("regions", lambda labels: [torch.tensor(m) for m in regions_by_membership(labels)]),
        ("clean_labels", labels_by_loop),
        ("clean_labels", lambda raw, allowed: labels_by_loop(raw, allowed).tolist()),
        ("clean_labels", lambda raw, allowed: torch.tensor(labels_by_loop(raw, allowed))),
        ("to_ras", ras_by_nibabel),
        ("to_ras", ras_step_by_step),
        ("split_by_patient", split_by_shuffling),
        ("split_by_patient", lambda *given: split_by_shuffling(*given).tolist()),
    ],
)
def test_right_answers_written_otherwise_pass(name, answer) -> None:
    assert_accepted(name, answer)


def regions_of_2021(labels):
    return np.stack([labels == 4, (labels == 4) | (labels == NECROSIS), labels > 0])


def regions_without_necrosis(labels):
    enhancing = labels == ENHANCING
    return np.stack([enhancing, enhancing, labels > 0])


def labels_by_truth_value(raw, _allowed):
    rounded = np.rint(raw)
    if abs(raw - rounded) > 0.05:
        raise ValueError("not near an integer")
    return rounded.astype(np.uint8)


def labels_that_must_be_integers(raw, _allowed):
    if (raw != np.rint(raw)).any():
        raise ValueError("no integers here")
    return raw.astype(np.uint8)


def labels_by_assertion(raw, allowed):
    rounded = np.rint(raw)
    assert (np.abs(raw - rounded) <= 0.05).all()
    assert np.isin(rounded, allowed).all()
    return rounded.astype(np.uint8)


def ras_backwards(volume, affine):
    return np.flip(ras_by_nibabel(volume, affine), (0, 1, 2))


def lps(volume, affine):
    return np.flip(ras_by_nibabel(volume, affine), (0, 1))


def split_by_throws(patients, test_fraction, rng):
    everyone = np.unique(patients)
    return np.isin(patients, everyone[rng.random(len(everyone)) < test_fraction])


def split_by_share_of_scans(patients, test_fraction, rng):
    count = round(test_fraction * len(patients))
    return np.isin(patients, rng.choice(np.unique(patients), size=count, replace=False))


def split_with_putting_back(patients, test_fraction, rng):
    everyone = np.unique(patients)
    return np.isin(patients, rng.choice(everyone, size=round(test_fraction * len(everyone))))


def split_of_scans(patients, test_fraction, rng):
    count = round(test_fraction * len(np.unique(patients)))
    return np.isin(patients, rng.choice(patients, size=count, replace=False))


def split_names(patients, test_fraction, rng):
    everyone = np.unique(patients)
    return rng.choice(everyone, size=round(test_fraction * len(everyone)), replace=False)


def split_rounded_down(patients, test_fraction, rng):
    everyone = np.unique(patients)
    count = int(test_fraction * len(everyone))
    return np.isin(patients, rng.choice(everyone, size=count, replace=False))


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("regions", regions_of_2021, "Do you ask for 4?"),
        ("regions", lambda labels: regions_by_membership(labels).astype(int).tolist(), "int64"),
        (
            "clean_labels",
            lambda raw, allowed: labels_by_loop(raw, allowed).astype(int),
            "type is int64; uint8 is due",
        ),
        ("regions", lambda labels: labels * regions_by_membership(labels), "type uint8"),
        ("clean_labels", labels_by_truth_value, "`ValueError: The truth value of an array"),
        ("clean_labels", labels_by_truth_value, "if abs(raw - rounded) > 0.05:"),
        ("clean_labels", labels_that_must_be_integers, "(Your error says: no integers here.)"),
        ("to_ras", ras_backwards, "Always backwards in your result: axis 0 and axis 1 and axis 2."),
        ("to_ras", lps, "Always backwards in your result: axis 0 and axis 1."),
        ("to_ras", lambda volume, _: volume, "return shape (2, 4, 3) and shape (2, 3, 4) is due"),
        ("split_by_patient", split_by_throws, "a throw of its own"),
        ("split_by_patient", split_by_share_of_scans, "of the 26 *scans*"),
        ("split_by_patient", split_with_putting_back, "putting back"),
        ("split_by_patient", split_of_scans, "Do you draw from the scans"),
        ("split_by_patient", split_names, "an array of True and False, not `['p"),
        ("clean_labels", labels_by_assertion, "`assert` raises `AssertionError`"),
        ("split_by_patient", split_rounded_down, "not always down"),
    ],
)
def test_a_likely_slip_gets_its_name(name, answer, says) -> None:
    assert says in message_to(name, answer)


def test_a_wrong_region_is_named_with_a_voxel() -> None:
    message = message_to("regions", regions_without_necrosis)
    assert message.startswith("TC is wrong: ")
    assert "of 210 voxels differ; at (" in message
    assert message.endswith("yours is False, True is due. The voxel's label is 1.")


def test_a_library_that_refuses_is_no_refusal_of_the_student() -> None:
    def raising(raw, _allowed):
        return np.stack([raw, raw[0]])

    message = message_to("clean_labels", raising)
    assert message.startswith("`ValueError: all input arrays must have the same shape`")
    assert "return np.stack([raw, raw[0]])" in message
