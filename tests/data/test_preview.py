"""The preview against the whole patient on the same scanner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fedlab_utils.data import Case, load_case, load_cohort
from fedlab_utils.data.equipment import rendered_again
from fedlab_utils.data.phantom import SCANNERS
from fedlab_utils.data.phantom.scanner import Scanner
from fedlab_utils.data.preview import Preview
from tests.data import tiny

RESEARCH, THICK = SCANNERS["3T research"], SCANNERS["1.5T thick"]


def cut(section: np.ndarray, case: Case) -> np.ndarray:
    """The part of a slice that holds its brain."""
    middle = int((case.labels > 0).sum((0, 1)).argmax())
    where = np.argwhere((case.image[..., middle] != 0).any(0))
    (x0, y0), (x1, y1) = where.min(0), where.max(0)
    return section[..., x0 : x1 + 1, y0 : y1 + 1]


def quiet(scanner: Scanner) -> Scanner:
    """The scanner without noise and shading."""
    names = ("t1", "t1ce", "t2", "flair")
    silent = {name: replace(getattr(scanner, name), noise=0.0) for name in names}
    return replace(scanner, **silent, bias=0.0)


@pytest.mark.parametrize("scanner", [quiet(RESEARCH), quiet(THICK)], ids=lambda s: s.name)
def test_a_phantoms_slice_is_that_of_the_whole_patient_but_for_noise(
    phantom_dir: Path, scanner: Scanner
) -> None:
    files = load_cohort(phantom_dir).cases[0]
    case, preview = load_case(files), Preview(files, 7)
    middle = int((case.labels > 0).sum((0, 1)).argmax())
    np.testing.assert_array_equal(preview.labels, cut(case.labels[..., middle], case))
    whole = cut(rendered_again(case, scanner, 7).image[..., middle], case)
    found = preview.slice(scanner)
    np.testing.assert_array_equal(found != 0, whole != 0)
    for mine, due in zip(found, whole, strict=True):
        inside = due != 0
        assert np.corrcoef(mine[inside], due[inside])[0, 1] > 0.9
    np.testing.assert_array_equal(found, preview.slice(scanner))


def test_another_scanner_another_look(phantom_dir: Path) -> None:
    preview = Preview(load_cohort(phantom_dir).cases[0], 7)
    assert (preview.slice(RESEARCH) != preview.slice(THICK)).any()


def test_a_real_scan_is_as_it_came_at_the_reference(tmp_path: Path) -> None:
    files = replace(tiny.write(tmp_path), case_id="Brats18_Tiny_1_1")
    case, preview = load_case(files), Preview(files, None)
    middle = int((case.labels > 0).sum((0, 1)).argmax())
    due = cut(case.image[..., middle], case)
    np.testing.assert_array_equal(preview.slice(RESEARCH), due)
    thick = preview.slice(THICK)
    np.testing.assert_array_equal(thick != 0, due != 0)
    assert (thick != due).any()
