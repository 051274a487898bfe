"""What the viewer is given: patients in RAS with the network's labels on the same grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.course.gallery import open_gallery, origin, segmented, shipped_model
from fedlab_utils.data import load_case, load_cohort
from fedlab_utils.errors import CourseError, ModelError
from fedlab_utils.segmentation import predict_labels
from fedlab_utils.studies import gallery
from tests.studies.test_gallery import first_made, made  # noqa: F401 - fixtures


@pytest.fixture
def folder(made) -> Path:  # noqa: F811, ARG001
    """A gallery of its own."""
    return gallery.gallery_folder()


def assert_nearly_the_same(mine: np.ndarray, due: np.ndarray) -> None:
    """The viewer predicts in bfloat16 where that is fast: a few voxels near one half flip."""
    assert np.mean(mine != due) < 0.005
    assert np.mean((mine > 0) != (due > 0)[::-1]) > 0.005, "a mirrored map would not pass"


def test_the_gallery_shows_what_was_stored(folder: Path) -> None:
    model = shipped_model("toy")
    shown = {patient.name: patient for patient in open_gallery()}
    cases = [load_case(files) for files in load_cohort(folder / "patients")]
    assert set(shown) == {f"{case.files.case_id}, toy" for case in cases}
    for patient, case in zip(segmented(model, cases), cases, strict=True):
        stored = shown[f"{case.files.case_id}, toy"]
        assert_nearly_the_same(stored.predicted, patient.predicted)
        np.testing.assert_array_equal(stored.image, case.image)
        np.testing.assert_array_equal(stored.labels, case.labels)
        assert stored.about == "Network trained for 1.5 min on a CPU, commit abc."


def test_predictions_are_turned_to_ras_as_the_images_were(folder: Path) -> None:
    """BraTS files are stored left to right the other way; the viewer must not mirror tumours."""
    model = shipped_model("toy")
    case = load_case(load_cohort(folder / "patients").cases[0])
    (patient,) = segmented(model, [case], ["named"])
    in_file = predict_labels(model, case)
    assert patient.name == "named"
    assert case.grid.affine[0, 0] < 0, "stored right to left and front to back"
    assert case.grid.affine[1, 1] < 0
    assert_nearly_the_same(patient.predicted, in_file[::-1, ::-1])


def test_a_missing_or_damaged_gallery_names_the_way_out(folder: Path) -> None:
    (folder / "gallery.json").write_text("{")
    with pytest.raises(CourseError, match="study gallery"):
        open_gallery()
    with pytest.raises(CourseError, match="study gallery"):
        open_gallery(folder / "nothing")


def test_a_prediction_that_is_no_label_map_is_not_shown(folder: Path) -> None:
    path = next((folder / "predictions" / "toy").glob("*.nii.gz"))
    path.write_bytes(b"no scan")
    with pytest.raises(CourseError, match="study gallery"):
        open_gallery()


@pytest.mark.usefixtures("folder")
def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(ModelError, match="no such file"):
        shipped_model("nothing")


def test_origin_says_what_is_known() -> None:
    assert origin({}) == ""
    told = {"device": "a GPU", "training_seconds": 7200.0}
    assert origin(told) == "Network trained for 2.0 h on a GPU."
    second = told | {"settings": {"begin_with": "a blob"}}
    assert origin(second) == "Network trained for 2.0 h in its last stage on a GPU."
    assert origin(told | {"settings": {"begin_with": None}}) == origin(told)
