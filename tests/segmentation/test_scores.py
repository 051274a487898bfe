"""Scores of a cohort: means over patients, medians, misses, the table and the JSON."""

from __future__ import annotations

import pytest

from fedlab_utils.errors import ClinicalTableError, MissingFileError
from fedlab_utils.segmentation.metrics import MEASURED, MISSED_MM, is_missed
from fedlab_utils.segmentation.scores import Evaluation


def row(case: str, patient: str, institution: str, dice: float, hd95: float = 1.0) -> dict:
    scores = {name: {"dice": dice, "hd95": hd95} for name in MEASURED}
    return {"case": case, "patient": patient, "institution": institution, **scores}


def test_two_outlines_that_never_meet_are_far_apart_but_not_missed() -> None:
    assert not is_missed({"dice": 0.0, "hd95": 120.0})
    assert not is_missed({"dice": 1.0, "hd95": 0.0}), "rightly absent"
    assert is_missed({"dice": 0.0, "hd95": MISSED_MM})


def test_medians_and_misses_of_visits_and_of_an_institution() -> None:
    """Visits of a patient are averaged before the median; a miss is counted per case."""
    result = Evaluation(
        (
            row("a0", "a", "01", 0.0, MISSED_MM),
            row("a1", "a", "01", 0.8, 3.0),
            row("b", "b", "02", 0.8, 5.0),
            row("c", "c", "02", 0.8, 7.0),
        )
    )
    assert result.median_hd95()["ET"] == 7.0
    assert result.median_hd95("01")["ET"] == pytest.approx((MISSED_MM + 3) / 2)
    assert (result.missed()["ET"], result.missed("02")["ET"]) == (1, 0)
    told = result.as_json()["institutions"]
    assert (told["02"]["WT"]["hd95_median"], told["02"]["WT"]["missed"]) == (6.0, 0)
    assert told["01"]["WT"]["missed"] == 1


def test_the_table_keeps_its_columns_apart_whatever_the_numbers() -> None:
    """All missed: the widest numbers there are; names of institutions may be long."""
    result = Evaluation((row("a", "a", "a hospital of a long name", 0.0, MISSED_MM),))
    *lines, _ = result.as_text().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[2].count(" 373.1 [373.1, 373.1]") == len(MEASURED)
    assert "a hospital of a long name median hd95 mm " in lines[7]


def test_institutions_and_visits() -> None:
    """A patient with two visits counts once; an institution's mean is of its own patients."""
    result = Evaluation(
        (row("a0", "a", "01", 0.2), row("a1", "a", "01", 0.4), row("b", "b", "02", 0.9))
    )
    assert result.institutions() == ("01", "02")
    assert result.mean()["WT"]["dice"].mean == pytest.approx((0.3 + 0.9) / 2)
    assert result.mean()["WT"]["dice"].patients == 2
    assert result.mean("01")["WT"]["dice"].mean == pytest.approx(0.3)


def test_the_three_regions_fit_into_a_narrow_notebook() -> None:
    """All missed: the widest numbers there are."""
    result = Evaluation(tuple(row(f"{n}", f"{n}", "01", 0.0, MISSED_MM) for n in range(100)))
    head, *lines = result.regions_as_text().splitlines()
    assert max(map(len, (head, *lines))) <= 70
    assert len({len(line) for line in (head, *lines[:3])}) == 1
    assert [line.split()[0] for line in lines[:3]] == ["ET", "TC", "WT"]
    assert lines[1].split("  ")[-1].strip() == "100 of 100"
    assert " 373.1 [373.1, 373.1] " in lines[1]


def test_the_narrow_table_tells_what_the_wide_one_tells() -> None:
    missing = MissingFileError("b", "there is no prediction", "Write it")
    rows = (row("a", "a", "01", 0.2, 4.0), row("c", "c", "01", 0.6, 6.0))
    result = Evaluation(rows, (missing,))
    (line,) = (x for x in result.regions_as_text().splitlines() if x.startswith("WT"))
    for label in ("all dice", "all hd95 mm", "all median hd95 mm", "all missed"):
        (wide,) = (x for x in result.as_text().splitlines() if x.startswith(label))
        cell = wide[20:][44:66].strip()
        assert cell
        assert f" {cell}" in line
    assert "not counted: 1 " in result.regions_as_text()


def test_a_faulty_table_costs_no_case_its_score() -> None:
    table = ClinicalTableError("survival.csv", "it is empty", "Copy it again")
    missing = MissingFileError("b", "there is no prediction", "Write it")
    rows = (row("a", "a", "01", 1.0),)
    assert Evaluation(rows, (table, missing)).not_scored == (missing,)
    assert "not counted: 1 " in Evaluation(rows, (table, missing)).as_text()
    assert "not counted" not in Evaluation(rows, (table,)).as_text()
    assert len(Evaluation(rows, (table, missing)).as_json()["problems"]) == 2
