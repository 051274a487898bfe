from __future__ import annotations

import nibabel as nib
import numpy as np

from fedlab_utils.data.phantom import clinical_record, make_patient
from fedlab_utils.data.phantom.patient import ras_affine


def test_a_patient_is_complete_and_agrees_with_itself() -> None:
    patient = make_patient(4, seed=1, spacing=4.0)
    assert patient.image.shape == (4, 60, 60, 39)
    assert patient.labels.shape == patient.mask.shape == (60, 60, 39)
    assert not patient.labels[~patient.mask].any()
    assert (patient.image[0] > 0)[patient.mask].all()
    assert patient.clinical == clinical_record(4, seed=1)
    assert patient.case_id == f"Phantom{patient.clinical['institution']}_005"
    grade, enhancing = patient.clinical["grade"], (patient.labels == 3).any()
    assert grade == "LGG" or enhancing or patient.anatomy.plan.tumour.style == "none"


def test_patient_five_alone_is_patient_five_of_ten() -> None:
    ten = [make_patient(index, seed=6, spacing=6.0) for index in range(10)]
    alone = make_patient(5, seed=6, spacing=6.0)
    np.testing.assert_array_equal(alone.image, ten[5].image)
    np.testing.assert_array_equal(alone.labels, ten[5].labels)
    assert alone.clinical == ten[5].clinical
    assert len({patient.case_id for patient in ten}) == 10


def test_the_space_is_that_of_brats_in_ras() -> None:
    assert nib.aff2axcodes(ras_affine(1.0)) == ("R", "A", "S")
    published = np.array([[-1, 0, 0, 0], [0, -1, 0, 239], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    # Voxel (0, 0, 0) of a file is the last one along x and y in RAS.
    np.testing.assert_allclose(ras_affine(1.0) @ [239, 239, 0, 1], published @ [0, 0, 0, 1])
    # At any spacing the volume has the same corner.
    for spacing in (1.0, 2.0, 4.0):
        corner = ras_affine(spacing) @ [-0.5, -0.5, -0.5, 1]
        np.testing.assert_allclose(corner[:3], [-239.5, -0.5, -0.5])


def test_another_scanner_same_labels() -> None:
    own = make_patient(2, seed=1, spacing=5.0)
    moved = make_patient(2, seed=1, spacing=5.0, scanner="1.5T noisy")
    np.testing.assert_array_equal(own.labels, moved.labels)
    assert (own.image != moved.image).any()
