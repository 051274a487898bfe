"""The baseline comes back as it was kept, with the cases that it belongs to."""

from __future__ import annotations

import json

import pytest

from fedlab_utils.course.baseline import baseline_path, load_baseline, save_baseline
from fedlab_utils.errors import CourseError
from fedlab_utils.segmentation import Evaluation, FitSettings


def evaluation() -> Evaluation:
    def row(case: str, dice: float) -> dict:
        names = ("ET", "TC", "WT", "oedema", "necrosis")
        scores = {name: {"dice": dice, "hd95": 10 * (1 - dice)} for name in names}
        return {"case": case, "patient": case, "institution": None, **scores}

    return Evaluation((row("a", 0.5), row("b", 0.9)))


def test_what_was_kept_is_read_back() -> None:
    assert load_baseline() is None
    kept = save_baseline(evaluation(), "two phantoms", "laptop", 36, 30.04, FitSettings(epochs=3))
    assert load_baseline() == kept
    assert kept.test_cases == ("a", "b")
    assert kept.dice["b"] == {"ET": 0.9, "TC": 0.9, "WT": 0.9}
    assert kept.mean["WT"]["dice"] == pytest.approx(0.7)
    assert kept.mean["WT"]["hd95"] == pytest.approx(3.0)
    assert (kept.train_patients, kept.seconds) == (36, 30.0)
    assert kept.settings["epochs"] == 3
    assert kept.settings["unet"]["width"] == 16


def test_a_later_one_replaces_an_earlier_one() -> None:
    save_baseline(evaluation(), "first", "laptop", 1, 1.0, FitSettings())
    save_baseline(evaluation(), "second", "laptop", 1, 1.0, FitSettings())
    assert load_baseline().data == "second"


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", json.dumps({"version": 0}), json.dumps({"version": 1, "x": 2})]
)
def test_a_damaged_file_names_itself_and_the_way_out(content: str) -> None:
    baseline_path().parent.mkdir(parents=True, exist_ok=True)
    baseline_path().write_text(content, encoding="utf-8")
    with pytest.raises(CourseError, match="Run lesson 03 again"):
        load_baseline()


def test_a_folder_in_its_place_is_reported() -> None:
    baseline_path().mkdir(parents=True)
    with pytest.raises(CourseError, match="cannot be written"):
        save_baseline(evaluation(), "x", "laptop", 1, 1.0, FitSettings())
