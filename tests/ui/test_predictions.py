"""The viewer's numbers and pixels against the arrays that it was given."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fedlab_utils.data.conventions import REGIONS, SEQUENCES
from fedlab_utils.errors import DataError
from fedlab_utils.ui import PredictionViewer, Segmented
from fedlab_utils.ui.colours import LABEL_STYLES
from tests.ui.drive import drive
from tests.ui.scans import small_scan

VALUES = {"ET": (3,), "TC": (1, 3), "WT": (1, 2, 3)}


def patient(name: str, shift: int = 0, labelled: bool = True) -> Segmented:
    scan = small_scan()
    predicted = np.roll(scan.labels, shift, axis=0)
    labels = scan.labels if labelled else None
    return Segmented(name, scan.image, predicted, labels, scan.spacing, "Made by hand.")


def dice_by_counting(mine: np.ndarray, due: np.ndarray, region: str) -> float:
    a = {tuple(v) for v in np.argwhere(np.isin(mine, VALUES[region]))}
    b = {tuple(v) for v in np.argwhere(np.isin(due, VALUES[region]))}
    return 2 * len(a & b) / (len(a) + len(b))


def test_every_control_shows_what_the_arrays_say() -> None:
    viewer = PredictionViewer([patient("first", 2), patient("second", 4, labelled=False)])

    def check() -> None:
        shown, here = viewer.shown, viewer._patients[viewer.patient.value]
        assert shown["index"] == viewer.slice.value
        for region in REGIONS:
            mine, due = shown["area_cm2"][region]
            for labels, area in ((here.predicted, mine), (here.labels, due)):
                if labels is None:
                    assert area is None
                    continue
                voxels = sum(v in VALUES[region] for v in labels[..., shown["index"]].ravel())
                assert area == pytest.approx(voxels * 1.0 * 1.5 / 100)
            if here.labels is not None:
                due = dice_by_counting(here.predicted, here.labels, region)
                assert shown["dice"][region] == pytest.approx(due)
                assert f"{region} {due:.2f}" in viewer._text.value
        assert (shown["dice"] == {}) == (here.labels is None)
        assert "Made by hand." in viewer._text.value

    assert drive(viewer, check) > 10


def test_the_dice_beside_a_picture_is_that_of_the_evaluation(phantom_dir: Path) -> None:
    """What lesson 03 shows of a patient and what its table counts: same grid, same setting."""
    from fedlab_utils.course.gallery import segmented
    from fedlab_utils.data import PreprocessSettings, load_cohort
    from fedlab_utils.segmentation import TrainedModel, UNetSettings, evaluate_model, fast_precision
    from tests.segmentation.test_prediction import Bright

    class Slanted(Bright):
        """Believes in tumours on one side more than on the other."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            slope = torch.linspace(-20, 20, image.shape[2]).view(-1, 1)
            return super().forward(image) + slope

    cohort = load_cohort(phantom_dir)
    cohort = cohort.subset(case.case_id for case in cohort.cases[:2])
    model = TrainedModel(Slanted(), UNetSettings(), PreprocessSettings(spacing=8.0), (32, 32))
    scores = evaluate_model(model, cohort, flip=False, precision=fast_precision())
    viewer = PredictionViewer(segmented(model, [cohort.load(case.case_id) for case in cohort]))
    for row in scores.cases:
        viewer.patient.value = row["case"]
        assert viewer.shown["dice"] == {region: row[region]["dice"] for region in REGIONS}
    mirrored = evaluate_model(model, cohort, flip=True, precision=fast_precision())
    assert mirrored.cases[-1]["WT"]["dice"] != viewer.shown["dice"]["WT"] > 0


def test_the_panes_show_truth_on_the_left_and_prediction_on_the_right() -> None:
    """The picture's pane at the middle of a region has that label's colour, in that pane only."""
    scan = small_scan()
    nothing = np.zeros_like(scan.labels)
    there = scan.labels
    for labels, predicted, coloured in ((there, nothing, 1), (nothing, there, 2)):
        viewer = PredictionViewer([Segmented("p", scan.image, predicted, labels, scan.spacing)])
        viewer.slice.value = 4
        picture = np.asarray(Image.open(io.BytesIO(viewer._picture.value)).convert("RGB")).astype(
            int
        )
        panes = [picture[46:-48, 18 + n * 321 : 298 + n * 321] for n in range(3)]
        colour = [int(np.ptp(pane, axis=2).max() > 40) for pane in panes]
        assert colour == [int(n == coloured) for n in range(3)]


def test_the_overlay_lies_where_the_label_lies() -> None:
    """Radiological, as on a screen in the clinic: the patient's right on the picture's left."""
    scan = small_scan()
    predicted = np.zeros_like(scan.labels)
    predicted[2:5, 3:6, 4] = 3
    viewer = PredictionViewer([Segmented("p", scan.image, predicted, None, scan.spacing)])
    viewer.slice.value = 4
    pane = np.asarray(Image.open(io.BytesIO(viewer._picture.value)).convert("RGB")).astype(int)
    pane = pane[28:-30, 2 * 318 : 2 * 318 + 310]
    lit = np.argwhere(np.ptp(pane, axis=2) > 40)
    rgb = np.array(LABEL_STYLES[3].rgb)
    hue = pane[tuple(lit.mean(0).round().astype(int))] - pane.min()
    assert np.argmax(hue) == np.argmax(rgb)
    centre = lit.mean(0) / pane.shape[:2]
    assert centre[0] > 0.5, "low y is posterior, drawn below"
    assert centre[1] > 0.5, "low x is the patient's left in this scan's RAS, drawn on the right"


def test_without_truth_nothing_is_scored_and_the_pane_says_so() -> None:
    viewer = PredictionViewer([patient("p", labelled=False)])
    assert viewer.shown["dice"] == {}
    assert "reference" not in viewer.describe().split("Area", 1)[1]


def test_it_opens_on_the_slice_with_the_most_tumour() -> None:
    scan = small_scan()
    viewer = PredictionViewer([patient("p")])
    assert viewer.slice.value == int((scan.labels > 0).sum((0, 1)).argmax())


def test_patients_of_different_depth_can_follow_each_other() -> None:
    deep, flat = patient("deep"), patient("flat")
    flat = replace(
        flat,
        image=flat.image[..., 3:8],
        predicted=flat.predicted[..., 3:8],
        labels=flat.labels[..., 3:8],
    )
    viewer = PredictionViewer([deep, flat])
    viewer.slice.value = 11
    viewer.patient.value = "flat"
    assert viewer.slice.max == 4
    viewer.slice.value = 4
    viewer.patient.value = "deep"
    assert viewer.slice.max == 11


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_the_alt_text_is_that_of_the_state(sequence: str) -> None:
    viewer = PredictionViewer([patient("p")])
    viewer.sequence.value = sequence
    assert viewer.twin().alt.startswith(f"p, {sequence}, axial slice {viewer.slice.value}")


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(DataError, match="no patient"):
        PredictionViewer([])
    odd = replace(patient("odd"), predicted=np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(DataError, match="odd"):
        PredictionViewer([odd])
