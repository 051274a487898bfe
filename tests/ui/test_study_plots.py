"""Figures of recorded studies: their words against means taken by hand, and that they say so."""

from __future__ import annotations

import numpy as np
import pytest

from fedlab_utils.errors import CourseError
from fedlab_utils.ui import more_patients, which_sequence
from fedlab_utils.ui.study_plots import provenance_note

ALL = ["T1", "T1ce", "T2", "FLAIR"]


def row(patients: int, sequences: list[str], seed: int, et: float) -> dict:
    dice = {case: [et + shift, 0.5, 0.9] for case, shift in (("a", 0.0), ("b", 0.1))}
    return {
        "settings": {"patients": patients, "sequences": sequences, "seed": seed},
        "result": {"dice": dice},
        "provenance": {"date": f"2026-01-0{seed + 1} 10:00", "device": "a CPU", "commit": "abc"},
    }


ROWS = [
    row(n, sequences, seed, et + 0.02 * seed)
    for n, sequences, et in (
        (8, ALL, 0.2),
        (64, ALL, 0.6),
        (64, ["T1ce"], 0.5),
        (64, ["FLAIR"], 0.1),
        (64, ["T1ce", "FLAIR"], 0.55),
    )
    for seed in (0, 1)
]


def test_more_patients_tells_the_ends_of_each_line() -> None:
    alt = more_patients(ROWS).alt
    first, last = (np.mean([e, e + 0.1, e + 0.02, e + 0.12]) for e in (0.2, 0.6))
    assert f"ET {first:.2f} to {last:.2f}" in alt
    assert "8 to 64 training patients" in alt


def test_which_sequence_names_the_best_single_one() -> None:
    alt = which_sequence(ROWS).alt
    assert f"ET: best alone is T1ce ({np.mean([0.5, 0.6, 0.52, 0.62]):.2f})" in alt


@pytest.mark.parametrize("plot", [more_patients, which_sequence])
def test_a_recorded_figure_says_so(plot) -> None:
    assert "recorded until 2026-01-02, 2 seeds a point, a CPU, commit abc" in plot(ROWS).alt
    assert "Dice on the network's grid of 2 mm, small pieces left in" in plot(ROWS).alt
    assert "1 seed a point" in plot([r for r in ROWS if r["settings"]["seed"] == 0]).alt
    assert "1 to 2 seeds a point" in plot(ROWS[:-1] if plot is which_sequence else ROWS[1:]).alt


def test_every_piece_of_an_interrupted_cell_is_named() -> None:
    about = ROWS[-1]["provenance"]
    earlier = {**about, "device": "an older CPU", "commit": "f00", "date": "2025-12-31 09:00"}
    interrupted = {**ROWS[-1], "provenance": {**about, "pieces": [earlier, about]}}
    note = provenance_note([*ROWS[:-1], interrupted])
    assert "a CPU, an older CPU, commit abc, f00" in note
    assert "until 2026-01-02" in note


@pytest.mark.parametrize("plot", [more_patients, which_sequence])
def test_without_rows_the_way_out_is_named(plot) -> None:
    with pytest.raises(CourseError, match="study pooled_training"):
        plot([])
